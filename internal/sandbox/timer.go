//go:build linux

package sandbox

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Timers: those of setitimer(2) and timer_create(2).

// Timer goes off at a time, and then at intervals. Kernel.mu guards it.
type timer struct {
	k        *Kernel
	cpu      func() int64 // processor time, which takes no lock, or nil for the monotonic clock
	next     int64        // when it goes off; 0 if it is not set
	interval int64        // 0: only once
	fire     func(missed int64)
	stop     func()
	setting  int // counts how often it has been set
}

// now is the time of the timer's clock.
func (m *timer) now() int64 {
	if m.cpu != nil {
		return m.cpu()
	}
	return m.k.clock.Monotonic()
}

// left is the time until it goes off, which is never 0 if it is set.
func (m *timer) left() int64 {
	if m.next == 0 {
		return 0
	}
	return max(m.next-m.now(), 1)
}

// set has the timer go off at next, or not at all if that is 0.
func (m *timer) set(next, interval int64) {
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
	m.setting++
	m.next, m.interval = next, interval
	if next != 0 {
		m.arm()
	}
}

// arm waits for the time. Processor time may pass faster than any other, or not at all: then
// it looks again.
func (m *timer) arm() {
	const often = int64(time.Millisecond)
	at := m.next
	if m.cpu != nil {
		at = m.k.after(max(m.next-m.cpu(), often))
	}
	setting := m.setting
	m.stop = m.k.clock.AfterFunc(at, func() {
		m.k.mu.Lock()
		defer m.k.mu.Unlock()
		if m.setting == setting {
			m.expired()
		}
	})
}

func (m *timer) expired() {
	now := m.now()
	if now < m.next {
		m.arm()
		return
	}
	missed := int64(0)
	if m.interval == 0 {
		m.next = 0
	} else {
		missed = (now - m.next) / m.interval
		m.next += (missed + 1) * m.interval
		m.arm()
	}
	m.fire(missed)
}

// itimers are those of setitimer(2), by their numbers.
type itimers [3]timer

// itimerSignals are what they send.
var itimerSignals = [3]int{int(unix.SIGALRM), int(unix.SIGVTALRM), int(unix.SIGPROF)}

// itimer is one of the process's, with Kernel.mu held.
func (p *Process) itimer(which int) *timer {
	m := &p.itimers[which]
	if m.k == nil {
		m.k = p.K
		if which != 0 {
			m.cpu = func() int64 { u := p.usage(); return u.user }
		}
		m.fire = func(int64) {
			info := newInfo(itimerSignals[which], siKernel)
			_ = p.send(nil, &info)
		}
	}
	return m
}

// itimerval is struct itimerval.
type itimerval struct{ Interval, Value unix.Timeval }

func (m *timer) itimerval() itimerval {
	left := m.left()
	if left != 0 {
		left = max(left, int64(time.Microsecond))
	}
	return itimerval{unix.NsecToTimeval(m.interval), unix.NsecToTimeval(left)}
}

func sysGetitimer(t *Task, c *Call) (uint64, syscall.Errno) {
	which := c.Uint(0)
	if which > 2 {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	v := t.P.itimer(int(which)).itimerval()
	t.K.mu.Unlock()
	return 0, t.writeObject(c.Args[1], &v)
}

func sysSetitimer(t *Task, c *Call) (uint64, syscall.Errno) {
	which := c.Uint(0)
	var v itimerval
	if c.Args[1] != 0 {
		if e := t.readObject(c.Args[1], &v); e != 0 {
			return 0, e
		}
	}
	if which > 2 || !validTimeval(v.Value) || !validTimeval(v.Interval) {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	m := t.P.itimer(int(which))
	old := m.itimerval()
	next := int64(0)
	if d := v.Value.Nano(); d != 0 {
		next = addTime(m.now(), d)
	}
	m.set(next, v.Interval.Nano())
	t.K.mu.Unlock()
	if c.Args[2] != 0 {
		return 0, t.writeObject(c.Args[2], &old)
	}
	return 0, 0
}

// lastSecond bounds times that are computed with.
const lastSecond = 1 << 33

func validTimeval(v unix.Timeval) bool {
	return v.Sec >= 0 && v.Sec < lastSecond && v.Usec >= 0 && v.Usec < 1e6
}

// posixTimer is one of timer_create(2).
type posixTimer struct {
	timer
	id      int
	clock   int
	notify  int // SIGEV_
	signal  int
	value   uint64
	task    *Task // SIGEV_THREAD_ID
	overrun int64
}

// Values of sigev_notify (asm-generic/siginfo.h).
const (
	sigevSignal   = 0
	sigevNone     = 1
	sigevThread   = 2
	sigevThreadID = 4
)

// sigevent is the part of struct sigevent that the kernel reads.
type sigevent struct {
	Value          uint64
	Signal, Notify int32
	TID            int32
	_              int32
}

// maxTimers is how many timers a process may have.
const maxTimers = 1024

func sysTimerCreate(t *Task, c *Call) (uint64, syscall.Errno) {
	ev := sigevent{Signal: int32(unix.SIGALRM)}
	if c.Args[1] != 0 {
		if e := t.readObject(c.Args[1], &ev); e != 0 {
			return 0, e
		}
	}
	m := &posixTimer{clock: c.Int(0), notify: int(ev.Notify), signal: int(ev.Signal), value: ev.Value}
	m.k, m.fire = t.K, func(missed int64) { t.P.timerExpired(m, missed) }
	switch {
	case m.clock == unix.CLOCK_MONOTONIC_RAW, m.clock == unix.CLOCK_REALTIME_COARSE, m.clock == unix.CLOCK_MONOTONIC_COARSE:
		return 0, syscall.EOPNOTSUPP
	case !realClock(m.clock) && !steadyClock(m.clock):
		if t.cpuClock(m.clock) == nil {
			return 0, syscall.EINVAL
		}
		m.cpu = func() int64 { u := t.P.usage(); return u.user }
		if m.clock == unix.CLOCK_THREAD_CPUTIME_ID || m.clock < 0 && m.clock&cpuClockThread != 0 {
			m.cpu = t.cpuClock(m.clock)
		}
	}
	if e := t.P.addTimer(m, int(ev.TID)); e != 0 {
		return 0, e
	}
	if c.Args[1] == 0 {
		m.value = uint64(m.id)
	}
	if t.Mem.Store(c.Args[2], 4, uint64(m.id)) != nil {
		t.deleteTimer(m.id)
		return 0, syscall.EFAULT
	}
	return 0, 0
}

// addTimer gives a timer an ID.
func (p *Process) addTimer(m *posixTimer, tid int) syscall.Errno {
	p.K.mu.Lock()
	defer p.K.mu.Unlock()
	if e := p.checkEvent(m, tid); e != 0 {
		return e
	}
	if len(p.timers) >= maxTimers {
		return syscall.EAGAIN
	}
	for m.id = p.lastTimer; p.timers[m.id] != nil; m.id++ {
	}
	p.lastTimer = m.id + 1
	if p.timers == nil {
		p.timers = map[int]*posixTimer{}
	}
	p.timers[m.id] = m
	return 0
}

// checkEvent checks what a timer is to do, and finds its task, with Kernel.mu held.
func (p *Process) checkEvent(m *posixTimer, tid int) syscall.Errno {
	switch m.notify {
	case sigevNone:
		return 0
	case sigevThreadID:
		if m.task = p.K.tasks[tid]; m.task == nil || m.task.P != p {
			return syscall.EINVAL
		}
	case sigevSignal, sigevThread:
	default:
		return syscall.EINVAL
	}
	if m.signal < 1 || m.signal > numSignals {
		return syscall.EINVAL
	}
	return 0
}

// timerExpired sends a timer's signal, with Kernel.mu held. One that waits still is not sent again.
func (p *Process) timerExpired(m *posixTimer, missed int64) {
	if m.notify == sigevNone {
		return
	}
	q, t := &p.pending, m.task
	if t != nil {
		q = &t.sig.pending
	}
	for i := range q.list {
		if info := &q.list[i]; info.Signal() == m.signal && info.Code() == siTimer && info.word(16) == uint32(m.id) {
			m.overrun = min(m.overrun+missed+1, 1<<31-1)
			info.setWord(20, uint32(m.overrun))
			return
		}
	}
	m.overrun = min(missed, 1<<31-1)
	info := newInfo(m.signal, siTimer, uint32(m.id), uint32(m.overrun), uint32(m.value), uint32(m.value>>32))
	_ = p.send(t, &info)
}

// itimerspec is struct itimerspec.
type itimerspec struct{ Interval, Value unix.Timespec }

func (m *timer) itimerspec() itimerspec {
	return itimerspec{unix.NsecToTimespec(m.interval), unix.NsecToTimespec(m.left())}
}

func validTimespec(v unix.Timespec) bool {
	return v.Sec >= 0 && v.Sec < lastSecond && v.Nsec >= 0 && v.Nsec < 1e9
}

func sysTimerSettime(t *Task, c *Call) (uint64, syscall.Errno) {
	var v itimerspec
	if e := t.readObject(c.Args[2], &v); e != 0 {
		return 0, e
	}
	if !validTimespec(v.Value) || !validTimespec(v.Interval) {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	m := t.P.timers[c.Int(0)]
	if m == nil {
		t.K.mu.Unlock()
		return 0, syscall.EINVAL
	}
	old := m.itimerspec()
	m.set(m.due(v.Value.Nano(), c.Int(1)&unix.TIMER_ABSTIME != 0), v.Interval.Nano())
	m.overrun = 0
	t.K.mu.Unlock()
	if c.Args[3] != 0 {
		return 0, t.writeObject(c.Args[3], &old)
	}
	return 0, 0
}

// due is when a timer goes off that is set to v.
func (m *posixTimer) due(v int64, absolute bool) int64 {
	switch {
	case v == 0:
		return 0
	case !absolute:
		return addTime(m.now(), v)
	}
	return max(m.k.toMonotonic(m.clock, v), 1)
}

func sysTimerGettime(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	m := t.P.timers[c.Int(0)]
	if m == nil {
		t.K.mu.Unlock()
		return 0, syscall.EINVAL
	}
	v := m.itimerspec()
	t.K.mu.Unlock()
	return 0, t.writeObject(c.Args[1], &v)
}

func sysTimerGetoverrun(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	m := t.P.timers[c.Int(0)]
	if m == nil {
		return 0, syscall.EINVAL
	}
	return uint64(m.overrun), 0
}

func sysTimerDelete(t *Task, c *Call) (uint64, syscall.Errno) { return 0, t.deleteTimer(c.Int(0)) }

func (t *Task) deleteTimer(id int) syscall.Errno {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	m := t.P.timers[id]
	if m == nil {
		return syscall.EINVAL
	}
	m.set(0, 0)
	delete(t.P.timers, id)
	return 0
}

// deleteTimers removes the timers of timer_create(2), as execve(2) and the end do, with Kernel.mu held.
func (p *Process) deleteTimers() {
	for _, m := range p.timers {
		m.set(0, 0)
	}
	p.timers = nil
}
