//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// xattrArgs is struct xattr_args of setxattrat(2) and getxattrat(2).
type xattrArgs struct {
	value       uint64
	size, flags uint32
}

// xattrAt returns the handler of setxattrat or getxattrat: access is what the kernel
// does with the value.
func xattrAt(nr uintptr, access mem.Prot) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		dirfd, flags := c.Int(0), c.Uint(2)
		if t.P.reserved.has(dirfd) {
			return 0, syscall.EBADF
		}
		a, e := t.readXattrArgs(c.Args[4], c.Args[5])
		if e != 0 {
			return 0, e
		}
		m := marshaller{t: t}
		defer m.finish()
		path, e := m.path(dirfd, c.Args[1], flags&unix.AT_SYMLINK_NOFOLLOW == 0)
		if e != 0 {
			return 0, e
		}
		name, e := m.str(c.Args[3])
		if e != 0 {
			return 0, e
		}
		host := a
		if a.value != 0 {
			p, e := m.buffer(a.value, uint64(a.size), access, access == mem.Read)
			if e != 0 {
				return 0, e
			}
			host.value = uint64(p)
		}
		return t.Syscall(nr, uintptr(dirfd), path, uintptr(flags), name, uintptr(unsafe.Pointer(&host)), unsafe.Sizeof(host))
	}
}

// readXattrArgs reads a struct xattr_args of the size that the caller knows. What it
// has beyond what is known here must be 0.
func (t *Task) readXattrArgs(addr, size uint64) (a xattrArgs, e syscall.Errno) {
	const known = uint64(unsafe.Sizeof(a))
	switch {
	case size < known:
		return a, syscall.EINVAL
	case size > t.Mem.PageSize():
		return a, syscall.E2BIG
	}
	b := make([]byte, size)
	if t.Mem.CopyIn(b, addr) != nil {
		return a, syscall.EFAULT
	}
	for _, unknown := range b[known:] {
		if unknown != 0 {
			return a, syscall.E2BIG
		}
	}
	return *(*xattrArgs)(unsafe.Pointer(unsafe.SliceData(b))), 0
}
