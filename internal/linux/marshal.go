//go:build linux && amd64

package linux

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/abi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// marshaller turns the arguments of a call into the host's. Memory that is one
// piece on the host is handed over as it is; other memory is copied to a bounce
// buffer, and back by finish.
type marshaller struct {
	t       *Task
	bounces []bounce
	pin     runtime.Pinner
}

type bounce struct {
	addr uint64
	buf  []byte
	back bool
}

// host returns the host's arguments of c.
func (m *marshaller) host(c *Call) (v [6]uintptr, e syscall.Errno) {
	spec := c.spec()
	dirfd := unix.AT_FDCWD
	for i := range spec {
		a := &spec[i]
		x := c.Args[i]
		switch {
		case a.Kind == "dirfd":
			dirfd = int(int32(x))
			v[i] = uintptr(int32(x))
		case a.IsMemory():
			v[i], e = m.memory(a, x, a.Bytes(&c.Args))
		case a.Kind == "path":
			v[i], e = m.path(dirfd, x, follows(a, spec, &c.Args))
		case a.Kind == "str":
			v[i], e = m.str(x)
		case a.Kind == "long", a.Kind == "ulong", a.Kind == "size", a.Kind == "off", a.Kind == "hex", a.Kind == "ptr":
			v[i] = uintptr(x)
		case a.Kind == "uint":
			v[i] = uintptr(uint32(x))
		default: // C ints of all sorts
			v[i] = uintptr(int32(x))
		}
		if e != 0 {
			return v, e
		}
	}
	for i, a := range spec {
		if (a.Kind == "fd" || a.Kind == "dirfd") && m.t.P.reserved.has(int(int32(v[i]))) {
			return v, syscall.EBADF
		}
	}
	return v, 0
}

// memory makes [addr, addr+n) available to the host kernel.
func (m *marshaller) memory(a *abi.Arg, addr, n uint64) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	access := mem.Read
	if a.Kind != "in" {
		access = mem.Write
	}
	return m.buffer(addr, n, access, a.Kind != "out")
}

// buffer returns the host address of n bytes of guest memory for one system call:
// access is what the kernel does with them, fill whether it reads what they hold.
// Memory that the guest cannot access becomes an address that the kernel refuses,
// when it gets there: other errors may come first.
func (m *marshaller) buffer(addr, n uint64, access mem.Prot, fill bool) (uintptr, syscall.Errno) {
	if p, ok := m.t.hostPointer(addr, n, access); ok {
		return p, 0
	}
	if n > 1<<30 || !m.t.Mem.Covered(addr, n) {
		return badPointer, 0 // before making room for what is not there
	}
	b := bounce{addr: addr, buf: make([]byte, n), back: access == mem.Write}
	if fill || b.back { // what the kernel leaves alone must come back as it was
		if f := m.t.Mem.CopyIn(b.buf, addr); f != nil {
			return badPointer, 0
		}
	}
	m.bounces = append(m.bounces, b)
	return m.keep(unsafe.SliceData(b.buf)), 0
}

// keep makes p safe to hand to the kernel as an integer until finish.
func (m *marshaller) keep(p *byte) uintptr {
	m.pin.Pin(p)
	return uintptr(unsafe.Pointer(p))
}

// finish copies results back to the guest and lets go of all buffers.
func (m *marshaller) finish() (fault *mem.Fault) {
	for _, b := range m.bounces {
		if b.back {
			if f := m.t.Mem.CopyOut(b.addr, b.buf); f != nil {
				fault = f
			}
		}
	}
	m.pin.Unpin()
	return fault
}

func (m *marshaller) str(addr uint64) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	s, err := m.t.Mem.ReadString(addr, 1<<17)
	if err != nil {
		return 0, errnoOf(err)
	}
	return m.cstring(s), 0
}

// cstring returns the host address of a NUL-terminated copy of s, valid until finish.
func (m *marshaller) cstring(s string) uintptr {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return m.keep(&b[0])
}

// path hands over a path name, relative to dirfd; follow says whether the call
// follows a final symbolic link.
func (m *marshaller) path(dirfd int, addr uint64, follow bool) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	s, e := m.t.readPath(addr)
	if e != 0 {
		return 0, e
	}
	return m.cstring(m.t.P.resolvePath(dirfd, s, follow)), 0
}

// readPath reads a path name of the guest.
func (t *Task) readPath(addr uint64) (string, syscall.Errno) {
	s, err := t.Mem.ReadString(addr, unix.PathMax)
	if err != nil {
		return "", errnoOf(err)
	}
	return s, 0
}

// hostPointer returns the host address of [addr, addr+n) if it is one piece of
// host memory on which the kernel enforces the guest's permissions. A stack that has
// to grow for the access does so.
func (t *Task) hostPointer(addr, n uint64, access mem.Prot) (uintptr, bool) {
	t.Mem.Grow(addr)
	if base, limit := t.Mem.Linear(); limit != 0 {
		if addr >= limit || n > limit-addr {
			return badPointer, true // the kernel answers EFAULT, as for any wild pointer
		}
		return base + uintptr(addr), true
	}
	var p uintptr
	var size uint64
	f := t.Mem.Mapping().Spans(addr, n, access, func(b []byte) bool {
		p, size = uintptr(unsafe.Pointer(unsafe.SliceData(b))), uint64(len(b))
		return false
	})
	return p, f == nil && size == n && n != 0
}

// badPointer is a host address that no process can map.
const badPointer = ^uintptr(0) - 4096 + 1 - 1<<20
