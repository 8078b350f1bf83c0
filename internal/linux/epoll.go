//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/abi"
)

// struct epoll_event is packed, 12 bytes, on amd64 only. Elsewhere the data is
// aligned.
const (
	epollEventSize = 16
	epollEventData = 8
)

// getEpollEvent decodes a guest's struct epoll_event.
func getEpollEvent(b []byte) unix.EpollEvent {
	return unix.EpollEvent{
		Events: binary.LittleEndian.Uint32(b),
		Fd:     int32(binary.LittleEndian.Uint32(b[epollEventData:])),
		Pad:    int32(binary.LittleEndian.Uint32(b[epollEventData+4:])),
	}
}

// putEpollEvent encodes a guest's struct epoll_event.
func putEpollEvent(b []byte, ev *unix.EpollEvent) {
	binary.LittleEndian.PutUint32(b, ev.Events)
	binary.LittleEndian.PutUint32(b[4:], 0)
	binary.LittleEndian.PutUint32(b[epollEventData:], uint32(ev.Fd))
	binary.LittleEndian.PutUint32(b[epollEventData+4:], uint32(ev.Pad))
}

func sysEpollCtl(t *Task, c *Call) (uint64, syscall.Errno) {
	epfd, op, fd := c.Int(0), c.Int(1), c.Int(2)
	if t.P.reserved.has(epfd) || t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	t.io.event = append(t.io.event[:0], unix.EpollEvent{})
	if op != unix.EPOLL_CTL_DEL {
		b := t.io.bytes(epollEventSize)
		if t.Mem.CopyIn(b, c.Args[3]) != nil {
			return 0, syscall.EFAULT
		}
		t.io.event[0] = getEpollEvent(b)
	}
	r, e := t.Syscall(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&t.io.event[0])))
	return restart(r, e, ERESTARTNOHAND)
}

// maxEpollEvents bounds how many events one call asks the host for: the kernel may
// always return fewer than are ready.
const maxEpollEvents = 1024

// epollWait makes an epoll_pwait call of either kind.
func (t *Task) epollWait(c *Call, nr uintptr, timeout func(tm *marshaller) (uintptr, syscall.Errno)) (uint64, syscall.Errno) {
	epfd, n := c.Int(0), c.Int(2)
	if n <= 0 || n > math.MaxInt32/epollEventSize {
		return 0, syscall.EINVAL
	}
	if t.P.reserved.has(epfd) {
		return 0, syscall.EBADF
	}
	n = min(n, maxEpollEvents)
	if cap(t.io.event) < n {
		t.io.event = make([]unix.EpollEvent, n)
	}
	events := t.io.event[:n]
	m, tm := marshaller{t: t}, marshaller{t: t}
	tp, e := timeout(&tm)
	var mask uintptr
	if e == 0 {
		mask, e = m.tempMask(c.Args[4], c.Args[5])
	}
	if e != 0 {
		tm.finish()
		return 0, e
	}
	ready := t.readyEvents(epfd)
	if len(ready) != 0 {
		if tp = 0; nr == unix.SYS_EPOLL_PWAIT2 {
			tp = m.zeroTimeout()
		}
	}
	r, e := m.wait(&tm, nr, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(n), tp, mask, sigsetSize)
	if e == 0 {
		r += uint64(copy(events[r:], ready))
	}
	if e != 0 || r == 0 {
		return r, e
	}
	b := t.io.bytes(int(r) * epollEventSize)
	for i := range events[:r] {
		putEpollEvent(b[i*epollEventSize:], &events[i])
	}
	if t.Mem.CopyOut(c.Args[1], b) != nil {
		return 0, syscall.EFAULT
	}
	return r, 0
}

func sysEpollPwait(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.epollWait(c, unix.SYS_EPOLL_PWAIT, func(*marshaller) (uintptr, syscall.Errno) {
		return uintptr(c.Int(3)), 0
	})
}

func sysEpollPwait2(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.epollWait(c, unix.SYS_EPOLL_PWAIT2, func(tm *marshaller) (uintptr, syscall.Errno) {
		return tm.memory(&timespecIn, c.Args[3], uint64(timespecIn.Size))
	})
}

// timespecIn describes a time-out that the kernel only reads.
var timespecIn = abi.Arg{Kind: "in", Type: "timespec", Size: 16, Len: -1}
