//go:build linux

package sandbox

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Time. Everything waits until a point in time of the monotonic clock, so that a call that was
// interrupted and is made again ends when it would have ended.

// restartBlock is what restart_syscall(2) continues, as in the kernel's struct
// restart_block.
type restartBlock struct {
	deadline int64  // when the sleep ends; 0 for none
	rem      uint64 // guest address for the time left, or 0
}

// timedCall is the deadline of a call with a relative time-out.
type timedCall struct {
	row      *Row
	args     [6]uint64
	deadline int64
}

// callDeadline is when a call ends whose time-out is d. A call that was interrupted and is
// made again keeps its deadline; callEnded tells that it is over.
func (t *Task) callDeadline(c *Call, d int64) int64 {
	if t.timed.row != c.Row || t.timed.args != c.Args {
		t.timed = timedCall{c.Row, c.Args, t.K.after(d)}
	}
	return t.timed.deadline
}

func (t *Task) callEnded() { t.timed.row = nil }

// after is the monotonic time in d.
func (k *Kernel) after(d int64) int64 { return addTime(k.clock.Monotonic(), d) }

// addTime adds without overflow: what comes after all is never.
func addTime(at, d int64) int64 {
	if d > never-max(at, 0) {
		return never
	}
	return at + d
}

// readTimespec reads a struct timespec that must be valid as a time, in nanoseconds.
func (t *Task) readTimespec(addr uint64) (int64, syscall.Errno) {
	var ts unix.Timespec
	if e := t.readObject(addr, &ts); e != 0 {
		return 0, e
	}
	if ts.Sec < 0 || ts.Nsec < 0 || ts.Nsec >= int64(time.Second) {
		return 0, syscall.EINVAL
	}
	if ts.Sec > math.MaxInt64/int64(time.Second)-1 {
		return never, 0
	}
	return ts.Nano(), 0
}

// writeTimespec writes a time as a struct timespec.
func (t *Task) writeTimespec(addr uint64, ns int64) syscall.Errno {
	return t.writeObject(addr, unix.NsecToTimespec(ns))
}

// realClock reports whether a clock is one of those that show the time of day.
func realClock(clock int) bool {
	switch clock {
	case unix.CLOCK_REALTIME, unix.CLOCK_REALTIME_COARSE, unix.CLOCK_REALTIME_ALARM, unix.CLOCK_TAI:
		return true
	}
	return false
}

// steadyClock reports whether a clock is one of those that count from the start.
func steadyClock(clock int) bool {
	switch clock {
	case unix.CLOCK_MONOTONIC, unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_MONOTONIC_COARSE, unix.CLOCK_BOOTTIME, unix.CLOCK_BOOTTIME_ALARM:
		return true
	}
	return false
}

// toMonotonic turns a point in time of another clock into one of the monotonic clock.
func (k *Kernel) toMonotonic(clock int, at int64) int64 {
	if at == never || !realClock(clock) {
		return at
	}
	return addTime(k.clock.Monotonic()-k.clock.Realtime(), at)
}

// now is the time of a clock, which may be that of a task's or process's processor time.
func (t *Task) now(clock int) (int64, syscall.Errno) {
	switch {
	case realClock(clock):
		return t.K.clock.Realtime(), 0
	case steadyClock(clock):
		return t.K.clock.Monotonic(), 0
	}
	cpu := t.cpuClock(clock)
	if cpu == nil {
		return 0, syscall.EINVAL
	}
	return cpu(), 0
}

// Kinds of clocks that are of a process or thread (MAKE_PROCESS_CPUCLOCK of linux/posix-timers.h).
const (
	cpuClockThread = 4
	cpuClockMax    = 3
)

// cpuClock returns what reads a clock of processor time, or nil if it is none.
func (t *Task) cpuClock(clock int) func() int64 {
	switch {
	case clock == unix.CLOCK_THREAD_CPUTIME_ID:
		return t.cpuTime
	case clock == unix.CLOCK_PROCESS_CPUTIME_ID:
		return t.P.cpuTime
	case clock >= 0 || clock&3 >= cpuClockMax:
		return nil
	}
	id := ^(clock >> 3)
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	if clock&cpuClockThread != 0 {
		if other := t.K.tasks[id]; id != 0 && other != nil && other.P == t.P {
			return other.cpuTime
		}
		if id == 0 {
			return t.cpuTime
		}
		return nil
	}
	if p := t.process(id); p != nil {
		return p.cpuTime
	}
	return nil
}

func sysClockGettime(t *Task, c *Call) (uint64, syscall.Errno) {
	now, e := t.now(c.Int(0))
	if e != 0 {
		return 0, e
	}
	return 0, t.writeTimespec(c.Args[1], now)
}

// sysClockSettime never sets a clock: they are the embedding program's.
func sysClockSettime(t *Task, c *Call) (uint64, syscall.Errno) {
	if _, e := t.readTimespec(c.Args[1]); e != 0 {
		return 0, e
	}
	if c.Int(0) != unix.CLOCK_REALTIME {
		return 0, syscall.EINVAL
	}
	return 0, syscall.EPERM
}

func sysClockGetres(t *Task, c *Call) (uint64, syscall.Errno) {
	if _, e := t.now(c.Int(0)); e != 0 {
		return 0, e
	}
	res := int64(1)
	if clock := c.Int(0); clock == unix.CLOCK_REALTIME_COARSE || clock == unix.CLOCK_MONOTONIC_COARSE {
		res = int64(4 * time.Millisecond)
	}
	if c.Args[1] == 0 {
		return 0, 0
	}
	return 0, t.writeTimespec(c.Args[1], res)
}

func sysGettimeofday(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[0] != 0 {
		if e := t.writeObject(c.Args[0], unix.NsecToTimeval(t.K.clock.Realtime())); e != 0 {
			return 0, e
		}
	}
	if c.Args[1] != 0 { // struct timezone: UTC
		return 0, t.copyOut(c.Args[1], make([]byte, 8))
	}
	return 0, 0
}

func sysNanosleep(t *Task, c *Call) (uint64, syscall.Errno) { return t.sleepFor(c.Args[0], c.Args[1]) }

func sysClockNanosleep(t *Task, c *Call) (uint64, syscall.Errno) {
	clock, flags := c.Int(0), c.Int(1)
	if !realClock(clock) && !steadyClock(clock) || clock == unix.CLOCK_MONOTONIC_RAW {
		if clock == unix.CLOCK_MONOTONIC_RAW || t.cpuClock(clock) != nil {
			return 0, syscall.EOPNOTSUPP
		}
		return 0, syscall.EINVAL
	}
	if flags&unix.TIMER_ABSTIME == 0 {
		return t.sleepFor(c.Args[2], c.Args[3])
	}
	at, e := t.readTimespec(c.Args[2])
	if e != 0 {
		return 0, e
	}
	if e = t.sleepUntil(t.K.toMonotonic(clock, at)); e == ERESTARTSYS {
		e = ERESTARTNOHAND
	}
	return 0, e
}

// sleepUntil sleeps to a point in time, or until it is interrupted.
func (t *Task) sleepUntil(at int64) syscall.Errno {
	for {
		switch e := t.sleep(at); e {
		case 0:
		case syscall.ETIMEDOUT:
			return 0
		default:
			return e
		}
	}
}

// sleepFor sleeps for the time at guest address req.
func (t *Task) sleepFor(req, rem uint64) (uint64, syscall.Errno) {
	d, e := t.readTimespec(req)
	if e != 0 {
		return 0, e
	}
	t.restart = restartBlock{deadline: t.K.after(d), rem: rem}
	return t.continueSleep()
}

// sysRestartSyscall goes on with the sleep that a signal without handler interrupted.
func sysRestartSyscall(t *Task, _ *Call) (uint64, syscall.Errno) {
	if t.restart.deadline == 0 {
		return 0, syscall.EINTR
	}
	return t.continueSleep()
}

// continueSleep sleeps until the deadline of t.restart.
func (t *Task) continueSleep() (uint64, syscall.Errno) {
	b := t.restart
	if t.sleepUntil(b.deadline) == 0 {
		t.restart = restartBlock{}
		return 0, 0
	}
	if left := b.deadline - t.K.clock.Monotonic(); b.rem != 0 {
		if e := t.writeTimespec(b.rem, max(left, 0)); e != 0 {
			return 0, e
		}
	}
	return 0, ERESTART_RESTARTBLOCK
}

// clockTick is the unit of times(2) in nanoseconds: USER_HZ is 100.
const clockTick = int64(time.Second) / 100

func sysTimes(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[0] != 0 {
		t.K.mu.Lock()
		own, children := t.P.usage(), t.P.reaped
		t.K.mu.Unlock()
		ticks := [4]int64{own.user / clockTick, 0, children.user / clockTick, 0}
		if e := t.writeObject(c.Args[0], ticks); e != 0 {
			return 0, e
		}
	}
	return uint64(t.K.clock.Monotonic() / clockTick), 0
}
