//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// The newer calls, of which each has its own number. All words have 32 bits.

// Flags of a futex (linux/futex.h).
const (
	futex2Size32  = 2
	futex2Private = 128
)

// futexWaitV is struct futex_waitv.
type futexWaitV struct {
	Val, Addr       uint64
	Flags, Reserved uint32
}

// key returns what the futex is known by.
func (v *futexWaitV) key(t *Task) (futexKey, syscall.Errno) {
	if v.Flags&^futex2Private != futex2Size32 || v.Reserved != 0 {
		return futexKey{}, syscall.EINVAL
	}
	return t.futexKey(v.Addr, v.Flags&futex2Private != 0)
}

// maxWaitV is how many futexes there may be (FUTEX_WAITV_MAX).
const maxWaitV = 128

// readWaitV reads an array of futexes.
func (t *Task) readWaitV(addr uint64, n uint32) (list []futexWaitV, e syscall.Errno) {
	if n == 0 || n > maxWaitV || addr == 0 {
		return nil, syscall.EINVAL
	}
	list = make([]futexWaitV, n)
	return list, t.readObject(addr, list)
}

// futexDeadline reads a point in time of a clock, or returns never if there is none.
func (t *Task) futexDeadline(addr uint64, clock int) (int64, syscall.Errno) {
	if addr == 0 {
		return never, 0
	}
	if clock != unix.CLOCK_MONOTONIC && clock != unix.CLOCK_REALTIME {
		return 0, syscall.EINVAL
	}
	at, e := t.readTimespec(addr)
	return t.K.toMonotonic(clock, at), e
}

func sysFutexWaitv(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Uint(2) != 0 {
		return 0, syscall.EINVAL
	}
	until, e := t.futexDeadline(c.Args[3], c.Int(4))
	if e != 0 {
		return 0, e
	}
	list, e := t.readWaitV(c.Args[0], c.Uint(1))
	if e != 0 {
		return 0, e
	}
	return t.futexWaitList(list, futexAnyBitset, until)
}

func sysFutexWait(t *Task, c *Call) (uint64, syscall.Errno) {
	mask := c.Args[2]
	if mask == 0 || mask > futexAnyBitset {
		return 0, syscall.EINVAL
	}
	until, e := t.futexDeadline(c.Args[4], c.Int(5))
	if e != 0 {
		return 0, e
	}
	return t.futexWaitList([]futexWaitV{{Val: c.Args[1], Addr: c.Args[0], Flags: c.Uint(3)}}, uint32(mask), until)
}

// futexWaitList waits for one of several futexes, and returns which has been woken.
func (t *Task) futexWaitList(list []futexWaitV, mask uint32, until int64) (uint64, syscall.Errno) {
	var ws []*futexWaiter
	var addrs []uint64
	var vals []uint32
	for i := range list {
		v := &list[i]
		key, e := v.key(t)
		if e != 0 {
			return 0, e
		}
		ws = append(ws, &futexWaiter{t: t, key: key, bitset: mask})
		addrs, vals = append(addrs, v.Addr), append(vals, uint32(v.Val))
	}
	i, e := t.waitFutexes(ws, addrs, vals, until)
	return uint64(i), e
}

func sysFutexWake(t *Task, c *Call) (uint64, syscall.Errno) {
	mask := c.Args[1]
	v := futexWaitV{Addr: c.Args[0], Flags: c.Uint(3)}
	key, e := v.key(t)
	switch {
	case e != 0:
		return 0, e
	case mask == 0 || mask > futexAnyBitset:
		return 0, syscall.EINVAL
	}
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	return uint64(f.wake(key, max(c.Int(2), 0), uint32(mask))), 0
}

func sysFutexRequeue(t *Task, c *Call) (uint64, syscall.Errno) {
	wake, move := c.Int(2), c.Int(3)
	if c.Uint(1) != 0 {
		return 0, syscall.EINVAL
	}
	list, e := t.readWaitV(c.Args[0], 2)
	if e != 0 {
		return 0, e
	}
	from, e := list[0].key(t)
	if e != 0 {
		return 0, e
	}
	to, e := list[1].key(t)
	if e != 0 {
		return 0, e
	}
	if wake < 0 || move < 0 {
		return 0, syscall.EINVAL
	}
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := t.compareWord(list[0].Addr, uint32(list[0].Val)); e != 0 {
		return 0, e
	}
	woken := f.wake(from, wake, futexAnyBitset)
	return uint64(woken + f.move(from, to, move)), 0
}
