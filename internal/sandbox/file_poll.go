//go:build linux

package sandbox

import (
	"encoding/binary"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// polled is a file that is waited for: struct pollfd, with the file.
type polled struct {
	file   *vfs.File // nil: the descriptor is not one
	events vfs.Events
	ready  vfs.Events
}

// alwaysPolled are events that nobody has to ask for.
const alwaysPolled = vfs.POLLERR | vfs.POLLHUP | vfs.POLLNVAL

// Events that say the same as POLLIN and POLLOUT.
const (
	pollRdNorm vfs.Events = 0x040
	pollWrNorm vfs.Events = 0x100
)

// pollEvents is what f is ready for, as poll(2) has it.
func pollEvents(f *vfs.File, ask vfs.Events) vfs.Events {
	ev := f.Poll()
	if ev&vfs.POLLIN != 0 {
		ev |= pollRdNorm
	}
	if ev&vfs.POLLOUT != 0 {
		ev |= pollWrNorm
	}
	return ev & (ask | alwaysPolled)
}

// waitEvents are the events by which queues wake, for those that poll(2) knows.
func waitEvents(ask vfs.Events) vfs.Events {
	if ask&pollRdNorm != 0 {
		ask |= vfs.POLLIN
	}
	if ask&pollWrNorm != 0 {
		ask |= vfs.POLLOUT
	}
	return ask | alwaysPolled
}

// poll waits until one of list is ready, and returns how many are.
func (t *Task) poll(list []polled, until int64) (n int, e syscall.Errno) {
	look := func() int {
		n = 0
		for i := range list {
			p := &list[i]
			if p.file != nil {
				p.ready = pollEvents(p.file, p.events)
			}
			if p.ready != 0 {
				n++
			}
		}
		return n
	}
	if look() > 0 || until != never && t.K.clock.Monotonic() >= until {
		return n, 0
	}
	for i := range list {
		if p := &list[i]; p.file != nil {
			w := &vfs.Waiter{Events: waitEvents(p.events), Wake: t.Wake}
			q := p.file.Queue()
			q.Add(w)
			defer q.Remove(w)
		}
	}
	for {
		if look() > 0 {
			return n, 0
		}
		switch e := t.sleep(until); e {
		case 0:
		case syscall.ETIMEDOUT:
			return look(), 0
		default:
			return 0, ERESTARTNOHAND
		}
	}
}

// releasePolled lets go of the files of a list.
func releasePolled(list []polled) {
	for _, p := range list {
		if p.file != nil {
			p.file.Unref()
		}
	}
}

// withMask calls wait with the signal mask at a guest address, unless that is 0.
func (t *Task) withMask(addr, size uint64, wait func() (uint64, syscall.Errno)) (uint64, syscall.Errno) {
	if addr == 0 {
		return wait()
	}
	if size != sigsetSize {
		return 0, syscall.EINVAL
	}
	mask, f := t.Mem.Load(addr, sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	t.setTempMask(mask &^ unblockable)
	n, e := wait()
	t.endTempMask(e)
	return n, e
}

// pollFD is struct pollfd.
type pollFD struct {
	FD              int32
	Events, Revents int16
}

// sysPpoll is ppoll(2). What is left of the time is written back, so that a call that is made again
// waits no longer.
func sysPpoll(t *Task, c *Call) (uint64, syscall.Errno) {
	n := uint64(c.Uint(1))
	if n > min(t.limit(unix.RLIMIT_NOFILE), maxDescriptor) {
		return 0, syscall.EINVAL
	}
	until, e := t.timeout(c.Args[2])
	if e != 0 {
		return 0, e
	}
	fds := make([]pollFD, n)
	if n > 0 {
		if e := t.readObject(c.Args[0], fds); e != 0 {
			return 0, e
		}
	}
	list := make([]polled, n)
	defer releasePolled(list)
	for i := range fds {
		p := &list[i]
		p.events = vfs.Events(uint16(fds[i].Events))
		if fds[i].FD < 0 {
			continue
		}
		if p.file = t.files.fds.get(int(fds[i].FD)); p.file == nil {
			p.ready = vfs.POLLNVAL
		}
	}
	ready, e := t.withMask(c.Args[3], c.Args[4], func() (uint64, syscall.Errno) {
		ready, e := t.poll(list, until)
		return uint64(ready), e
	})
	t.timeLeft(c.Args[2], until)
	if e != 0 {
		return 0, e
	}
	for i := range fds {
		fds[i].Revents = int16(list[i].ready)
	}
	if n > 0 {
		e = t.writeObject(c.Args[0], fds)
	}
	return ready, e
}

// timeout reads a struct timespec at addr, which is never for 0, and makes a point in time of it.
func (t *Task) timeout(addr uint64) (int64, syscall.Errno) {
	if addr == 0 {
		return never, 0
	}
	d, e := t.readTimespec(addr)
	return t.K.after(d), e
}

// timeLeft writes the time until then to addr, as ppoll(2) and pselect6(2) do. That it cannot be written is no error.
func (t *Task) timeLeft(addr uint64, until int64) {
	if addr != 0 && until != never {
		_ = t.writeTimespec(addr, max(until-t.K.clock.Monotonic(), 0))
	}
}

// maxSelect is how many descriptors a set of select(2) may have here: as many as a table.
const maxSelect = maxDescriptor

// Events that the three sets of select(2) ask for, and are told of (fs/select.c).
var selectEvents = [3]struct{ ask, tell vfs.Events }{
	{vfs.POLLIN, vfs.POLLIN | vfs.POLLHUP | vfs.POLLERR},
	{vfs.POLLOUT, vfs.POLLOUT | vfs.POLLERR},
	{vfs.POLLPRI, vfs.POLLPRI},
}

func sysPselect6(t *Task, c *Call) (uint64, syscall.Errno) {
	n := c.Int(0)
	if n < 0 || n > maxSelect {
		return 0, syscall.EINVAL
	}
	until, e := t.timeout(c.Args[4])
	if e != 0 {
		return 0, e
	}
	var mask struct{ Addr, Size uint64 }
	if c.Args[5] != 0 {
		if e := t.readObject(c.Args[5], &mask); e != 0 {
			return 0, e
		}
	}
	var sets [3][]byte
	for i := range sets {
		if addr := c.Args[1+i]; addr != 0 {
			if sets[i], e = t.copyIn(addr, uint64(n+63)/64*8); e != 0 {
				return 0, e
			}
		}
	}
	list, fds, e := t.selected(sets, n)
	defer releasePolled(list)
	if e != 0 {
		return 0, e
	}
	_, e = t.withMask(mask.Addr, mask.Size, func() (uint64, syscall.Errno) {
		n, e := t.poll(list, until)
		return uint64(n), e
	})
	t.timeLeft(c.Args[4], until)
	if e != 0 {
		return 0, e
	}
	return t.tellSelected(c, sets, list, fds)
}

// selected makes the list of files that sets of select(2) ask for.
func (t *Task) selected(sets [3][]byte, n int) (list []polled, fds []int, e syscall.Errno) {
	for fd := range n {
		var ask vfs.Events
		for i, set := range sets {
			if set != nil && set[fd/8]>>(fd%8)&1 != 0 {
				ask |= selectEvents[i].ask
			}
		}
		if ask == 0 {
			continue
		}
		f := t.files.fds.get(fd)
		if f == nil {
			return list, nil, syscall.EBADF
		}
		list, fds = append(list, polled{file: f, events: ask}), append(fds, fd)
	}
	return list, fds, 0
}

// tellSelected writes the sets of what is ready, and returns how many bits they have.
func (t *Task) tellSelected(c *Call, sets [3][]byte, list []polled, fds []int) (n uint64, e syscall.Errno) {
	for i, set := range sets {
		if set == nil {
			continue
		}
		out := make([]byte, len(set))
		for k, fd := range fds {
			if set[fd/8]>>(fd%8)&1 != 0 && list[k].ready&selectEvents[i].tell != 0 {
				out[fd/8] |= 1 << (fd % 8)
				n++
			}
		}
		if e := t.copyOut(c.Args[1+i], out); e != 0 {
			return 0, e
		}
	}
	return n, 0
}

// epollEvent is struct epoll_event, which is not packed on riscv64.
type epollEvent struct {
	Events, _ uint32
	Data      uint64
}

// appendTo appends it in its form in memory.
func (ev *epollEvent) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(ev.Events))
	return binary.LittleEndian.AppendUint64(b, ev.Data)
}

// millis is a time-out of epoll_pwait(2) as a point in time.
func (t *Task) millis(c *Call, ms int) int64 {
	if ms < 0 {
		return never
	}
	return t.callDeadline(c, int64(ms)*int64(time.Millisecond))
}
