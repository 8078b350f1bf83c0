//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// ioctlKind says what the third argument of an ioctl(2) request is.
type ioctlKind uint8

const (
	ioctlValue  ioctlKind = iota // a number, or nothing
	ioctlIn                      // points to what the kernel reads
	ioctlOut                     // points to what the kernel writes
	ioctlInOut                   // both
	ioctlNested                  // holds further pointers: not offered
)

// ioctlArg is the argument of a request.
type ioctlArg struct {
	kind ioctlKind
	size uint64 // bytes that it points to
}

// A request number, if it follows the scheme of asm-generic/ioctl.h, holds the
// direction and size of its argument.
const (
	iocDirShift  = 30
	iocWrite     = 1
	iocRead      = 2
	iocSizeShift = 16
	iocSizeMask  = 1<<14 - 1
	iocTypeShift = 8
)

// argOf tells the argument of a request: what the tables say, else what is encoded
// in its number.
func argOf(req uint32) (ioctlArg, bool) {
	if a, ok := ioctls[req]; ok {
		return a, true
	}
	typ := byte(req >> iocTypeShift)
	if nestedTypes[typ] {
		return ioctlArg{kind: ioctlNested}, true
	}
	a := ioctlArg{size: uint64(req>>iocSizeShift) & iocSizeMask}
	switch req >> iocDirShift {
	case 0:
		if typ == sockIoctlType && req>>iocSizeShift == 0 {
			return ifreqArg(req)
		}
		return ioctlArg{}, false
	case iocWrite:
		a.kind = ioctlIn
	case iocRead:
		a.kind = ioctlOut
	default:
		a.kind = ioctlInOut
	}
	return a, true
}

// mayPoint reports whether a number could be a pointer of the host's: no process can
// map memory below mem.MinAddr, or in the kernel's upper half of the addresses, where
// negative numbers lie.
func mayPoint(arg uint64) bool { return arg >= mem.MinAddr && int64(arg) > 0 }

// sysIoctl is ioctl(2). Request numbers and layouts are asm-generic on both sides;
// only pointers differ. Requests of unknown kind are carried out if their argument
// cannot be a pointer.
func sysIoctl(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, req, arg := c.Int(0), c.Uint(1), c.Args[2]
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	if req == unix.SIOCGIFCONF {
		return t.siocgifconf(fd, arg)
	}
	a, ok := argOf(req)
	switch {
	case a.kind == ioctlNested, !ok && mayPoint(arg):
		return t.badIoctl(fd)
	case a.kind == ioctlValue:
		r, e := t.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), uintptr(arg))
		return restart(r, e, ERESTARTNOHAND)
	}
	m := marshaller{t: t}
	size, e := t.ioctlSize(req, arg, a.size)
	var p uintptr
	if e == 0 {
		access := mem.Write
		if a.kind == ioctlIn {
			access = mem.Read
		}
		p, e = m.buffer(arg, size, access, a.kind != ioctlOut)
	}
	var r uint64
	if e == 0 {
		r, e = t.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), p)
	}
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	return restart(r, e, ERESTARTNOHAND)
}

// badIoctl is the answer to a request that the host is not asked: ENOTTY, unless
// the descriptor is no better.
func (t *Task) badIoctl(fd int) (uint64, syscall.Errno) {
	if r, e := t.Syscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD); e != 0 {
		return r, e
	}
	return 0, syscall.ENOTTY
}

// ioctlSize returns how much memory arg points to, which for some requests it says
// itself; size is what the request's number says.
func (t *Task) ioctlSize(req uint32, arg, size uint64) (uint64, syscall.Errno) {
	v, ok := variableIoctls[req]
	if !ok {
		return size, 0
	}
	n, f := t.Mem.Load(arg+v.countAt, v.countSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	if n > maxVariable {
		return 0, syscall.EINVAL
	}
	return size + n*v.element, 0
}

// maxVariable bounds the number of elements behind a request.
const maxVariable = 1 << 20

// variableIoctls are the requests with an array behind their structure.
var variableIoctls = map[uint32]struct {
	countAt   uint64 // where the number of elements is
	countSize int    // how many bytes it has
	element   uint64 // bytes of an element
}{
	fsIocFiemap:        {24, 4, 56},
	unix.FIDEDUPERANGE: {16, 2, 32},
	unix.RNDADDENTROPY: {4, 4, 1},
}

// siocgifconf is SIOCGIFCONF: struct ifconf holds a pointer to the list.
func (t *Task) siocgifconf(fd int, arg uint64) (uint64, syscall.Errno) {
	var guest struct {
		Len int32
		_   int32
		Buf uint64
	}
	if t.Mem.ReadObject(arg, &guest) != nil {
		return 0, syscall.EFAULT
	}
	host := &struct {
		len int32
		buf uintptr
	}{len: guest.Len}
	m := marshaller{t: t}
	var e syscall.Errno
	if guest.Buf != 0 && guest.Len > 0 {
		if host.buf, e = m.buffer(guest.Buf, uint64(guest.Len), mem.Write, false); e != 0 {
			return 0, e
		}
	}
	r, e := t.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFCONF, uintptr(unsafe.Pointer(host)))
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	if e == 0 && t.Mem.Store(arg, 4, uint64(host.len)) != nil {
		e = syscall.EFAULT
	}
	return r, e
}
