//go:build linux

package sandbox

import (
	"sync"
	"sync/atomic"
	"syscall"
)

// sleeper is a task's part in Task.sleep.
type sleeper struct {
	mu     sync.Mutex    // guards token and asleep
	token  bool          // Wake has been called since the last sleep
	asleep bool          // the task waits at ch
	ch     chan struct{} // gets one value when asleep becomes false

	// attention says that there is something for the task to do before it goes on: signals, a
	// stop, its end. It is set before the task is woken and its CPU interrupted.
	attention atomic.Bool
}

func newSleeper() sleeper { return sleeper{ch: make(chan struct{}, 1)} }

// Wake has the task's present or next sleep return. Anybody may call it, with any lock held.
func (t *Task) Wake() {
	s := &t.sleeper
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = true
	if s.asleep {
		s.asleep = false
		t.K.awake.Add(1)
		s.ch <- struct{}{}
		t.K.turns.lineUp(t)
	}
}

// isAsleep reports whether the task waits. Anybody may call it.
func (s *sleeper) isAsleep() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asleep
}

// interrupted reports whether the task should let go of a call that waits.
func (t *Task) interrupted() bool { return t.sleeper.attention.Load() }

// sleep blocks until somebody wakes the task or it is time, at which it returns 0 or ETIMEDOUT. It
// may return 0 for no reason: whoever waits for something looks again. It returns ERESTARTSYS if
// there is something else to do, which comes before the others: the call that waits lets go of
// everything then, and returns that code or another one. No lock may be held.
func (t *Task) sleep(until int64) syscall.Errno {
	s := &t.sleeper
	if t.interrupted() {
		return ERESTARTSYS
	}
	expired := false
	if until != never {
		if t.K.clock.Monotonic() >= until {
			return syscall.ETIMEDOUT
		}
		stop := t.K.clock.AfterFunc(until, t.Wake)
		defer stop()
	}
	s.mu.Lock()
	if !s.token {
		s.asleep = true
		last := t.K.awake.Add(-1) == 0
		s.mu.Unlock()
		t.K.turns.end()
		if last {
			t.K.idle()
		}
		<-s.ch
		t.awaitTurn()
		s.mu.Lock()
	}
	s.token = false
	s.mu.Unlock()
	if until != never {
		expired = t.K.clock.Monotonic() >= until
	}
	switch {
	case t.interrupted():
		return ERESTARTSYS
	case expired:
		return syscall.ETIMEDOUT
	}
	return 0
}

// Hold keeps a fake clock from going on although all tasks sleep, until Release: while something
// of the host's is under way that may wake one.
func (k *Kernel) Hold() { k.awake.Add(1) }

// Release undoes Hold.
func (k *Kernel) Release() {
	if k.awake.Add(-1) == 0 {
		k.idle()
	}
}

// idle is called when no task is awake any more.
func (k *Kernel) idle() {
	if c, ok := k.clock.(*FakeClock); ok {
		if k.turns.hold() { // whom a timer wakes does not run before that has done all that it does
			defer k.turns.end()
		}
		c.idle(func() bool { return k.awake.Load() == 0 })
	}
}
