//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Types of kcmp(2) that look at descriptors, and the size
// of struct kcmp_epoll_slot.
const (
	kcmpFile        = 0
	kcmpEpollTFD    = 7
	sizeofEpollSlot = 12
)

// sysKcmp is kcmp(2). Descriptors of hospes's are closed ones to the guest.
func sysKcmp(t *Task, c *Call) (uint64, syscall.Errno) {
	kind, idx1, idx2 := c.Int(2), c.Args[3], uintptr(c.Args[4])
	own := func(pid int, fd uint64) bool {
		return (pid == t.P.Pid() || pid == t.TID) && t.P.reserved.has(int(uint32(fd)))
	}
	if (kind == kcmpFile || kind == kcmpEpollTFD) && own(c.Int(0), idx1) || kind == kcmpFile && own(c.Int(1), c.Args[4]) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	if kind == kcmpEpollTFD {
		var e syscall.Errno
		if idx2, e = m.buffer(c.Args[4], sizeofEpollSlot, mem.Read, true); e != 0 {
			return 0, e
		}
	}
	return t.Syscall(unix.SYS_KCMP, uintptr(c.Int(0)), uintptr(c.Int(1)), uintptr(kind), uintptr(idx1), idx2)
}
