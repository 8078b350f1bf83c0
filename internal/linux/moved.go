//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Where the host's pages are larger than the guest's, bytes may get another place in the
// host while a system call of another thread uses them (mem.Space.WatchMoves). The kernel
// would write to the old place, or wake nobody who sleeps there. So all calls under way are
// interrupted then, and begin anew.

// carry is carryOut, again if what it has found of memory may have been somewhere else.
func (t *Task) carry(c *Call) (uint64, syscall.Errno) {
	if !t.Mem.Divided() {
		return t.carryOut(c)
	}
	t.calling.Store(true) // before it looks where anything is
	defer func() {
		t.calling.Store(false)
		t.asleep.Store(nil)
	}()
	for {
		moves := t.Mem.Moves()
		r, e := t.carryOut(c)
		if e != syscall.EFAULT || t.Mem.Moves() == moves {
			return r, e
		}
	}
}

// restartCalls interrupts the calls of all threads but the calling one. Those that sleep at
// words which are where they were may go on.
func (p *Process) restartCalls() {
	self := syscall.Gettid()
	p.mu.Lock()
	defer p.mu.Unlock()
	for tid, t := range p.tasks {
		if tid != self && t.calling.Load() && !t.staysAsleep() {
			t.host.Kick()
		}
	}
}

// sleep says which word a thread sleeps at (futex(2)).
type sleep struct {
	addr     uint64
	host     uintptr // where it was found
	moves    uint64  // mem.Space.Moves before that
	requeues uint64  // Process.requeues before the thread slept
}

// fallAsleep is for a call that is going to wait for the word at addr, found in the host after
// moves. It returns nil if words do not move.
func (t *Task) fallAsleep(addr uint64, host uintptr, moves uint64) *sleep {
	if !t.Mem.Divided() {
		return nil
	}
	s := &sleep{addr, host, moves, t.P.requeues.Load()}
	t.asleep.Store(s)
	return s
}

// staysAsleep reports whether the thread sleeps at a word, which is where it was.
func (t *Task) staysAsleep() bool {
	s := t.asleep.Load()
	return s != nil && t.stays(s)
}

// stays reports whether a thread that sleeps does so at the word that it has chosen, and that is where
// it was.
func (t *Task) stays(s *sleep) bool {
	var now uintptr
	_ = t.Mem.Mapping().Spans(s.addr, 4, mem.None, func(b []byte) bool {
		now = uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		return false
	})
	return now == s.host && t.P.requeues.Load() == s.requeues
}

// displaced reports whether a wait has been interrupted, as e says, because its word is no
// longer where it was. It then ends as one that is woken for no reason, as any may be
// (futex(2)): since then somebody may have wanted to wake it.
func (t *Task) displaced(s *sleep, e syscall.Errno) bool {
	return s != nil && (e == ERESTARTSYS || e == syscall.EINTR) && t.Mem.Moves() != s.moves && !t.stays(s)
}
