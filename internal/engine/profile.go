//go:build linux && amd64

package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/irq"
)

// profile is a request for a region while the exits of the code around its head are counted.
type profile struct {
	head  *codecache.Block
	exits []uint32      // their numbers
	epoch uint64        // when these were valid
	since time.Duration // the guest's CPU time when counting began
}

const (
	maxProfile  = 600                    // exits
	maxJumps    = 2000                   // computed jumps that are looked at
	fewWatches  = 3                      // times they are looked at as soon as it is wanted, further ones
	watchTime   = 512 * time.Millisecond // once in so much of the guest's CPU time: behind it, all computed jumps miss once more
	profileTime = 500 * time.Microsecond // of the guest's CPU time is how long they are counted, at least,
	maxAwaited  = 60                     // unless so many times that have gone by: where there are few processors, others may have them
)

// startProfile begins counting for a region that is to be entered at a block. The result is nil if the block
// is not valid any more.
func (m *Machine) startProfile(head *codecache.Block) *profile {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.surveyAround(head)
	if s == nil || m.foreign() {
		return nil
	}
	p := &profile{head: head, epoch: m.cache.Epoch, since: m.opt.budget.guest()}
	if head.Region { // what it is made of is not executed
		return p
	}
	seen := map[uint32]bool{}
	add := func(n uint32) {
		e := m.cache.Exit(n)
		if seen[n] || len(p.exits) == maxProfile || e.To() == nil || e.Kind > codecache.ToGuess || e.Block.Region {
			return
		}
		seen[n] = true
		if target, ok := m.cache.WantsTally(n); ok && !m.addTally(n, target) {
			return
		}
		m.cache.StartTally(n)
		p.exits = append(p.exits, n)
	}
	for _, pc := range slices.Sorted(maps.Keys(s.blocks)) {
		b := s.blocks[pc].block
		for n, end := m.cache.ExitsOf(b); n < end; n++ {
			if m.cache.Exit(n).Kind == codecache.ToJump {
				m.watchJumps(n)
			}
			add(n)
		}
		for _, n := range m.cache.Incoming(b) {
			add(n)
		}
	}
	return p
}

// awaitProfile waits until there is something to be seen in a profile.
func (m *Machine) awaitProfile(p *profile) {
	if len(p.exits) == 0 {
		return
	}
	for range maxAwaited {
		time.Sleep(profileTime)
		m.mu.Lock()
		took := m.opt.budget.guest() - p.since
		m.mu.Unlock()
		if took >= profileTime {
			return
		}
	}
}

// watchJumps has computed jumps come back to the engine for a while, with mu held, which
// notes where exit n goes to. If that has been done too often, what is known of them has to do.
func (m *Machine) watchJumps(n uint32) {
	if m.opt.jumps == 0 && m.opt.sampling && m.opt.watches >= fewWatches+int(m.opt.budget.guest()/watchTime) {
		return
	}
	m.cache.RecountTargets(n)
	if m.opt.jumps > 0 {
		return
	}
	m.opt.watches++
	m.opt.jumps = maxJumps
	for _, c := range m.live() {
		c.stale.Store(true)
		c.ctx.IRQ.Raise(irq.Sample)
	}
}

// jumped is for a computed jump by an exit, to a translation that the CPU does not know of. It does
// from then on, unless further jumps are to be seen.
func (m *Machine) jumped(c *CPU, l left, to *codecache.Block) {
	switch {
	case l.block.Region:
		m.strayed(l)
	case !m.sawJump(l):
		m.setJump(c, to)
	}
}

// maxStrayed is how many computed jumps may lead to what is not in their region before it is made anew.
const maxStrayed = 64

// strayed is for a computed jump of a region to what is not in it. If it might be, and that happens often, the region
// is given up, until it is hot again.
func (m *Machine) strayed(l left) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cache.Epoch != l.epoch || !l.block.Valid() {
		return
	}
	r := l.block
	if r.Strayed++; r.Strayed < maxStrayed {
		return
	}
	to := m.cache.Lookup(codecache.Key{PC: l.PC, Mode: r.Mode})
	if to == nil || !m.cache.MayUndo(r) || r.Insts >= maxRegion || !m.belongs(r, to) {
		m.cache.Resign(l.number)
		return
	}
	m.giveUpRegion(r)
}

// sawJump notes where a computed jump goes, and reports whether it is to come back here again.
func (m *Machine) sawJump(l left) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cache.Epoch != l.epoch {
		return false
	}
	m.cache.Jumped(l.number, l.PC)
	m.opt.jumps = max(m.opt.jumps-1, 0)
	return m.opt.jumps > 0
}

// addTally gives an exit code that counts it if there is room, with mu held.
func (m *Machine) addTally(n, target uint32) bool {
	counter, ok := m.cache.NewCounter()
	if !ok {
		return false
	}
	a := &m.asm
	a.Buf = m.cache.Buffer()
	start := a.Len()
	a.SetRel32(a.IncRel(), counter)
	a.SetRel32(a.Jmp(), int(target))
	if !m.cache.Fits(a.Buf) {
		return false
	}
	m.cache.AddTally(n, a.Buf, start, counter)
	return true
}

// end ends counting, and returns how often each exit has been taken, with mu held.
func (p *profile) end(m *Machine) map[uint32]uint64 {
	if m.cache.Epoch != p.epoch || m.foreign() {
		return nil
	}
	m.opt.jumps = 0
	counts := map[uint32]uint64{}
	for _, n := range p.exits {
		counts[n] = m.cache.EndTally(n)
	}
	return counts
}
