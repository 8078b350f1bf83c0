//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// Futexes with an owner (FUTEX_LOCK_PI and its kin). The word has the owner's thread ID, and whether somebody
// waits; the lock is handed from owner to waiter, in the order of their coming. Priorities are not inherited,
// as all tasks have the same.

// Operations of futex(2) on these.
const (
	futexLockPI    = 6
	futexUnlockPI  = 7
	futexTrylockPI = 8
	futexLockPI2   = 13

	futexWaitRequeuePI = 11
	futexCmpRequeuePI  = 12
)

// futexPI carries out one of the operations.
func (t *Task) futexPI(c *Call, private bool, cmd int) (uint64, syscall.Errno) {
	key, e := t.futexKey(c.Args[0], private)
	if e != 0 {
		return 0, e
	}
	if cmd == futexUnlockPI {
		return 0, t.unlockPI(key, c.Args[0])
	}
	until := int64(never)
	if c.Args[3] != 0 && cmd != futexTrylockPI {
		ts, e := t.readTimespec(c.Args[3])
		if e != 0 {
			return 0, e
		}
		clock := unix.CLOCK_REALTIME
		if cmd == futexLockPI2 && c.Int(1)&futexClockReal == 0 {
			clock = unix.CLOCK_MONOTONIC
		}
		until = t.K.toMonotonic(clock, ts)
	}
	e = t.lockPI(key, c.Args[0], until, cmd == futexTrylockPI)
	if e == ERESTARTSYS {
		e = ERESTARTNOINTR
	}
	return 0, e
}

// lockPI takes the lock, or waits until it is handed over.
func (t *Task) lockPI(key futexKey, addr uint64, until int64, try bool) syscall.Errno {
	f := &t.K.futexes
	w := &futexWaiter{t: t, key: key, owns: true}
	f.mu.Lock()
	e := t.takePI(f, key, addr, try)
	if e != errOwned {
		f.mu.Unlock()
		return e
	}
	f.add(w)
	f.mu.Unlock()
	for e = 0; ; {
		f.mu.Lock()
		switch {
		case w.woken:
			f.mu.Unlock()
			return 0
		case e != 0:
			f.remove(w)
			f.mu.Unlock()
			return e
		}
		f.mu.Unlock()
		e = t.sleep(until)
	}
}

// errOwned says that somebody else has the lock.
const errOwned = syscall.EAGAIN

// takePI takes a lock that nobody has, or notes in the word that the task waits. f.mu is held.
func (t *Task) takePI(f *futexes, key futexKey, addr uint64, try bool) syscall.Errno {
	for {
		v, fault := t.Mem.Load(addr, 4)
		if fault != nil {
			return syscall.EFAULT
		}
		old := uint32(v)
		owner, next := int(old&uapi.FutexTIDMask), old|uapi.FutexWaiters
		switch {
		case owner == t.TID:
			return syscall.EDEADLK
		case owner == 0:
			next = uint32(t.TID) | old&uapi.FutexOwnerDied
			if len(f.queues[key]) > 0 {
				next |= uapi.FutexWaiters
			}
		case try:
			return errOwned
		case t.task(owner) == nil:
			return syscall.ESRCH
		}
		swapped, fault := t.Mem.CompareAndSwap(addr, old, next)
		switch {
		case fault != nil:
			return syscall.EFAULT
		case swapped && owner == 0:
			return 0
		case swapped:
			return errOwned
		}
	}
}

func (t *Task) unlockPI(key futexKey, addr uint64) syscall.Errno {
	v, fault := t.Mem.Load(addr, 4)
	switch {
	case fault != nil:
		return syscall.EFAULT
	case int(v&uapi.FutexTIDMask) != t.TID:
		return syscall.EPERM
	}
	return t.handOver(key, addr, 0)
}

// handOver gives a lock that the task has to the one that has waited longest, or to nobody; more are further
// bits of the word.
func (t *Task) handOver(key futexKey, addr uint64, more uint32) syscall.Errno {
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.queues[key]
	next := more
	if len(q) > 0 {
		if !q[0].owns {
			return syscall.EINVAL // somebody waits as for another kind of futex
		}
		next |= uint32(q[0].t.TID)
	}
	if len(q) > 1 {
		next |= uapi.FutexWaiters
	}
	for {
		old, fault := t.Mem.Load(addr, 4)
		if fault != nil {
			return syscall.EFAULT
		}
		swapped, fault := t.Mem.CompareAndSwap(addr, uint32(old), next)
		if fault != nil {
			return syscall.EFAULT
		}
		if swapped {
			f.wake(key, min(1, len(q)), futexAnyBitset)
			return 0
		}
	}
}

// waitRequeuePI waits for a futex, from which requeuePI moves those that wait to a lock: when it returns, the task has that.
func (t *Task) waitRequeuePI(c *Call, private bool) (uint64, syscall.Errno) {
	clock := unix.CLOCK_MONOTONIC
	if c.Int(1)&futexClockReal != 0 {
		clock = unix.CLOCK_REALTIME
	}
	until, e := t.futexDeadline(c.Args[3], clock)
	if e != 0 {
		return 0, e
	}
	key, e := t.futexKey(c.Args[0], private)
	if e != 0 {
		return 0, e
	}
	lock, e := t.futexKey(c.Args[4], private)
	if e != 0 {
		return 0, e
	}
	if key == lock {
		return 0, syscall.EINVAL
	}
	w := &futexWaiter{t: t, key: key, bitset: futexAnyBitset, lock: lock}
	_, e = t.waitFutexes([]*futexWaiter{w}, []uint64{c.Args[0]}, []uint32{c.Uint(2)}, until)
	if e == ERESTARTSYS {
		e = syscall.EAGAIN // as Linux has it: the caller looks at its condition again
	}
	return 0, e
}

// requeuePI hands a lock to the first of those that wait for a futex, if it is free, and has the others wait for the lock.
func (t *Task) requeuePI(c *Call, private bool) (uint64, syscall.Errno) {
	move := c.Int(3)
	if c.Uint(2) != 1 || move < 0 {
		return 0, syscall.EINVAL
	}
	from, e := t.futexKey(c.Args[0], private)
	if e != 0 {
		return 0, e
	}
	to, e := t.futexKey(c.Args[4], private)
	if e != 0 {
		return 0, e
	}
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := t.compareWord(c.Args[0], c.Uint(5)); e != 0 {
		return 0, e
	}
	done := uint64(0)
	for q := f.queues[from]; len(q) > 0 && done <= uint64(move); q = f.queues[from] {
		w := q[0]
		if w.lock != to {
			return done, syscall.EINVAL
		}
		e := w.t.takePI(f, to, c.Args[4], false)
		if e != 0 && e != errOwned {
			return done, e
		}
		f.remove(w)
		if done++; e == 0 {
			w.woken = true
			w.t.Wake()
			continue
		}
		w.key, w.owns = to, true
		f.add(w)
	}
	return done, 0
}
