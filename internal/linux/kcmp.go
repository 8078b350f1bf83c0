//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
)

// Types of kcmp(2) that are not the host's affair alone, and the size
// of struct kcmp_epoll_slot.
const (
	kcmpFile        = 0
	kcmpSysVSem     = 6
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
	r, e := t.Syscall(unix.SYS_KCMP, uintptr(c.Int(0)), uintptr(c.Int(1)), uintptr(kind), uintptr(idx1), idx2)
	if kind == kcmpSysVSem && e == 0 && r != 0 && !undoes(c.Int(0)) && !undoes(c.Int(1)) {
		return 0, 0 // it is Go's threads that have lists
	}
	return r, e
}

// undoes reports whether a process, on the host, may have a list of adjustments of
// semaphores of its own. Two that have none have the same.
func undoes(pid int) bool {
	p, err := peer.Open(pid)
	return err != nil || p.D.Undoes.Load()
}
