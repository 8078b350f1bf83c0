//go:build linux && amd64

package linux

import (
	"bytes"
	"encoding/binary"
	"path"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysGetdents64 is getdents64(2). The layout is the same on both sides. Entries of
// /proc/self/fd and /proc/self/task that are hospes's own are left out.
func sysGetdents64(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, size := c.Int(0), c.Uint(2)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	hidden := t.P.hiddenEntries(fd)
	if hidden == nil {
		return hostCall(unix.SYS_GETDENTS64)(t, c)
	}
	buf := make([]byte, min(size, 1<<16))
	for {
		n, e := t.Syscall(unix.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
		if e != 0 || n == 0 {
			return 0, e
		}
		kept := filterEntries(buf[:n], hidden)
		if len(kept) == 0 {
			continue // 0 would mean the end
		}
		if t.Mem.CopyOut(c.Args[1], kept) != nil {
			return 0, syscall.EFAULT
		}
		return uint64(len(kept)), 0
	}
}

// Offsets in struct linux_dirent64.
const (
	direntReclen = 16
	direntName   = 19
)

// filterEntries removes the entries whose names are hidden from a list of struct
// linux_dirent64, in place.
func filterEntries(list []byte, hidden func(name string) bool) []byte {
	kept := list[:0]
	for len(list) > direntName {
		n := int(binary.NativeEndian.Uint16(list[direntReclen:]))
		name, _, _ := bytes.Cut(list[direntName:n], []byte{0})
		if !hidden(string(name)) {
			kept = append(kept, list[:n]...)
		}
		list = list[n:]
	}
	return kept
}

// hiddenEntries returns which entries of an open directory the guest must not see,
// or nil if it is no such directory.
func (p *Process) hiddenEntries(fd int) func(name string) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return nil
	}
	dir, base := path.Split(fdPath(fd))
	if _, ok := p.ownProcDir(path.Clean(dir)); !ok {
		return nil
	}
	switch base {
	case "fd", "fdinfo":
		return func(name string) bool {
			n, err := strconv.Atoi(name)
			return err == nil && p.reserved.has(n)
		}
	case "task":
		return func(name string) bool {
			tid, err := strconv.Atoi(name)
			return err == nil && !p.hasTask(tid)
		}
	}
	return nil
}

// hasTask reports whether tid is a thread of the guest.
func (p *Process) hasTask(tid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tasks[tid] != nil
}
