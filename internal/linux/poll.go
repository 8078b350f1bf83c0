//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Waiting for descriptors. A temporary signal mask is installed by the host kernel
// together with the wait, as the guest expects of its own.

// sigsetSize is what these calls want as the size of a signal mask.
const sigsetSize = uapi.SigsetSize

// tempMask makes the signal mask at addr available to the host, which is to install
// it for the duration of a call. No mask (null) gives 0.
func (m *marshaller) tempMask(addr, size uint64) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	if size != sigsetSize {
		return 0, syscall.EINVAL
	}
	mask, f := m.t.Mem.Load(addr, sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	b := binary.NativeEndian.AppendUint64(nil, m.t.setTempMask(mask))
	return m.keep(&b[0]), 0
}

// timeout makes a struct timespec available that the kernel updates to the time
// left. Where it cannot, it says nothing.
func (m *marshaller) timeout(addr uint64) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	return m.buffer(addr, uint64(unsafe.Sizeof(unix.Timespec{})), mem.Write, true)
}

// wait makes a call that waits, and lets go of everything. The update of its
// time-out, in tm, may fail: then the call cannot be restarted with what is left.
func (m *marshaller) wait(tm *marshaller, nr uintptr, a ...uintptr) (uint64, syscall.Errno) {
	r, e := m.t.Syscall(nr, a...)
	r, e = restart(r, e, ERESTARTNOHAND)
	m.t.endTempMask(e)
	if tm.finish() != nil && e == ERESTARTNOHAND {
		e = syscall.EINTR
	}
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	return r, e
}

func sysPpoll(t *Task, c *Call) (uint64, syscall.Errno) {
	m, tm := marshaller{t: t}, marshaller{t: t}
	tp, e := tm.timeout(c.Args[2])
	var mask, fds uintptr
	var hidden []hiddenPoll
	n := c.Uint(1)
	if e == 0 {
		fds, hidden, e = m.pollfds(c.Args[0], n)
	}
	if e == 0 {
		mask, e = m.tempMask(c.Args[3], c.Args[4])
	}
	if e != 0 {
		tm.finish()
		m.finish()
		return 0, e
	}
	ready := t.readySignalfds(c.Args[0], n)
	if len(hidden)+len(ready) != 0 {
		tp = m.zeroTimeout() // what is closed is ready, too
	}
	r, e := m.wait(&tm, unix.SYS_PPOLL, fds, uintptr(n), tp, mask, sigsetSize)
	if bad := t.markInvalid(hidden); bad != 0 {
		return 0, bad
	}
	if e != 0 {
		return r, e
	}
	more, e := t.markReadable(ready)
	return r + uint64(len(hidden)) + more, e
}

// Offsets in struct pollfd, and its size.
const (
	pollfdSize    = 8
	pollfdRevents = 6
)

// hiddenPoll is a struct pollfd of the guest with a descriptor of hospes.
type hiddenPoll struct {
	addr uint64
	fd   int32
}

// pollfds makes an array of struct pollfd available to the host. Descriptors of
// hospes are left out: hidden tells where they are.
func (m *marshaller) pollfds(addr uint64, n uint32) (p uintptr, hidden []hiddenPoll, e syscall.Errno) {
	if uint64(n) > m.t.P.Limit(unix.RLIMIT_NOFILE) {
		return 0, nil, syscall.EINVAL
	}
	if n == 0 {
		return 0, nil, 0
	}
	fds := m.t.io.bytes(int(n) * pollfdSize)
	if m.t.Mem.CopyIn(fds, addr) != nil {
		return 0, nil, syscall.EFAULT
	}
	for i := 0; i < len(fds); i += pollfdSize {
		if fd := int32(binary.LittleEndian.Uint32(fds[i:])); m.t.P.reserved.has(int(fd)) {
			hidden = append(hidden, hiddenPoll{addr + uint64(i), fd})
			binary.LittleEndian.PutUint32(fds[i:], math.MaxUint32)
		}
	}
	if len(hidden) == 0 {
		p, e = m.buffer(addr, uint64(len(fds)), mem.Write, true)
		return p, nil, e
	}
	own := append([]byte(nil), fds...)
	m.bounces = append(m.bounces, bounce{addr, own, true})
	return m.keep(&own[0]), hidden, 0
}

// markInvalid gives hidden descriptors the answer for closed ones, and their own
// numbers back.
func (t *Task) markInvalid(hidden []hiddenPoll) syscall.Errno {
	for _, h := range hidden {
		if t.Mem.Store(h.addr, 4, uint64(uint32(h.fd))) != nil || t.Mem.Store(h.addr+pollfdRevents, 2, unix.POLLNVAL) != nil {
			return syscall.EFAULT
		}
	}
	return 0
}

// fdsetBytes is how much of an fd_set a call with n descriptors uses.
func fdsetBytes(n int) uint64 { return uint64(n+63) / 64 * 8 }

// maxSelect bounds the number of descriptors looked at by pselect6; the kernel
// looks at no more than its table has.
const maxSelect = 1 << 20

func sysPselect6(t *Task, c *Call) (uint64, syscall.Errno) {
	m, tm := marshaller{t: t}, marshaller{t: t}
	n := min(c.Int(0), maxSelect)
	tp, e := tm.timeout(c.Args[4])
	var sets [3]uintptr
	for i := range sets {
		if e == 0 && n > 0 {
			sets[i], e = m.fdset(c.Args[1+i], n)
		}
	}
	mask := selectMask{size: sigsetSize}
	if e == 0 {
		mask.mask, e = m.selectMask(c.Args[5])
	}
	if e != 0 {
		tm.finish()
		m.finish()
		return 0, e
	}
	ready := t.readySet(c.Args[1], n)
	if len(ready) != 0 {
		tp = m.zeroTimeout()
	}
	own := &mask
	r, e := m.wait(&tm, unix.SYS_PSELECT6, uintptr(n), sets[0], sets[1], sets[2], tp, m.keep((*byte)(unsafe.Pointer(own))))
	if e != 0 {
		return r, e
	}
	more, e := t.markSet(c.Args[1], ready)
	return r + more, e
}

// selectMask is the sixth argument of pselect6: a pointer to a mask, and its size.
type selectMask struct{ mask, size uintptr }

func (m *marshaller) selectMask(addr uint64) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	var arg struct{ Mask, Size uint64 }
	if m.t.Mem.ReadObject(addr, &arg) != nil {
		return 0, syscall.EFAULT
	}
	return m.tempMask(arg.Mask, arg.Size)
}

// fdset makes an fd_set of n descriptors available. One that holds a descriptor of
// hospes gives EBADF, as for any that is closed.
func (m *marshaller) fdset(addr uint64, n int) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	for _, fd := range m.t.P.reserved.list() {
		if fd >= n {
			break
		}
		b, f := m.t.Mem.Load(addr+uint64(fd)/8, 1)
		switch {
		case f != nil:
			return 0, syscall.EFAULT
		case b>>(fd%8)&1 != 0:
			return 0, syscall.EBADF
		}
	}
	return m.buffer(addr, fdsetBytes(n), mem.Write, true)
}
