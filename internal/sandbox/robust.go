//go:build linux

package sandbox

import "syscall"

// Robust futexes: a list in guest memory of the futexes that a task holds, which its end marks as
// left (Documentation/locking/robust-futexes.rst).

func sysSetRobustList(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] != robustHeadSize {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.robust = c.Args[0]
	return 0, 0
}

func sysGetRobustList(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	other := t
	if tid := c.Int(0); tid != 0 {
		other = t.K.tasks[tid]
	}
	if other == nil {
		t.K.mu.Unlock()
		return 0, syscall.ESRCH
	}
	head := other.robust
	t.K.mu.Unlock()
	if t.Mem.Store(c.Args[2], 8, robustHeadSize) != nil {
		return 0, syscall.EFAULT
	}
	return 0, faultErrno(t.Mem.Store(c.Args[1], 8, head))
}

// robustHead is struct robust_list_head: guest addresses, with bit 0 set for
// priority inheritance; an entry's futex is Offset bytes after it.
type robustHead struct {
	Next    uint64
	Offset  uint64
	Pending uint64
}

// releaseRobust marks the futexes that the task holds as left by a dead owner, as
// the kernel's exit_robust_list does. It stops where the list cannot be read.
func (t *Task) releaseRobust() {
	t.K.mu.Lock()
	addr := t.robust
	t.robust = 0
	t.K.mu.Unlock()
	var head robustHead
	if addr == 0 || t.readObject(addr, &head) != 0 {
		return
	}
	pending := head.Pending &^ 1
	entry, pi := head.Next&^1, head.Next&1 != 0
	for n := 0; entry != addr && n < robustListLimit; n++ {
		// The next entry first: the owner that comes next may reuse this one.
		next, fault := t.Mem.Load(entry, 8)
		if entry != pending && !t.releaseDead(entry+head.Offset, pi, false) {
			return
		}
		if fault != nil {
			return
		}
		entry, pi = next&^1, next&1 != 0
	}
	if pending != 0 {
		t.releaseDead(pending+head.Offset, head.Pending&1 != 0, true)
	}
}

// releaseDead is the kernel's handle_futex_death for one futex word.
func (t *Task) releaseDead(addr uint64, pi, pending bool) (ok bool) {
	if addr%4 != 0 {
		return false
	}
	for {
		v, f := t.Mem.Load(addr, 4)
		if f != nil {
			return false
		}
		old := uint32(v)
		switch {
		case pending && !pi && old == 0: // between unlocking and waking
			t.wakeFutex(addr, 1)
			return true
		case int(old&futexTIDMask) != t.TID:
			return true
		case pi && old&futexWaiters != 0:
			key, e := t.futexKey(addr, true)
			return e == 0 && t.handOver(key, addr, futexOwnerDied) == 0
		}
		swapped, f := t.Mem.CompareAndSwap(addr, old, old&futexWaiters|futexOwnerDied)
		if f != nil {
			return false
		}
		if swapped {
			if !pi && old&futexWaiters != 0 {
				t.wakeFutex(addr, 1)
			}
			return true
		}
	}
}
