//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Asynchronous I/O of io_submit(2), which libaio uses. The host does it: each
// control block is copied with host addresses in it, and events are translated back.
//
// What the guest takes for its context is the address of a page with an empty ring
// header, so that libaio, which looks for completed events in the ring without a
// system call, finds none there and asks.

// aioContexts are the contexts of a process by guest address.
type aioContexts struct {
	mu sync.Mutex // guards m
	m  map[uint64]*aioContext
}

// aioContext is one context of io_setup(2).
type aioContext struct {
	host uintptr // the host's aio_context_t

	mu      sync.Mutex                // guards pending
	pending map[uintptr]*aioOperation // by address of the host's control block
}

// aioOperation is an operation under way. It is kept by the context's map: Go does
// not move what it keeps, so the address of host identifies it to the kernel.
type aioOperation struct {
	host  iocb
	guest uint64 // guest address of the control block
	data  uint64 // the guest's aio_data
}

// iocb is struct iocb (include/uapi/linux/aio_abi.h), little-endian.
type iocb struct {
	Data    uint64
	Key     uint32
	RwFlags uint32
	Opcode  uint16
	Prio    int16
	FD      uint32
	Buf     uint64
	Nbytes  uint64
	Offset  int64
	_       uint64
	Flags   uint32
	ResFD   uint32
}

const iocbKey = 8 // offset of Key

// ioEvent is struct io_event.
type ioEvent struct {
	Data, Obj uint64
	Res, Res2 int64
}

// Operations, IOCB_CMD_ of aio_abi.h.
const (
	iocbPread   = 0
	iocbPwrite  = 1
	iocbPreadv  = 7
	iocbPwritev = 8

	iocbFlagResfd = 1
)

// get returns a context by its guest address.
func (a *aioContexts) get(ctx uint64) (*aioContext, syscall.Errno) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.m[ctx]; x != nil {
		return x, 0
	}
	return nil, syscall.EINVAL
}

func sysIoSetup(t *Task, c *Call) (uint64, syscall.Errno) {
	old, f := t.Mem.Load(c.Args[1], 8)
	if f != nil {
		return 0, syscall.EFAULT
	}
	if old != 0 {
		return 0, syscall.EINVAL
	}
	x := &aioContext{pending: map[uintptr]*aioOperation{}}
	if _, _, e := syscall.RawSyscall(unix.SYS_IO_SETUP, uintptr(c.Uint(0)), uintptr(unsafe.Pointer(&x.host)), 0); e != 0 {
		return 0, e
	}
	ctx, err := t.Mem.Mmap(mem.Request{Len: t.Mem.PageSize(), Prot: mem.Read | mem.Write, Name: "/[aio] (deleted)"})
	if err != nil {
		x.destroy()
		return 0, errnoOf(err)
	}
	if f := t.Mem.Store(c.Args[1], 8, ctx); f != nil {
		x.destroy()
		_ = t.Mem.Munmap(ctx, t.Mem.PageSize())
		return 0, syscall.EFAULT
	}
	a := &t.P.aio
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[uint64]*aioContext{}
	}
	a.m[ctx] = x
	return 0, 0
}

func (x *aioContext) destroy() syscall.Errno {
	_, _, e := syscall.Syscall(unix.SYS_IO_DESTROY, x.host, 0, 0)
	return e
}

func sysIoDestroy(t *Task, c *Call) (uint64, syscall.Errno) {
	a := &t.P.aio
	a.mu.Lock()
	x := a.m[c.Args[0]]
	delete(a.m, c.Args[0])
	a.mu.Unlock()
	if x == nil {
		return 0, syscall.EINVAL
	}
	_ = t.Mem.Munmap(c.Args[0], t.Mem.PageSize())
	return 0, x.destroy() // waits for what is under way
}

// sysIoSubmit starts operations one by one, and stops at the first that cannot be
// started. Its error is returned if it is the very first.
func sysIoSubmit(t *Task, c *Call) (uint64, syscall.Errno) {
	n := int64(c.Args[1])
	x, e := t.P.aio.get(c.Args[0])
	switch {
	case n < 0:
		return 0, syscall.EINVAL
	case e != 0:
		return 0, e
	}
	for i := range uint64(n) {
		addr, f := t.Mem.Load(c.Args[2]+8*i, 8)
		e := syscall.EFAULT
		if f == nil {
			e = t.submit(x, addr)
		}
		if e != 0 && i == 0 {
			return 0, e
		} else if e != 0 {
			return i, 0
		}
	}
	return uint64(n), 0
}

// submit starts the operation whose control block is at a guest address.
func (t *Task) submit(x *aioContext, addr uint64) syscall.Errno {
	op := &aioOperation{guest: addr}
	if f := t.Mem.ReadObject(addr, &op.host); f != nil {
		return syscall.EFAULT
	}
	op.data = op.host.Data
	m := marshaller{t: t}
	defer m.finish()
	if e := t.hostIocb(&m, &op.host); e != 0 {
		return e
	}
	host := uintptr(unsafe.Pointer(&op.host))
	x.mu.Lock()
	x.pending[host] = op
	x.mu.Unlock()
	list := [1]uintptr{host}
	_, e := t.Syscall(unix.SYS_IO_SUBMIT, x.host, 1, m.keep((*byte)(unsafe.Pointer(&list))))
	if e != 0 {
		x.take(host)
		return e
	}
	return faultErrno(t.Mem.Store(addr+iocbKey, 4, uint64(op.host.Key)))
}

// hostIocb translates a control block. Reads and writes become vectored ones, of as
// many pieces as the guest's buffers have on the host: the kernel looks at the vector
// at once and pins the pages, so nothing of this needs to live on.
func (t *Task) hostIocb(m *marshaller, cb *iocb) syscall.Errno {
	if t.P.reserved.has(int(int32(cb.FD))) || cb.Flags&iocbFlagResfd != 0 && t.P.reserved.has(int(int32(cb.ResFD))) {
		return syscall.EBADF
	}
	access, op := mem.Read, uint16(iocbPwritev)
	if cb.Opcode == iocbPread || cb.Opcode == iocbPreadv {
		access, op = mem.Write, iocbPreadv
	}
	var v []iovec
	switch cb.Opcode {
	case iocbPread, iocbPwrite:
		v = t.pieces(nil, cb.Buf, cb.Nbytes, access)
	case iocbPreadv, iocbPwritev:
		var e syscall.Errno
		if v, e = m.iovecs(nil, cb.Buf, int(min(cb.Nbytes, maxIovecs+1)), access); e != 0 {
			return e
		}
	default:
		return 0
	}
	if len(v) > maxIovecs || len(m.bounces) != 0 {
		return syscall.EINVAL // in more pieces than the host takes
	}
	cb.Nbytes = uint64(len(v))
	v = append(v, iovec{}) // so that there is an address
	cb.Opcode, cb.Buf = op, uint64(m.keep((*byte)(unsafe.Pointer(&v[0]))))
	return 0
}

// take removes a pending operation.
func (x *aioContext) take(host uintptr) *aioOperation {
	x.mu.Lock()
	defer x.mu.Unlock()
	op := x.pending[host]
	delete(x.pending, host)
	return op
}

// sysIoCancel asks the host to cancel an operation. The event comes as any other does.
func sysIoCancel(t *Task, c *Call) (uint64, syscall.Errno) {
	x, e := t.P.aio.get(c.Args[0])
	if e != 0 {
		return 0, e
	}
	if _, f := t.Mem.Load(c.Args[1]+iocbKey, 4); f != nil {
		return 0, syscall.EFAULT
	}
	host := uintptr(0)
	x.mu.Lock()
	for p, op := range x.pending {
		if op.guest == c.Args[1] {
			host = p
		}
	}
	x.mu.Unlock()
	if host == 0 {
		return 0, syscall.EINVAL
	}
	var unused ioEvent
	_, _, e = syscall.RawSyscall(unix.SYS_IO_CANCEL, x.host, host, uintptr(unsafe.Pointer(&unused)))
	return 0, e
}

func sysIoGetevents(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.getevents(c, func(x *aioContext, m *marshaller, events, timeout uintptr) (uint64, syscall.Errno) {
		return t.Syscall(unix.SYS_IO_GETEVENTS, x.host, uintptr(c.Args[1]), uintptr(c.Args[2]), events, timeout)
	})
}

// getevents waits for events by wait, whose arguments are on the host, and hands
// them to the guest.
func (t *Task) getevents(c *Call, wait func(x *aioContext, m *marshaller, events, timeout uintptr) (uint64, syscall.Errno)) (uint64, syscall.Errno) {
	least, n := int64(c.Args[1]), int64(c.Args[2])
	x, e := t.P.aio.get(c.Args[0])
	switch {
	case e != 0:
		return 0, e
	case n < 0 || least < 0 || least > n:
		return 0, syscall.EINVAL
	}
	m := marshaller{t: t}
	defer m.finish()
	timeout := uintptr(0)
	if c.Args[4] != 0 {
		b := make([]byte, unsafe.Sizeof(unix.Timespec{}))
		if f := t.Mem.CopyIn(b, c.Args[4]); f != nil {
			return 0, syscall.EFAULT
		}
		timeout = m.keep(&b[0])
	}
	events := make([]ioEvent, max(min(n, maxEvents), 1))
	c.Args[2] = uint64(min(n, maxEvents))
	got, e := wait(x, &m, m.keep((*byte)(unsafe.Pointer(&events[0]))), timeout)
	if e != 0 {
		return 0, e
	}
	return got, t.writeEvents(c.Args[3], x, events[:got])
}

// maxEvents bounds the events that one call returns; a guest that asks for more
// comes back for the rest.
const maxEvents = 1 << 16

// writeEvents translates events and stores them at a guest address.
func (t *Task) writeEvents(addr uint64, x *aioContext, events []ioEvent) syscall.Errno {
	for i := range events {
		if op := x.take(uintptr(events[i].Obj)); op != nil {
			events[i].Data, events[i].Obj = op.data, op.guest
		}
	}
	if len(events) == 0 {
		return 0
	}
	return faultErrno(t.Mem.WriteObject(addr, events))
}

// sysIoPgetevents is io_getevents with a signal mask for the time of waiting. The
// last argument points to a pointer to the mask and the size of the mask.
func sysIoPgetevents(t *Task, c *Call) (uint64, syscall.Errno) {
	var mask, size uint64
	if c.Args[5] != 0 {
		var b [16]byte
		if f := t.Mem.CopyIn(b[:], c.Args[5]); f != nil {
			return 0, syscall.EFAULT
		}
		mask, size = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	}
	return t.getevents(c, func(x *aioContext, m *marshaller, events, timeout uintptr) (uint64, syscall.Errno) {
		own := new([2]uint64) // address and size of the mask
		p, e := m.tempMask(mask, size)
		if e != 0 {
			return 0, e
		}
		own[0], own[1] = uint64(p), sigsetSize
		sig := m.keep((*byte)(unsafe.Pointer(own)))
		var untouched marshaller // the time-out is not updated
		return m.wait(&untouched, unix.SYS_IO_PGETEVENTS, x.host, uintptr(c.Args[1]), uintptr(c.Args[2]), events, timeout, sig)
	})
}
