//go:build linux && amd64

package linux

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/peer"
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
	full := fdPath(fd)
	if p.isGuestDir(full) {
		return func(name string) bool { return foreignFiles[name] }
	}
	dir, base := path.Split(full)
	if base != "fd" && base != "fdinfo" && base != "task" {
		return nil
	}
	dir = path.Clean(dir)
	if _, own := p.ownProcDir(dir); own {
		if base == "task" {
			return hiddenUnless(p.hasTask)
		}
		return hiddenIf(p.reserved.has)
	}
	pid, _, ok := otherProcDir(dir)
	if !ok {
		return nil
	}
	other, err := peer.Open(pid)
	if err != nil {
		return nil
	}
	if base == "task" {
		tids := other.Threads(pid)
		return hiddenUnless(func(tid int) bool { return slices.Contains(tids, tid) || tid == pid })
	}
	own := other.Hidden()
	return hiddenIf(func(fd int) bool { return slices.Contains(own, fd) })
}

// isGuestDir reports whether a clean path is the directory of a guest process in /proc,
// or of a thread of one.
func (p *Process) isGuestDir(dir string) bool {
	if _, own := p.ownProcDir(dir); own {
		return true
	}
	return otherPeer(dir) != nil
}

// hiddenIf and hiddenUnless hide names that are numbers with, or without, a property.
func hiddenIf(has func(n int) bool) func(name string) bool {
	return func(name string) bool {
		n, err := strconv.Atoi(name)
		return err == nil && has(n)
	}
}

func hiddenUnless(has func(n int) bool) func(name string) bool {
	return hiddenIf(func(n int) bool { return !has(n) })
}

// hasTask reports whether tid is a thread of the guest.
func (p *Process) hasTask(tid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tasks[tid] != nil
}
