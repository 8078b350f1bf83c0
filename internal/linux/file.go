//go:build linux && amd64

package linux

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// fileState is what a process keeps about its files beyond what the host keeps.
type fileState struct {
	chrooted atomic.Bool // the guest has changed its root: the sysroot lies over it no more
	mem      memFiles    // open /proc/pid/mem (procmem.go)

	snapshots snapshotFiles // open files that procview has written (snapshot.go)
}

// ioScratch is memory of a task for what the host reads or writes during one
// call, so that frequent calls allocate nothing. It is part of the Task, which
// does not move.
type ioScratch struct {
	raw   []byte
	iov   []iovec
	event []unix.EpollEvent
	stat  unix.Stat_t
}

// bytes returns n bytes of scratch memory, their contents undefined.
func (s *ioScratch) bytes(n int) []byte {
	if cap(s.raw) < n {
		s.raw = make([]byte, n)
	}
	return s.raw[:n]
}

// sysClose is close(2). When a signal interrupts it, the descriptor is closed
// nevertheless, so that EINTR must not restart it.
func sysClose(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	return t.Syscall(unix.SYS_CLOSE, uintptr(fd))
}

// sysCloseRange is close_range(2); it passes over the descriptors of hospes.
func sysCloseRange(t *Task, c *Call) (uint64, syscall.Errno) {
	first, last, flags := c.Uint(0), c.Uint(1), uintptr(c.Uint(2))
	if first > last {
		return 0, syscall.EINVAL
	}
	next := uint64(first)
	for _, fd := range t.P.reserved.list() {
		if at := uint64(fd); at >= next && at <= uint64(last) {
			if at > next {
				if _, _, e := syscall.Syscall(unix.SYS_CLOSE_RANGE, uintptr(next), uintptr(at-1), flags); e != 0 {
					return 0, e
				}
			}
			next = at + 1
		}
	}
	if next > uint64(last) {
		return 0, 0
	}
	_, _, e := syscall.Syscall(unix.SYS_CLOSE_RANGE, uintptr(next), uintptr(last), flags)
	return 0, e
}

// openPath resolves the path argument at addr and has open make the call with it.
// Files of /proc whose contents differ for the guest are opened in their stead if
// only their contents are wanted.
func (t *Task) openPath(dirfd int, addr uint64, flags uint64, open func(path uintptr) (uint64, syscall.Errno)) (uint64, syscall.Errno) {
	name, e := t.readPath(addr)
	if e != 0 {
		return 0, e
	}
	if t.P.reserved.has(dirfd) {
		return 0, syscall.EBADF
	}
	if fd, e, ok := t.openProc(dirfd, name, flags); ok {
		return fd, e
	}
	exclusive := flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL
	follow := flags&unix.O_NOFOLLOW == 0 && !exclusive
	m := marshaller{t: t}
	defer m.finish()
	r, e := open(m.cstring(t.P.resolvePath(dirfd, name, follow)))
	return restart(r, e, ERESTARTNOHAND)
}

// sysOpenat is openat(2). The O_ flags are those of asm-generic/fcntl.h on both sides.
func sysOpenat(t *Task, c *Call) (uint64, syscall.Errno) {
	dirfd, flags := c.Int(0), uint64(c.Uint(2))
	return t.openPath(dirfd, c.Args[1], flags, func(path uintptr) (uint64, syscall.Errno) {
		return t.Syscall(unix.SYS_OPENAT, uintptr(dirfd), path, uintptr(flags), uintptr(c.Uint(3)))
	})
}

// sysOpenat2 is openat2(2). A path that the caller confines to a directory
// (RESOLVE_BENEATH, RESOLVE_IN_ROOT) does not begin at the root directory, and
// the sysroot has no part in it.
func sysOpenat2(t *Task, c *Call) (uint64, syscall.Errno) {
	dirfd, size := c.Int(0), c.Args[3]
	switch {
	case size < unix.SizeofOpenHow:
		return 0, syscall.EINVAL
	case size > t.Mem.PageSize():
		return 0, syscall.E2BIG
	}
	how := make([]byte, size)
	if t.Mem.CopyIn(how, c.Args[2]) != nil {
		return 0, syscall.EFAULT
	}
	call := func(path uintptr) (uint64, syscall.Errno) {
		return t.Syscall(unix.SYS_OPENAT2, uintptr(dirfd), path, uintptr(unsafe.Pointer(&how[0])), uintptr(size))
	}
	flags, resolve := le64(how), le64(how[16:])
	if resolve&(unix.RESOLVE_BENEATH|unix.RESOLVE_IN_ROOT) == 0 {
		return t.openPath(dirfd, c.Args[1], flags, call)
	}
	if t.P.reserved.has(dirfd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	path, e := m.str(c.Args[1])
	if e != 0 {
		return 0, e
	}
	r, e := call(path)
	return restart(r, e, ERESTARTNOHAND)
}

// maxHandle is MAX_HANDLE_SZ, the largest file handle; handleHeader is the part of
// struct file_handle before it.
const (
	maxHandle    = 128
	handleHeader = 8
)

// fileHandle makes a struct file_handle available to the host.
func (m *marshaller) fileHandle(addr uint64, access mem.Prot) (uintptr, syscall.Errno) {
	n, f := m.t.Mem.Load(addr, 4)
	switch {
	case f != nil:
		return 0, syscall.EFAULT
	case n > maxHandle:
		return 0, syscall.EINVAL
	}
	return m.buffer(addr, handleHeader+n, access, true)
}

func sysNameToHandleAt(t *Task, c *Call) (uint64, syscall.Errno) {
	dirfd, flags := c.Int(0), c.Uint(4)
	m := marshaller{t: t}
	path, e := m.path(dirfd, c.Args[1], flags&unix.AT_SYMLINK_FOLLOW != 0)
	if e == 0 && t.P.reserved.has(dirfd) {
		e = syscall.EBADF
	}
	var handle, mount uintptr
	if e == 0 {
		handle, e = m.fileHandle(c.Args[2], mem.Write)
	}
	if e == 0 {
		mount, e = m.buffer(c.Args[3], mountIDSize(flags), mem.Write, false)
	}
	var r uint64
	if e == 0 {
		r, e = t.Syscall(unix.SYS_NAME_TO_HANDLE_AT, uintptr(dirfd), path, handle, mount, uintptr(flags))
	}
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	return r, e
}

// mountIDSize is the size of the mount ID that name_to_handle_at(2) stores.
func mountIDSize(flags uint32) uint64 {
	const uniqueMountID = 0x001 // AT_HANDLE_MNT_ID_UNIQUE, since Linux 6.12
	if flags&uniqueMountID != 0 {
		return 8
	}
	return 4
}

func sysOpenByHandleAt(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	switch {
	case t.P.reserved.has(fd):
		return 0, syscall.EBADF
	case t.P.confined():
		return 0, syscall.EPERM // a handle leads anywhere
	}
	m := marshaller{t: t}
	defer m.finish()
	handle, e := m.fileHandle(c.Args[1], mem.Read)
	if e != 0 {
		return 0, e
	}
	r, e := t.Syscall(unix.SYS_OPEN_BY_HANDLE_AT, uintptr(fd), handle, uintptr(c.Uint(2)))
	return restart(r, e, ERESTARTNOHAND)
}
