//go:build linux && amd64

package engine

import (
	"sync"
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/jit"
)

// With Options.Count each execution of a guest instruction is counted. Everything is translated when it is
// first executed and nothing is optimised, so translated code counts almost all of them (jit.Compiler.Counter), and
// the engine those that are left to the interpreter.

// counts are those of a Machine; nil without. Machine.mu guards the lists, alone has a lock of its own; counters are
// changed by any thread, atomically.
type counts struct {
	free   []uint64   // counters that nobody has
	all    []*counted // of all blocks there have been since the process began
	blocks map[*codecache.Block]*counted

	mu    sync.Mutex
	alone map[uint64]uint64 // of instructions that the interpreter has executed, by address
}

// counted is a block whose instructions are counted.
type counted struct {
	pcs      []uint64 // instructions
	segments []jit.Segment
	counters []*uint64 // by segment
	undone   []uint64  // by instruction: how often it has been counted and not been executed
}

const counterPiece = 1 << 10 // counters that are allocated together

func newCounts() *counts {
	return &counts{blocks: map[*codecache.Block]*counted{}, alone: map[uint64]uint64{}}
}

// counter is jit.Compiler.Counter.
func (k *counts) counter() *uint64 {
	if len(k.free) == 0 {
		k.free = make([]uint64, counterPiece)
	}
	n := &k.free[0]
	k.free = k.free[1:]
	return n
}

// add enters a block that has been compiled, for which counters have been handed out.
func (k *counts) add(b *codecache.Block, made *jit.Code, counters []*uint64) {
	if k == nil || len(made.Segments) == 0 {
		return
	}
	n := &counted{segments: append([]jit.Segment(nil), made.Segments...), counters: append([]*uint64(nil), counters...)}
	for _, m := range made.Marks {
		n.pcs = append(n.pcs, m.PC)
	}
	n.undone = make([]uint64, len(n.pcs))
	k.all = append(k.all, n)
	k.blocks[b] = n
}

// left is for a block that has been left when done of its instructions had been executed.
func (k *counts) left(b *codecache.Block, done int) {
	if k == nil {
		return
	}
	n := k.blocks[b]
	if n == nil {
		return
	}
	end := len(n.pcs)
	for _, s := range n.segments {
		if s.First > done {
			end = s.First
			break
		}
	}
	for i := done; i < end; i++ {
		n.undone[i]++
	}
}

// forget is for when all blocks are forgotten. What has been counted stays.
func (k *counts) forget() {
	if k != nil {
		clear(k.blocks)
	}
}

// reset has all counts be 0.
func (k *counts) reset() {
	if k == nil {
		return
	}
	for _, n := range k.all {
		for _, c := range n.counters {
			atomic.StoreUint64(c, 0)
		}
		clear(n.undone)
	}
	k.mu.Lock()
	clear(k.alone)
	k.mu.Unlock()
}

// one executes the instruction at the pc, and perhaps some more unless they are counted, by the interpreter.
func (c *CPU) one() guest.Exit {
	if c.m == nil || c.m.counts == nil {
		return c.Interpret()
	}
	return c.follow()
}

// follow executes the instruction at the pc by the interpreter, and counts it.
func (c *CPU) follow() guest.Exit {
	k, pc, before := c.m.counts, c.PC(), c.Translatable.Retired()
	exit := c.Follow(1, func(uint64, int) {})
	if n := c.Translatable.Retired() - before; n > 0 {
		k.mu.Lock()
		k.alone[pc] += n
		k.mu.Unlock()
	}
	return exit
}

// Counts calls f with each guest instruction that has been executed, and how often, since the process began
// or the last ResetCounts. Instructions may come several times. begins says of one that it is
// the first of some that are executed one after the other.
func (a *Arch) Counts(f func(pc, n uint64, begins bool)) {
	m := a.machine()
	if m == nil || m.counts == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.counts
	for _, b := range k.all {
		for s, segment := range b.segments {
			end := len(b.pcs)
			if s+1 < len(b.segments) {
				end = b.segments[s+1].First
			}
			n := atomic.LoadUint64(b.counters[s])
			for i := segment.First; i < end; i++ {
				if done := n - min(b.undone[i], n); done > 0 {
					f(b.pcs[i], done, i == segment.First)
				}
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for pc, n := range k.alone {
		f(pc, n, true)
	}
}

// ResetCounts has everything be counted anew.
func (a *Arch) ResetCounts() {
	if m := a.machine(); m != nil {
		m.mu.Lock()
		m.counts.reset()
		m.mu.Unlock()
	}
}
