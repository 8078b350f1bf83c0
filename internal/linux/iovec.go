//go:build linux && amd64

package linux

import (
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// iovec is the host's struct iovec, with the base as a number: it may be any
// address, also one that is not mapped.
type iovec struct{ base, len uintptr }

// maxIovecs is UIO_MAXIOV: the most that one call takes.
const maxIovecs = 1024

// iovecs translates an array of n guest iovecs and appends them to dst. Guest
// memory that is several pieces on the host becomes several iovecs. Where the
// guest may not access its memory, the host's iovec points nowhere, so that the
// kernel finds the fault just where it would have found it.
func (m *marshaller) iovecs(dst []iovec, addr uint64, n int, access mem.Prot) ([]iovec, syscall.Errno) {
	if uint(n) > maxIovecs {
		return dst, syscall.EINVAL
	}
	raw := m.t.io.bytes(n * int(unsafe.Sizeof(iovec{})))
	if m.t.Mem.CopyIn(raw, addr) != nil {
		return dst, syscall.EFAULT
	}
	start := len(dst)
	for i := range n {
		base, size := le64(raw[i*16:]), le64(raw[i*16+8:])
		if int64(size) < 0 {
			return dst, syscall.EINVAL
		}
		dst = m.t.pieces(dst, base, size, access)
	}
	if len(dst)-start <= maxIovecs {
		return dst, 0
	}
	dst = dst[:start]
	for i := range n {
		size := le64(raw[i*16+8:])
		p, e := m.buffer(le64(raw[i*16:]), size, access, access == mem.Read)
		if e != 0 {
			return dst, e
		}
		dst = append(dst, iovec{p, uintptr(size)})
	}
	return dst, 0
}

// pieces appends the host memory that makes up [addr, addr+n).
func (t *Task) pieces(dst []iovec, addr, n uint64, access mem.Prot) []iovec {
	if n == 0 || addr >= t.Mem.Limit() || n > t.Mem.Limit()-addr {
		if n != 0 {
			addr = uint64(badPointer)
		}
		return append(dst, iovec{uintptr(addr), uintptr(n)})
	}
	if p, ok := t.hostPointer(addr, n, access); ok {
		return append(dst, iovec{p, uintptr(n)})
	}
	left := n
	if t.Mem.Mapping().Spans(addr, n, access, func(b []byte) bool {
		dst = append(dst, iovec{uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))})
		left -= uint64(len(b))
		return true
	}) != nil {
		dst = append(dst, iovec{0, uintptr(left)}) // page 0 is never mapped
	}
	return dst
}

// vectored returns the handler of a call whose arguments begin with descriptor,
// iovecs and their number, and go on with numbers. The kernel accesses the memory
// as access says.
func vectored(nr uintptr, access mem.Prot) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		fd := c.Int(0)
		if t.P.reserved.has(fd) {
			return 0, syscall.EBADF
		}
		if access == mem.Write && t.P.files.snapshots.has(fd) {
			own := nr == unix.SYS_READV || nr == unix.SYS_PREADV2 && c.Args[3] == math.MaxUint64
			t.P.refresh(fd, own, c.Args[3])
		}
		if other, ok := t.P.files.mem.has(fd); ok {
			return t.memVectored(other, c, access)
		}
		m := marshaller{t: t}
		iov, e := m.iovecs(t.io.iov[:0], c.Args[1], int(c.Args[2]), access)
		t.io.iov = iov
		if e != 0 {
			m.finish()
			return 0, e
		}
		return m.vectored(nr, fd, iov, &c.Args)
	}
}

// vectored makes a call with iovecs. It checks first what the kernel would check
// before it looks at them: none need a descriptor that is open.
func (m *marshaller) vectored(nr uintptr, fd int, iov []iovec, args *[6]uint64) (uint64, syscall.Errno) {
	var p uintptr
	if len(iov) != 0 {
		p = uintptr(unsafe.Pointer(&iov[0]))
	}
	r, e := m.t.Syscall(nr, uintptr(fd), p, uintptr(len(iov)), uintptr(args[3]), uintptr(args[4]), uintptr(args[5]))
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	return restart(r, e, ERESTARTNOHAND)
}

// transfer returns the handler of read, write and their kin: descriptor, buffer,
// size, and further numbers. vector is the same call with iovecs, for memory that
// is not one piece on the host.
func transfer(nr, vector uintptr, access mem.Prot) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		fd := c.Int(0)
		if t.P.reserved.has(fd) {
			return 0, syscall.EBADF
		}
		if access == mem.Write && t.P.files.snapshots.has(fd) {
			t.P.refresh(fd, nr == unix.SYS_READ, c.Args[3])
		}
		if other, ok := t.P.files.mem.has(fd); ok {
			return t.memTransfer(other, nr, fd, c.Args[1], c.Args[2], c.Args[3], access)
		}
		n := uintptr(c.Args[2])
		p, ok := t.hostPointer(c.Args[1], c.Args[2], access)
		if ok || n == 0 {
			r, e := t.host.Syscall(nr, uintptr(fd), p, n, uintptr(c.Args[3]), 0, 0)
			return restart(uint64(r), e, ERESTARTNOHAND)
		}
		t.io.iov = t.pieces(t.io.iov[:0], c.Args[1], min(c.Args[2], maxTransfer), access)
		if len(t.io.iov) > maxIovecs {
			t.io.iov = t.io.iov[:maxIovecs]
		}
		m := marshaller{t: t}
		return m.vectored(vector, fd, t.io.iov, &c.Args)
	}
}

// maxTransfer is MAX_RW_COUNT: the most bytes that one call moves.
const maxTransfer = 0x7ffff000
