//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Socket calls. Families, options and layouts are asm-generic on both sides; only
// pointers differ.

// addressed returns the handler of bind and connect.
func addressed(nr uintptr, create bool) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		fd := c.Int(0)
		if t.P.reserved.has(fd) {
			return 0, syscall.EBADF
		}
		m := marshaller{t: t}
		defer m.finish()
		a, e := m.sockaddr(c.Args[1], c.Args[2], create)
		if e != 0 {
			return 0, e
		}
		defer a.close()
		r, e := t.Syscall(nr, uintptr(fd), a.addr, a.len)
		return restart(r, e, ERESTARTNOHAND)
	}
}

// addressResult returns the handler of a call with a descriptor, a place for a
// socket address and its size, and possibly flags.
func addressResult(nr uintptr) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		fd := c.Int(0)
		if t.P.reserved.has(fd) {
			return 0, syscall.EBADF
		}
		a, e := t.sockaddrResult(c.Args[1], c.Args[2])
		if e != 0 {
			return 0, e
		}
		var addr, size uintptr
		if a.addr != 0 || nr == unix.SYS_GETSOCKNAME || nr == unix.SYS_GETPEERNAME {
			addr, size = uintptr(unsafe.Pointer(a.raw)), uintptr(unsafe.Pointer(a.len))
		}
		r, e := t.Syscall(nr, uintptr(fd), addr, size, uintptr(c.Uint(3)))
		if e != 0 {
			return restart(r, e, ERESTARTNOHAND)
		}
		if a.addr == 0 && addr != 0 {
			e = syscall.EFAULT
		} else {
			e = a.store(t)
		}
		if e != 0 && (nr == unix.SYS_ACCEPT || nr == unix.SYS_ACCEPT4) {
			_ = unix.Close(int(r)) // as the kernel does
		}
		return r, e
	}
}

func sysSendto(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	buf, e := m.buffer(c.Args[1], min(c.Args[2], maxTransfer), mem.Read, true)
	if e != 0 {
		return 0, e
	}
	a, e := m.sockaddr(c.Args[4], c.Args[5], false)
	if e != 0 {
		return 0, e
	}
	defer a.close()
	r, e := t.Syscall(unix.SYS_SENDTO, uintptr(fd), buf, uintptr(c.Args[2]), uintptr(c.Uint(3)), a.addr, a.len)
	return restart(r, e, ERESTARTNOHAND)
}

func sysRecvfrom(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	a, e := t.sockaddrResult(c.Args[4], c.Args[5])
	if e != 0 {
		return 0, e
	}
	m := marshaller{t: t}
	size := min(c.Args[2], maxTransfer)
	buf, e := m.buffer(c.Args[1], size, mem.Write, false)
	if e != 0 {
		return 0, e
	}
	var addr, n uintptr
	if a.addr != 0 {
		addr, n = uintptr(unsafe.Pointer(a.raw)), uintptr(unsafe.Pointer(a.len))
	}
	r, e := t.Syscall(unix.SYS_RECVFROM, uintptr(fd), buf, uintptr(size), uintptr(c.Uint(3)), addr, n)
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	if e != 0 {
		return restart(r, e, ERESTARTNOHAND)
	}
	return r, a.store(t)
}

// filterOption reports whether a socket option takes a struct sock_fprog, which
// points to a packet filter.
func filterOption(level, name int) bool {
	if level == unix.SOL_SOCKET {
		return name == unix.SO_ATTACH_FILTER || name == unix.SO_ATTACH_REUSEPORT_CBPF
	}
	return level == unix.SOL_PACKET && name == packetFanoutData
}

// packetFanoutData is PACKET_FANOUT_DATA.
const packetFanoutData = 22

// maxFilter is BPF_MAXINSNS, in instructions of 8 bytes.
const maxFilter = 4096

func sysSetsockopt(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, level, name, n := c.Int(0), c.Int(1), c.Int(2), c.Uint(4)
	switch {
	case t.P.reserved.has(fd):
		return 0, syscall.EBADF
	case int32(n) < 0:
		return 0, syscall.EINVAL
	case level == unix.SOL_IP && name == iptSoSetReplace, level == unix.SOL_IPV6 && name == iptSoSetReplace:
		return 0, syscall.ENOPROTOOPT // its structure holds a pointer; as without netfilter
	}
	m := marshaller{t: t}
	defer m.finish()
	value, e := m.buffer(c.Args[3], uint64(n), mem.Read, true)
	if c.Args[3] == 0 {
		value = 0
	}
	if e == 0 && filterOption(level, name) && n >= sizeofFprog {
		value, e = m.filter(c.Args[3])
	}
	if e != 0 {
		return 0, e
	}
	r, e := t.Syscall(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), value, uintptr(n))
	return restart(r, e, ERESTARTNOHAND)
}

// iptSoSetReplace is IPT_SO_SET_REPLACE and IP6T_SO_SET_REPLACE.
const iptSoSetReplace = 64

// sizeofFprog is the size of struct sock_fprog, the same on both sides.
const sizeofFprog = 16

// filter makes the struct sock_fprog at addr available to the host.
func (m *marshaller) filter(addr uint64) (uintptr, syscall.Errno) {
	var guest struct {
		Len uint16
		_   [6]byte
		Ptr uint64
	}
	if m.t.Mem.ReadObject(addr, &guest) != nil {
		return 0, syscall.EFAULT
	}
	host := &struct {
		len uint16
		ptr uintptr
	}{len: guest.Len}
	if guest.Len > maxFilter {
		return 0, syscall.EINVAL
	}
	var e syscall.Errno
	if guest.Ptr != 0 && guest.Len != 0 {
		host.ptr, e = m.buffer(guest.Ptr, 8*uint64(guest.Len), mem.Read, true)
	}
	return m.keep((*byte)(unsafe.Pointer(host))), e
}

func sysGetsockopt(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, level, name := c.Int(0), c.Int(1), c.Int(2)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	n, f := t.Mem.Load(c.Args[4], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	size := uint64(uint32(n))
	switch {
	case int32(n) < 0:
		size = 0 // the kernel refuses it
	case level == unix.SOL_SOCKET && name == unix.SO_GET_FILTER:
		size *= 8 // it counts instructions
	case level == unix.SOL_TCP && name == unix.TCP_ZEROCOPY_RECEIVE:
		return 0, syscall.ENOPROTOOPT // it is about host addresses
	}
	m := marshaller{t: t}
	value, e := m.buffer(c.Args[3], size, mem.Write, true)
	var length uintptr
	if e == 0 {
		length, e = m.buffer(c.Args[4], 4, mem.Write, true)
	}
	if c.Args[3] == 0 {
		value = 0
	}
	var r uint64
	if e == 0 {
		r, e = t.Syscall(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), value, length)
	}
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	return restart(r, e, ERESTARTNOHAND)
}
