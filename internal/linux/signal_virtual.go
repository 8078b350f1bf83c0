//go:build linux && amd64

package linux

import (
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/trap"
)

// The unmaskable six are never blocked on the host. When the guest blocks one that
// somebody has sent, it waits here. As on Linux one instance of each can wait for a
// thread, and one for the process.

// virtualQueue holds at most one signal of each number.
type virtualQueue struct {
	set   atomic.Uint64 // which are there, as a mask; a hint when read without mu
	mu    sync.Mutex    // guards infos
	infos map[int]trap.Info
}

// add puts a signal into the queue. One that is there already counts once.
func (q *virtualQueue) add(info *trap.Info) {
	q.mu.Lock()
	defer q.mu.Unlock()
	sig := info.Signal()
	if _, there := q.infos[sig]; there {
		return
	}
	if q.infos == nil {
		q.infos = map[int]trap.Info{}
	}
	q.infos[sig] = *info
	q.set.Or(sigbit(sig))
}

// take removes the signal with the lowest number among those of set.
func (q *virtualQueue) take(set uint64) (info trap.Info, ok bool) {
	if q.set.Load()&set == 0 {
		return info, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if set &= q.set.Load(); set == 0 {
		return info, false
	}
	sig := bits.TrailingZeros64(set) + 1
	info = q.infos[sig]
	delete(q.infos, sig)
	q.set.And(^sigbit(sig))
	return info, true
}

// list returns the signals in the order of their numbers.
func (q *virtualQueue) list() (infos []trap.Info) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, sig := range slices.Sorted(maps.Keys(q.infos)) {
		infos = append(infos, q.infos[sig])
	}
	return infos
}

// clear removes all signals.
func (q *virtualQueue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.infos = nil
	q.set.Store(0)
}

// siTKill is the si_code of tkill(2) and tgkill(2), which send to a thread.
const siTKill = -6

// enqueueVirtual keeps one of the unmaskable six that the thread blocks.
func (t *Task) enqueueVirtual(info *trap.Info) {
	if info.Code() == siTKill {
		t.sig.own.add(info)
		return
	}
	t.P.sig.shared.add(info)
	t.P.kickOthers(t)
}

// takeVirtual takes a signal of set that waits for the thread or its process.
func (t *Task) takeVirtual(set uint64) (info trap.Info, ok bool) {
	if info, ok = t.sig.own.take(set); ok {
		return info, ok
	}
	return t.P.sig.shared.take(set)
}

// virtualPending are the signals that wait here for the thread.
func (t *Task) virtualPending() uint64 { return t.sig.own.set.Load() | t.P.sig.shared.set.Load() }

// virtualReady reports whether one of them is not in mask.
func (t *Task) virtualReady(mask uint64) bool { return t.virtualPending()&^mask != 0 }

// noticeVirtual has the run loop look for signals if a change of the mask has let
// one through.
func (t *Task) noticeVirtual() {
	if t.virtualReady(t.sig.mask) {
		t.CPU.IRQ().Raise(irq.Signal)
	}
}

// virtualSignals are the signals that a thread blocks, and those that wait for it and
// for the process, as far as the host does not know; by their names in
// /proc/pid/status. The thread ID 0 stands for the first thread.
func (p *Process) virtualSignals(tid int) map[string]uint64 {
	if tid == 0 {
		tid = p.Pid()
	}
	p.mu.Lock()
	t := p.tasks[tid]
	p.mu.Unlock()
	if t == nil {
		return nil
	}
	return map[string]uint64{
		"SigBlk": t.sig.unmaskable.Load(),
		"SigPnd": t.sig.own.set.Load(),
		"ShdPnd": p.sig.shared.set.Load(),
	}
}

// kickOthers makes all threads but t look whether a signal for the process is for them.
func (p *Process) kickOthers(t *Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.tasks {
		if other != t {
			other.host.Kick()
		}
	}
}
