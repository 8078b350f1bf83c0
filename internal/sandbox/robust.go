//go:build linux

package sandbox

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// Robust futexes: a list in guest memory of the futexes that a task holds, which its end marks as
// left (Documentation/locking/robust-futexes.rst).

func sysSetRobustList(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] != uapi.RobustHeadSize {
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
	if t.Mem.Store(c.Args[2], 8, uapi.RobustHeadSize) != nil {
		return 0, syscall.EFAULT
	}
	return 0, faultErrno(t.Mem.Store(c.Args[1], 8, head))
}

// releaseRobust marks the futexes that the task holds as left by a dead owner.
func (t *Task) releaseRobust() {
	t.K.mu.Lock()
	addr := t.robust
	t.robust = 0
	t.K.mu.Unlock()
	if addr != 0 {
		uapi.WalkRobust(t.Mem, addr, t.releaseDead)
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
		case int(old&uapi.FutexTIDMask) != t.TID:
			return true
		case pi && old&uapi.FutexWaiters != 0:
			key, e := t.futexKey(addr, true)
			return e == 0 && t.handOver(key, addr, uapi.FutexOwnerDied) == 0
		}
		swapped, f := t.Mem.CompareAndSwap(addr, old, old&uapi.FutexWaiters|uapi.FutexOwnerDied)
		if f != nil {
			return false
		}
		if swapped {
			if !pi && old&uapi.FutexWaiters != 0 {
				t.wakeFutex(addr, 1)
			}
			return true
		}
	}
}
