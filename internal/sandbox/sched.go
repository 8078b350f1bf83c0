//go:build linux

package sandbox

import (
	"encoding/binary"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Scheduling is the host's. Tasks run on any of the processors that there seem to be; what they say about
// policies and priorities is kept, but has no effect.

// scheduling is what a task has said; Kernel.mu guards it. Those that it creates inherit it.
type scheduling struct {
	cpus   []byte // where it wants to run, never changed in place; nil is anywhere
	policy uint32
	nice   int32
	slack  uint64 // PR_SET_TIMERSLACK, in nanoseconds
}

// defaultSlack is the timer slack of the first task.
const defaultSlack = 50000

func sysSchedYield(t *Task, _ *Call) (uint64, syscall.Errno) {
	if t.K.turns != nil {
		t.yield()
	} else {
		runtime.Gosched()
	}
	return 0, 0
}

// task is that of an ID as system calls take it: 0 is the caller's. It is nil if there is none.
func (t *Task) task(tid int) *Task {
	if tid == 0 {
		return t
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.K.tasks[tid]
}

// cpus is the set of processors.
func (k *Kernel) cpus() []byte {
	n := k.cfg.CPUs
	set := make([]byte, (n+63)/64*8)
	for i := range n {
		set[i/8] |= 1 << (i % 8)
	}
	return set
}

func sysSchedGetaffinity(t *Task, c *Call) (uint64, syscall.Errno) {
	n, to := c.Uint(1), t.task(c.Int(0))
	switch {
	case uint64(n)*8 < uint64(t.K.cfg.CPUs), n%8 != 0:
		return 0, syscall.EINVAL
	case to == nil:
		return 0, syscall.ESRCH
	}
	set := to.scheduled().cpus
	if set == nil {
		set = t.K.cpus()
	}
	set = set[:min(len(set), int(n))]
	return uint64(len(set)), t.copyOut(c.Args[2], set)
}

// sysSchedSetaffinity notes what is asked for; the host chooses.
func sysSchedSetaffinity(t *Task, c *Call) (uint64, syscall.Errno) {
	b, e := t.copyIn(c.Args[2], min(uint64(c.Uint(1)), 1024))
	if e != 0 {
		return 0, e
	}
	to := t.task(c.Int(0))
	if to == nil {
		return 0, syscall.ESRCH
	}
	set, some := t.K.cpus(), false
	for i := range set {
		if i >= len(b) {
			set[i] = 0
			continue
		}
		set[i] &= b[i]
		some = some || set[i] != 0
	}
	if !some {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	to.sched.cpus = set
	return 0, 0
}

// Policies (linux/sched.h). Those of real time are for others than guests.
const (
	schedOther = 0
	schedFIFO  = 1
	schedRR    = 2
	schedBatch = 3
	schedIdle  = 5
	schedDL    = 6
)

// setPolicy sets the policy of a task, and its nice value unless that is nil.
func (t *Task) setPolicy(tid int, policy uint32, prio int32, nice *int32) syscall.Errno {
	switch policy {
	case schedOther, schedBatch, schedIdle:
		if prio != 0 {
			return syscall.EINVAL
		}
	case schedFIFO, schedRR, schedDL:
		return syscall.EPERM
	default:
		return syscall.EINVAL
	}
	to := t.task(tid)
	if to == nil {
		return syscall.ESRCH
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	to.sched.policy = policy
	if nice != nil {
		to.sched.nice = niceValue(*nice)
	}
	return 0
}

func niceValue(n int32) int32 { return min(max(n, -20), 19) }

func sysSchedSetscheduler(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[2] == 0 || c.Int(0) < 0 || c.Int(1) < 0 {
		return 0, syscall.EINVAL
	}
	prio, f := t.Mem.Load(c.Args[2], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	const resetOnFork = 0x40000000
	return 0, t.setPolicy(c.Int(0), c.Uint(1)&^resetOnFork, int32(prio), nil)
}

func sysSchedSetparam(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] == 0 || c.Int(0) < 0 {
		return 0, syscall.EINVAL
	}
	prio, f := t.Mem.Load(c.Args[1], 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	if prio != 0 {
		return 0, syscall.EINVAL
	}
	if t.task(c.Int(0)) == nil {
		return 0, syscall.ESRCH
	}
	return 0, 0
}

func sysSchedGetscheduler(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Int(0) < 0 {
		return 0, syscall.EINVAL
	}
	to := t.task(c.Int(0))
	if to == nil {
		return 0, syscall.ESRCH
	}
	return uint64(to.scheduled().policy), 0
}

func (t *Task) scheduled() scheduling {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.sched
}

func sysSchedGetparam(t *Task, c *Call) (uint64, syscall.Errno) {
	switch {
	case c.Args[1] == 0, c.Int(0) < 0:
		return 0, syscall.EINVAL
	case t.task(c.Int(0)) == nil:
		return 0, syscall.ESRCH
	}
	return 0, faultErrno(t.Mem.Store(c.Args[1], 4, 0))
}

// schedPriority returns the handler of sched_get_priority_max(2) and _min, for policies of real time.
func schedPriority(realTime uint64) Handler {
	return func(_ *Task, c *Call) (uint64, syscall.Errno) {
		switch c.Int(0) {
		case schedFIFO, schedRR:
			return realTime, 0
		case schedOther, schedBatch, schedIdle, schedDL:
			return 0, 0
		}
		return 0, syscall.EINVAL
	}
}

func sysSchedRRGetInterval(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Int(0) < 0 {
		return 0, syscall.EINVAL
	}
	if t.task(c.Int(0)) == nil {
		return 0, syscall.ESRCH
	}
	return 0, t.writeTimespec(c.Args[1], int64(4*time.Millisecond))
}

// schedAttr is struct sched_attr.
type schedAttr struct {
	Size, Policy              uint32
	Flags                     uint64
	Nice                      int32
	Priority                  uint32
	Runtime, Deadline, Period uint64
	UtilMin, UtilMax          uint32
}

// Sizes of struct sched_attr: of its first version, and of the one with utilisation clamps.
const (
	schedAttrSize0 = 48
	schedAttrSize  = 56
)

func sysSchedGetattr(t *Task, c *Call) (uint64, syscall.Errno) {
	n := c.Uint(2)
	if c.Args[1] == 0 || c.Int(0) < 0 || n < schedAttrSize0 || uint64(n) > t.Mem.PageSize() || c.Uint(3) != 0 {
		return 0, syscall.EINVAL
	}
	to := t.task(c.Int(0))
	if to == nil {
		return 0, syscall.ESRCH
	}
	s := to.scheduled()
	a := schedAttr{Size: min(n, schedAttrSize), Policy: s.policy, Nice: s.nice, UtilMax: 1024}
	b, err := binary.Append(nil, binary.LittleEndian, &a)
	if err != nil {
		return 0, syscall.EINVAL
	}
	return 0, t.copyOut(c.Args[1], b[:a.Size])
}

func sysSchedSetattr(t *Task, c *Call) (uint64, syscall.Errno) {
	addr := c.Args[1]
	if addr == 0 || c.Uint(2) != 0 || c.Int(0) < 0 {
		return 0, syscall.EINVAL
	}
	size, f := t.Mem.Load(addr, 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	if size == 0 {
		size = schedAttrSize0
	}
	if size < schedAttrSize0 || size > t.Mem.PageSize() {
		if t.Mem.Store(addr, 4, schedAttrSize) != nil {
			return 0, syscall.EFAULT
		}
		return 0, syscall.E2BIG
	}
	b, e := t.copyIn(addr, min(size, schedAttrSize))
	if e != 0 {
		return 0, e
	}
	var a schedAttr
	_, _ = binary.Decode(append(b, make([]byte, schedAttrSize)...), binary.LittleEndian, &a) // it is long enough
	return 0, t.setPolicy(c.Int(0), a.Policy, int32(a.Priority), &a.Nice)
}

// sysGetpriority is 20 minus the nice value.
func sysGetpriority(t *Task, c *Call) (uint64, syscall.Errno) {
	to, e := t.prioritised(c)
	if e != 0 {
		return 0, e
	}
	return uint64(20 - to.scheduled().nice), 0
}

func sysSetpriority(t *Task, c *Call) (uint64, syscall.Errno) {
	to, e := t.prioritised(c)
	if e != 0 {
		return 0, e
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	to.sched.nice = niceValue(int32(c.Int(2)))
	return 0, 0
}

// prioritised is the task that getpriority(2) and setpriority(2) are about: of a group or user, the caller.
func (t *Task) prioritised(c *Call) (*Task, syscall.Errno) {
	switch c.Int(0) {
	case unix.PRIO_PROCESS:
		if to := t.task(c.Int(1)); to != nil {
			return to, 0
		}
		return nil, syscall.ESRCH
	case unix.PRIO_PGRP, unix.PRIO_USER:
		return t, 0
	}
	return nil, syscall.EINVAL
}
