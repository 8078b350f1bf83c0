//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Robust futexes (Documentation/locking/robust-futex-ABI.rst of the kernel). The
// host cannot walk a list of guest addresses, so it is walked here: when a thread
// exits, and before execve(2). For that, a process that shares memory with others does
// not leave its end by a signal to the host (signalState.interceptAll); but one that is
// killed by SIGKILL leaves its lists as they are.

func sysSetRobustList(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] != uapi.RobustHeadSize {
		return 0, syscall.EINVAL
	}
	t.thr.robust.Store(c.Args[0])
	return 0, 0
}

func sysGetRobustList(t *Task, c *Call) (uint64, syscall.Errno) {
	head := t.thr.robust.Load()
	if pid := c.Int(0); pid != 0 && pid != t.TID {
		t.P.mu.Lock()
		other := t.P.tasks[pid]
		if other != nil {
			head = other.thr.robust.Load()
		}
		t.P.mu.Unlock()
		if other == nil {
			if err := unix.Kill(pid, 0); err == unix.ESRCH {
				return 0, syscall.ESRCH
			}
			return 0, syscall.EPERM // another process: the host knows nothing of its list
		}
	}
	if t.Mem.Store(c.Args[2], 8, uapi.RobustHeadSize) != nil {
		return 0, syscall.EFAULT
	}
	return 0, faultErrno(t.Mem.Store(c.Args[1], 8, head))
}

// releaseRobust marks the futexes that the thread holds as left by a dead owner.
func (t *Task) releaseRobust() {
	if addr := t.thr.robust.Swap(0); addr != 0 {
		uapi.WalkRobust(t.Mem, addr, t.releaseDead)
	}
}

// releaseAllRobust does releaseRobust for all threads, of which execve(2) leaves none
// but the one that calls it, and that one without its list. If the call fails, restore
// makes the lists count again, though not what has been released.
func (p *Process) releaseAllRobust() (restore func()) {
	lists := map[*Task]uint64{}
	p.mu.Lock()
	for _, t := range p.tasks {
		if head := t.thr.robust.Load(); head != 0 {
			lists[t] = head
		}
	}
	p.mu.Unlock()
	for t := range lists {
		t.releaseRobust()
	}
	return func() {
		for t, head := range lists {
			t.thr.robust.CompareAndSwap(0, head)
		}
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

// wakeFutex wakes threads that wait for the futex at addr, in this process and others.
func (t *Task) wakeFutex(addr uint64, n int) {
	p := t.futexWord(addr, mem.Read)
	_, _, _ = syscall.RawSyscall(unix.SYS_FUTEX, p, futexWake, uintptr(n))
}
