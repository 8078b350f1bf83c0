//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/host/amd64"
)

// Jumps back, and calls by direct jumps or inline caches, make a block hot. While they are counted, the exits for these
// lead through a counting thunk of the block: see codecache.Cache.AddThunk. That is so for loops where samples have
// found the guest at work (sample.go), or, with a threshold, for all blocks from the beginning.

// link has the exit that was taken lead to a translation.
func (m *Machine) link(l left, to *codecache.Block) {
	if m.linked(l, to) {
		m.optimise(to)
	}
}

// linked does so, and reports whether that is hot, at once.
func (m *Machine) linked(l left, to *codecache.Block) (hot bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cache.Epoch != l.epoch || !to.Valid() {
		return false
	}
	switch {
	case !m.opt.on:
	case m.cache.WantsSide(l.number):
		m.addSide(l.number, to)
	case !m.opt.sampling && m.cache.WantsThunk(l.number, to):
		if hot = m.opts.Optimise == 0; hot {
			m.cache.Hot(to)
		} else {
			m.addThunk(to)
		}
	}
	m.cache.Link(l.number, to)
	return hot
}

// addThunk gives a block a counting thunk if it has none, with mu held. It reports false if there is no room.
func (m *Machine) addThunk(to *codecache.Block) bool {
	if m.cache.Counted(to) {
		return true
	}
	start, counter, ok := m.emitThunk(to)
	if ok {
		m.cache.AddThunk(to, m.asm.Buf, start, counter)
	}
	return ok
}

// addSide links an exit by a side thunk if there is room, with mu held.
func (m *Machine) addSide(exit uint32, to *codecache.Block) {
	if start, counter, ok := m.emitThunk(to); ok {
		m.cache.AddSide(exit, to, m.asm.Buf, start, counter)
	}
}

// emitThunk appends a thunk to m.asm, which goes on to a block.
func (m *Machine) emitThunk(to *codecache.Block) (start, counter int, ok bool) {
	if counter, ok = m.cache.NewCounter(); !ok {
		return 0, 0, false
	}
	a := &m.asm
	a.Buf = m.cache.Buffer()
	start = a.Len()
	a.SetRel32(a.DecRel(), counter)
	hot := a.Jcc(amd64.E)
	a.SetRel32(a.Jmp(), int(to.Entry))
	a.SetRel32(hot, a.Len())
	a.MovImm(amd64.RAX, uint64(m.cache.NextExit()))
	a.SetRel32(a.Jmp(), m.comp.Stubs.Leave)
	return start, counter, m.cache.Fits(a.Buf)
}

// hot is for a block whose thunk has counted to its end.
func (m *Machine) hot(l left) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cache.Epoch == l.epoch && m.cache.Lookup(l.block.Key) == l.block {
		m.request(m.around(l.block))
	}
}

// side is for a side thunk that has counted to its end. If it leads to what might be in the region, that
// is given up, until it is hot again.
func (m *Machine) side(l left) {
	if head := m.undo(l); head != nil && m.opts.Optimise == 0 {
		m.optimise(head)
	}
}

// undo gives up the region that a side thunk is of. It returns the block that it was in the place of, or nil.
func (m *Machine) undo(l left) *codecache.Block {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cache.Epoch != l.epoch {
		return nil
	}
	r, to := m.cache.Side(l.number)
	if r == nil || r.Insts >= maxRegion || !m.belongs(r, to) {
		return nil
	}
	return m.giveUpRegion(r)
}

// giveUpRegion gives a region up, with mu held. It returns the block that it was in the place of, or nil.
func (m *Machine) giveUpRegion(r *codecache.Block) *codecache.Block {
	head := r.Under()
	m.cache.Undo(r)
	m.forgetRegion(head)
	m.opt.stats.Undone++
	if !head.Valid() {
		return nil
	}
	m.retarget(r, head)
	return head
}

// belongs reports whether a block might be in a region that leads to it, with mu held: in a function,
// or if it leads back to the loop's head.
func (m *Machine) belongs(r, to *codecache.Block) bool {
	return m.cache.Called(r) || m.leadsBack(to, r.PC, maxFunction)
}

// leadsBack reports whether a block leads to the head of a loop that it is in, by so many blocks at most, and not by way of
// a loop around that, with mu held.
func (m *Machine) leadsBack(to *codecache.Block, head uint64, limit int) bool {
	seen := map[*codecache.Block]bool{}
	for level := []*codecache.Block{to}; len(level) > 0 && len(seen) < limit; level = level[1:] {
		b := level[0]
		if b.PC == head {
			return true
		}
		if seen[b] {
			continue
		}
		seen[b] = true
		for _, next := range m.jumpsOf(b.Under()) {
			if next.PC >= head || next.PC > b.PC {
				level = append(level, next)
			}
		}
	}
	return false
}

// jumpsOf are the blocks that a block of tier 1 has gone to by jumps, with mu held.
func (m *Machine) jumpsOf(b *codecache.Block) (list []*codecache.Block) {
	for n, e := range m.cache.Exits(b) {
		switch {
		case e.Kind == codecache.ToJump:
			list = append(list, m.blocksOf(m.cache.Targets(n), b.Mode)...)
		case e.Kind == codecache.ToBlock && e.To() != nil:
			list = append(list, e.To())
		}
	}
	return list
}

// retarget has all computed jumps to a block lead to another one with the same key, with mu held.
func (m *Machine) retarget(from, to *codecache.Block) {
	for _, c := range m.live() {
		c.ctx.Retarget(to.PC, m.cache.Host(from.Body), m.cache.Host(to.Body))
	}
}

// maxMissed is how many looks ahead of loops of a region may fail: so many take about as long as
// making another region.
const maxMissed = 1 << 10

// missed is for a region of which a look ahead of a loop has failed, with mu held. When too many have,
// it is made anew without. If there is no time for that, it is asked for less and less often.
func (m *Machine) missed(r *codecache.Block) {
	r.Missed++
	if r.Missed >= maxMissed && r.Missed&(r.Missed-1) == 0 && r.Valid() {
		r.Under().NoLooks = true
		m.opt.stats.Blind++
		m.request(r)
	}
}
