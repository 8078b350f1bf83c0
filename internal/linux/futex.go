//go:build linux && amd64

package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Futexes are the host's: the kernel gets the host address of the word. Thread IDs
// in the words of PI futexes are the host's too.

// Operations of futex(2) (linux/futex.h).
const (
	futexWait          = 0
	futexWake          = 1
	futexRequeue       = 3
	futexCmpRequeue    = 4
	futexWakeOp        = 5
	futexLockPI        = 6
	futexUnlockPI      = 7
	futexTrylockPI     = 8
	futexWaitBitset    = 9
	futexWakeBitset    = 10
	futexWaitRequeuePI = 11
	futexCmpRequeuePI  = 12
	futexLockPI2       = 13

	futexPrivate       = 128
	futexClockRealtime = 256
)

// futexOp says what the arguments of an operation mean.
type futexOp struct {
	timeout bool     // the fourth argument is a timeout, not a number
	access  mem.Prot // what is done with the word
	second  mem.Prot // what is done with the second word; None if there is none
	noIntr  bool     // interrupted, it is restarted after any handler (ERESTARTNOINTR)
}

// futexOps are the operations that there are, by number.
var futexOps = [...]futexOp{
	futexWait:          {timeout: true, access: mem.Read},
	futexWake:          {access: mem.Read},
	futexRequeue:       {access: mem.Read, second: mem.Read},
	futexCmpRequeue:    {access: mem.Read, second: mem.Read},
	futexWakeOp:        {access: mem.Read, second: mem.Write},
	futexLockPI:        {timeout: true, access: mem.Write, noIntr: true},
	futexUnlockPI:      {access: mem.Write},
	futexTrylockPI:     {access: mem.Write},
	futexWaitBitset:    {timeout: true, access: mem.Read},
	futexWakeBitset:    {access: mem.Read},
	futexWaitRequeuePI: {timeout: true, access: mem.Read, second: mem.Write, noIntr: true},
	futexCmpRequeuePI:  {access: mem.Read, second: mem.Write},
	futexLockPI2:       {timeout: true, access: mem.Write, noIntr: true},
}

func sysFutex(t *Task, c *Call) (uint64, syscall.Errno) {
	opcode := c.Int(1)
	cmd := opcode &^ (futexPrivate | futexClockRealtime)
	if uint(cmd) >= uint(len(futexOps)) || futexOps[cmd].access == mem.None {
		return 0, syscall.ENOSYS
	}
	op := &futexOps[cmd]
	m := marshaller{t: t}
	defer m.finish()
	fourth := uintptr(c.Args[3])
	if op.timeout && c.Args[3] != 0 {
		ts, e := t.readTimeout(c.Args[3])
		if e != 0 {
			return 0, e
		}
		if cmd == futexWait { // the others have a point in time
			ts = t.thr.wait.left(c, ts)
		}
		fourth = m.keep((*byte)(unsafe.Pointer(&ts)))
	}
	moves := t.Mem.Moves()
	word := t.futexWord(c.Args[0], op.access)
	var second uintptr
	if op.second != mem.None {
		second = t.futexWord(c.Args[4], op.second)
	}
	if op.second != mem.None {
		t.P.requeues.Add(1)
	}
	asleep := t.fallAsleep(c.Args[0], word, moves)
	n, e := t.host.Syscall(unix.SYS_FUTEX, word, uintptr(opcode), uintptr(c.Uint(2)), fourth, second, uintptr(c.Uint(5)))
	r := uint64(n)
	switch {
	case e == ERESTARTSYS && op.noIntr:
		e = ERESTARTNOINTR
	case !op.noIntr && t.displaced(asleep, e):
		r, e = 0, 0
	}
	r, e = restart(r, e, ERESTARTNOHAND)
	t.thr.wait.done(e)
	return r, e
}

// futexWord is the host address of a futex word. The kernel sees whether it is
// aligned and accessible.
func (t *Task) futexWord(addr uint64, access mem.Prot) uintptr {
	if p, ok := t.hostPointer(addr, 4, access); ok {
		return p | uintptr(addr%4)
	}
	if addr >= t.Mem.Limit() {
		return badPointer | uintptr(addr%4)
	}
	// Not there: what needs no more than an address, such as waking, works still.
	return uintptr(addr % mem.PageSize)
}

// readTimeout reads a struct timespec that must be valid as a time.
func (t *Task) readTimeout(addr uint64) (ts unix.Timespec, e syscall.Errno) {
	if t.Mem.ReadObject(addr, &ts) != nil {
		return ts, syscall.EFAULT
	}
	if ts.Sec < 0 || ts.Nsec < 0 || ts.Nsec >= int64(time.Second) {
		return ts, syscall.EINVAL
	}
	return ts, 0
}

// timedWait is the deadline of a call with a relative time-out. A call that was
// interrupted for reasons that are not the guest's is made again, and must end when
// it would have ended.
type timedWait struct {
	row      *Row
	args     [6]uint64
	deadline unix.Timespec // of CLOCK_MONOTONIC
}

// left returns how long a call still has to wait, whose time-out is d.
func (w *timedWait) left(c *Call, d unix.Timespec) unix.Timespec {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	if w.row != c.Row || w.args != c.Args {
		*w = timedWait{row: c.Row, args: c.Args, deadline: addTime(now, d)}
		return d
	}
	return unix.NsecToTimespec(max(w.deadline.Nano()-now.Nano(), 0))
}

// done forgets the deadline unless the call, which returns e, may be made again.
func (w *timedWait) done(e syscall.Errno) {
	if e != ERESTARTNOHAND && e != ERESTARTNOINTR {
		w.stop()
	}
}

// stop forgets the deadline.
func (w *timedWait) stop() { w.row = nil }

// futexWaiter is struct futex_waitv (futex_waitv(2)).
type futexWaiter struct {
	Value, Addr     uint64
	Flags, Reserved uint32
}

// maxFutexWaiters is FUTEX_WAITV_MAX.
const maxFutexWaiters = 128

// waiters reads n waiters and makes them available to the host.
func (m *marshaller) waiters(addr uint64, n int) (uintptr, syscall.Errno) {
	list := make([]futexWaiter, n)
	if m.t.Mem.ReadObject(addr, list) != nil {
		return 0, syscall.EFAULT
	}
	for i := range list {
		list[i].Addr = uint64(m.t.futexWord(list[i].Addr, mem.Read))
	}
	return m.keep((*byte)(unsafe.Pointer(&list[0]))), 0
}

// waitUntil makes a timeout available, which is a point in time.
func (m *marshaller) waitUntil(addr uint64) (uintptr, syscall.Errno) {
	if addr == 0 {
		return 0, 0
	}
	ts, e := m.t.readTimeout(addr)
	if e != 0 {
		return 0, e
	}
	return m.keep((*byte)(unsafe.Pointer(&ts))), 0
}

func sysFutexWaitv(t *Task, c *Call) (uint64, syscall.Errno) {
	n := c.Uint(1)
	if c.Uint(2) != 0 || n == 0 || n > maxFutexWaiters || c.Args[0] == 0 {
		return 0, syscall.EINVAL
	}
	m := marshaller{t: t}
	defer m.finish()
	timeout, e := m.waitUntil(c.Args[3])
	if e != 0 {
		return 0, e
	}
	moves := t.Mem.Moves()
	list, e := m.waiters(c.Args[0], int(n))
	if e != 0 {
		return 0, e
	}
	r, e := t.Syscall(unix.SYS_FUTEX_WAITV, list, uintptr(n), 0, timeout, uintptr(c.Int(4)))
	if (e == ERESTARTSYS || e == syscall.EINTR) && t.Mem.Moves() != moves {
		return 0, syscall.EAGAIN // as if one of them had another value: see displaced
	}
	return restart(r, e, ERESTARTNOHAND)
}

// Numbers of futex_wake(2) and its kin, the same on all machines.
const (
	sysnoFutexWake    = 454
	sysnoFutexWait    = 455
	sysnoFutexRequeue = 456
)

func sysFutexWake(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.Syscall(sysnoFutexWake, t.futexWord(c.Args[0], mem.Read), uintptr(c.Args[1]), uintptr(c.Int(2)), uintptr(c.Uint(3)))
}

func sysFutexWait(t *Task, c *Call) (uint64, syscall.Errno) {
	m := marshaller{t: t}
	defer m.finish()
	timeout, e := m.waitUntil(c.Args[4])
	if e != 0 {
		return 0, e
	}
	moves := t.Mem.Moves()
	word := t.futexWord(c.Args[0], mem.Read)
	asleep := t.fallAsleep(c.Args[0], word, moves)
	r, e := t.Syscall(sysnoFutexWait, word, uintptr(c.Args[1]), uintptr(c.Args[2]),
		uintptr(c.Uint(3)), timeout, uintptr(c.Int(5)))
	if t.displaced(asleep, e) {
		return 0, 0
	}
	return restart(r, e, ERESTARTNOHAND)
}

func sysFutexRequeue(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[0] == 0 || c.Uint(1) != 0 {
		return 0, syscall.EINVAL
	}
	m := marshaller{t: t}
	defer m.finish()
	list, e := m.waiters(c.Args[0], 2)
	if e != 0 {
		return 0, e
	}
	t.P.requeues.Add(1)
	return t.Syscall(sysnoFutexRequeue, list, 0, uintptr(c.Int(2)), uintptr(c.Int(3)))
}
