//go:build linux && amd64

package engine

import (
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/irq"
)

// Code that takes much of the guest's time is found by samples: now and then the interrupt words of
// threads that execute translated code are raised, and who comes back notes which block was left. Code
// in which no sample falls costs nothing. Around a block in which enough do, the loops are counted
// for a moment: the first one that has gone round often enough is hot.

const (
	// period is the time between samples. Each costs some 50 microseconds, most of them for waking Go's threads up.
	// If threads were in translated code for more than 10 ms at a time, Go's scheduler would take
	// that for a long system call, and then be at work for a while each time.
	period = 5 * time.Millisecond

	// worth is how much time must have been spent in a block before a region is made of what is around
	// it, a few times what making one takes; significant is how many samples that are at least.
	worth       = 8 * time.Millisecond
	significant = 2
	// fraction is which part of the guest's time it is at least, 1/fraction.
	fraction = 256

	// rounds is how often the first of some loops goes round before it is hot, within the time raceTime.
	rounds    = 256
	raceTime  = 2 * time.Millisecond
	maxRivals = 48 // blocks are looked at for these loops

	// few is how often a loop goes round, at most, each time that the one around it does, for a region to be made of that
	// one; it has to have gone round significantly often, too.
	few       = 8
	roundsFew = 4

	maxIdle = 16 // samples without any thread in translated code, after which there are no more until there is one
)

// sampler finds hot blocks. Machine.mu guards it.
type sampler struct {
	warm   []*codecache.Block // those with a significant number of samples
	racing []*codecache.Block // whose executions are being counted
	until  time.Time          // when that ends
	idle   int                // samples that found nobody
}

// sample has each thread in translated code come back, with mu held. It reports whether there have been any lately.
func (m *Machine) sample() bool {
	s := &m.opt.sampler
	s.idle++
	for _, c := range m.live() {
		if c.inside.Load() {
			c.ctx.IRQ.Raise(irq.Sample)
			s.idle = 0
		}
	}
	return s.idle < maxIdle
}

// sampled notes where a thread was, which has come back.
func (c *CPU) sampled(l left) {
	c.ctx.IRQ.Lower(irq.Sample)
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	b := l.block
	if b == nil {
		b = m.cache.Within(l.PC)
	}
	if b == nil || !b.Valid() || b.Checked || b.Function != 0 {
		return
	}
	if b.Region {
		m.opt.budget.gained += period
		return
	}
	b.Seen += period
	if b.Samples++; b.Samples == significant {
		m.opt.sampler.warm = append(m.opt.sampler.warm, b)
	}
}

// hottest is the block in which most time has been spent, if that is worth anything, or nil, with mu held. It counts
// as one without samples from then on.
func (m *Machine) hottest() *codecache.Block {
	s := &m.opt.sampler
	least := max(worth, m.opt.budget.guest()/fraction)
	best := -1
	kept := s.warm[:0]
	for _, b := range s.warm {
		if !b.Valid() {
			b.Seen, b.Samples = 0, 0
			continue
		}
		if b.Seen >= least<<b.Tried && (best < 0 || b.Seen > kept[best].Seen) {
			best = len(kept)
		}
		kept = append(kept, b)
	}
	s.warm = kept
	if best < 0 {
		return nil
	}
	b := kept[best]
	s.warm[best] = kept[len(kept)-1]
	s.warm = kept[:len(kept)-1]
	b.Seen, b.Samples, b.Tried = 0, 0, min(b.Tried+1, 16)
	m.noteTried(b)
	return b
}

// race begins counting how often the loops around the hottest block go round, with mu held, if there is one. Where none of them has been
// of use, the function that the block is in may be.
func (m *Machine) race() {
	b := m.hottest()
	if b == nil {
		return
	}
	loops := m.rivals(b)
	if b.Tried > 1 || len(loops) == 0 {
		if head := m.longFunction(b); head != nil {
			m.request(head)
			return
		}
	}
	m.watchLoops(loops, time.Now().Add(raceTime))
}

// longFunction is the head of the function that a block is in, or calls, as samples fall where threads look at the interrupt word, with mu
// held, if it is one that calls nothing, and so long that a region of it may pay: a block cipher or hash, unrolled. It is nil if there is no
// such function, or has been tried.
func (m *Machine) longFunction(b *codecache.Block) *codecache.Block {
	if head := m.calledHead(b); head != nil && m.isLong(head) {
		return head
	}
	for _, e := range m.cache.Exits(b) {
		if to := e.To(); to != nil && calls(e) && m.isLong(to.Under()) {
			return to.Under()
		}
	}
	return nil
}

// isLong reports whether a function that begins with a block is such a one, with mu held.
func (m *Machine) isLong(head *codecache.Block) bool {
	if head.Refused || m.cache.Lookup(head.Key) != head {
		return false
	}
	insts := 0
	seen := map[*codecache.Block]bool{}
	for next := []*codecache.Block{head}; len(next) > 0; next = next[1:] {
		b := next[0].Under()
		if seen[b] {
			continue
		}
		seen[b] = true
		insts += b.Insts
		if len(seen) > maxSurvey || insts > maxLong {
			return false
		}
		for _, e := range m.cache.Exits(b) {
			if e.Kind == codecache.ToJump || calls(e) {
				return false
			}
		}
		next = append(next, m.jumpsOf(b)...)
	}
	return insts >= leastCalled
}

// calledHead is the nearest block that leads to b without a call, and is called itself, with mu held, or nil.
func (m *Machine) calledHead(b *codecache.Block) *codecache.Block {
	seen := map[*codecache.Block]bool{}
	for near := []*codecache.Block{b}; len(near) > 0 && len(seen) < maxSurvey; near = near[1:] {
		b := near[0].Under()
		if seen[b] || !b.Valid() || b.Checked || b.Function != 0 {
			continue
		}
		seen[b] = true
		now := m.cache.Lookup(b.Key)
		if now == nil {
			continue
		}
		if m.cache.Called(now) {
			return b
		}
		for _, n := range m.cache.Incoming(now) {
			near = append(near, m.cache.Exit(n).Block)
		}
	}
	return nil
}

// watchLoops counts how often loops with some heads go round, until one has done so often enough, with mu held.
func (m *Machine) watchLoops(heads []*codecache.Block, until time.Time) {
	s := &m.opt.sampler
	s.until = until
	for _, r := range heads {
		if m.addThunk(r) {
			m.cache.Watch(r, rounds)
			s.racing = append(s.racing, r)
		}
	}
}

// endRace ends that, with mu held.
func (m *Machine) endRace() {
	s := &m.opt.sampler
	for _, b := range s.racing {
		if b.Valid() {
			m.cache.Hot(b)
		}
	}
	s.racing = nil
}

// around is the loop to make a region of when that of b is the first that has gone round often enough, with mu held:
// one around it, if the loops within that go round but a few times each, and it calls nothing: what a region gains in such a loop
// is lost where it is left for a call.
func (m *Machine) around(b *codecache.Block) *codecache.Block {
	for n := uint32(rounds); ; {
		outer, most := b, max(n/few, roundsFew)
		for _, r := range m.opt.sampler.racing {
			if r.PC >= b.PC || !r.Valid() || m.cache.Lookup(r.Key) != r {
				continue
			}
			if k := rounds - min(m.cache.Left(r), rounds); k >= most && m.leadsBack(b, r.PC, maxRivals) && !m.loopCalls(r) {
				outer, most = r, k
			}
		}
		if outer == b {
			return b
		}
		b, n = outer, most
	}
}

// loopCalls reports whether anything is called in the loop with a head, with mu held.
func (m *Machine) loopCalls(head *codecache.Block) bool {
	seen := map[*codecache.Block]bool{}
	for near := []*codecache.Block{head}; len(near) > 0 && len(seen) < maxRivals; near = near[1:] {
		b := near[0].Under()
		if seen[b] || b.PC < head.PC {
			continue
		}
		seen[b] = true
		called := false // by the exit before
		for _, e := range m.cache.Exits(b) {
			if back := e.To(); called && back != nil && m.leadsBack(back, head.PC, maxFunction) { // where it returns
				return true
			}
			called = calls(e)
		}
		near = append(near, m.jumpsOf(b)...)
	}
	return false
}

// calls reports whether an exit calls a function. Pure ones of libraries are part of the code that calls them.
func calls(e *codecache.Exit) bool {
	if e.Kind != codecache.ToCall && e.Kind != codecache.ToGuess {
		return false
	}
	to := e.To()
	return to == nil || to.Function == 0 || opaque(to)
}

// rivals are the heads of loops around a block that are no regions: the nearest ones, by exits that have been
// taken in both directions.
func (m *Machine) rivals(b *codecache.Block) (list []*codecache.Block) {
	seen := map[*codecache.Block]bool{}
	for near := []*codecache.Block{b}; len(near) > 0 && len(seen) < maxRivals; near = near[1:] {
		b := near[0].Under()
		if seen[b] || !b.Valid() || b.Checked || b.Function != 0 || b.Interpreted() {
			continue
		}
		seen[b] = true
		now := m.cache.Lookup(b.Key) // the region in its place, if there is one
		if now == b && !b.Refused && m.cache.Loops(b) {
			list = append(list, b)
		}
		for _, e := range m.cache.Exits(b) {
			if to := e.To(); to != nil && e.Kind != codecache.ToBlock {
				near = append(near, to)
			}
		}
		near = append(near, m.jumpsOf(b)...)
		if now == nil {
			continue
		}
		for _, n := range m.cache.Incoming(now) {
			near = append(near, m.cache.Exit(n).Block)
		}
	}
	return list
}
