//go:build linux && amd64

package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sleeping. A relative sleep is carried out as one until a point in time, which
// survives interruptions: a sleep that signals without handler interrupt goes on
// through restart_syscall(2) and ends when it would have ended.

// restartBlock is what restart_syscall(2) continues, as in the kernel's struct
// restart_block.
type restartBlock struct {
	clock    int32         // clock of the deadline
	deadline unix.Timespec // when the sleep ends
	rem      uint64        // guest address for the time left, or 0
}

func sysNanosleep(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.sleepFor(unix.CLOCK_MONOTONIC, c.Args[0], c.Args[1])
}

func sysClockNanosleep(t *Task, c *Call) (uint64, syscall.Errno) {
	clock, flags := int32(c.Args[0]), c.Int(1)
	if flags&unix.TIMER_ABSTIME == 0 {
		switch clock {
		case unix.CLOCK_REALTIME, unix.CLOCK_TAI: // setting them does not change how long a sleep lasts
			clock = unix.CLOCK_MONOTONIC
		}
		return t.sleepFor(clock, c.Args[2], c.Args[3])
	}
	if e := checkSleepClock(clock); e != 0 {
		return 0, e
	}
	var deadline unix.Timespec
	if f := t.Mem.ReadObject(c.Args[2], &deadline); f != nil {
		return 0, syscall.EFAULT
	}
	return restart(0, t.sleepUntil(clock, &deadline), ERESTARTNOHAND)
}

// sleepFor sleeps for the time at guest address req.
func (t *Task) sleepFor(clock int32, req, rem uint64) (uint64, syscall.Errno) {
	if e := checkSleepClock(clock); e != 0 {
		return 0, e
	}
	d, e := t.readTimeout(req)
	if e != 0 {
		return 0, e
	}
	var now unix.Timespec
	if err := unix.ClockGettime(clock, &now); err != nil {
		return 0, errnoOf(err)
	}
	t.restart = restartBlock{clock: clock, deadline: addTime(now, d), rem: rem}
	return t.continueSleep()
}

// sysRestartSyscall goes on with the sleep that a signal without handler interrupted.
func sysRestartSyscall(t *Task, _ *Call) (uint64, syscall.Errno) {
	if t.restart == (restartBlock{}) {
		return 0, syscall.EINTR
	}
	return t.continueSleep()
}

// continueSleep sleeps until the deadline of t.restart.
func (t *Task) continueSleep() (uint64, syscall.Errno) {
	b := t.restart
	e := t.sleepUntil(b.clock, &b.deadline)
	if e == ERESTARTNOINTR { // not begun
		return 0, e
	}
	if e != syscall.EINTR {
		t.restart = restartBlock{}
		return 0, e
	}
	var now unix.Timespec
	if err := unix.ClockGettime(b.clock, &now); err != nil {
		return 0, errnoOf(err)
	}
	left := max(b.deadline.Nano()-now.Nano(), 0)
	if left == 0 {
		t.restart = restartBlock{}
		return 0, 0
	}
	if b.rem != 0 {
		ts := unix.NsecToTimespec(left)
		if f := t.Mem.WriteObject(b.rem, &ts); f != nil {
			return 0, syscall.EFAULT
		}
	}
	return 0, ERESTART_RESTARTBLOCK
}

// sleepUntil sleeps to a point in time of a clock.
func (t *Task) sleepUntil(clock int32, deadline *unix.Timespec) syscall.Errno {
	m := marshaller{t: t}
	ts := *deadline
	p := m.keep((*byte)(unsafe.Pointer(&ts)))
	_, e := t.Syscall(unix.SYS_CLOCK_NANOSLEEP, uintptr(clock), unix.TIMER_ABSTIME, p, 0)
	m.finish()
	return e
}

// checkSleepClock fails as clock_nanosleep(2) does for a clock on which one cannot
// sleep. Linux looks at the clock before it looks at the time, and sleeping until
// the year 1970 tells without any delay.
func checkSleepClock(clock int32) syscall.Errno {
	if clock == unix.CLOCK_MONOTONIC {
		return 0
	}
	var epoch unix.Timespec
	_, _, e := syscall.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, uintptr(clock), unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&epoch)), 0, 0, 0)
	return e
}

// addTime adds without overflow: the far future is the last second there is.
func addTime(t, d unix.Timespec) unix.Timespec {
	t.Nsec += d.Nsec
	if t.Nsec >= int64(time.Second) {
		t.Nsec -= int64(time.Second)
		t.Sec++
	}
	const last = 1 << 33 // of what Timespec.Nano can hold
	if d.Sec >= last-t.Sec {
		return unix.Timespec{Sec: last}
	}
	t.Sec += d.Sec
	return t
}
