//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/host/amd64"
)

// Jumps back and calls by direct jumps or inline caches make a block hot. The exits for these
// lead through a counting thunk of the block at first: see codecache.Cache.AddThunk.

// link has the exit that was taken lead to a translation.
func (m *Machine) link(l left, to *codecache.Block) {
	m.mu.Lock()
	if m.cache.Resets != l.epoch || !to.Valid() {
		m.mu.Unlock()
		return
	}
	atOnce := false
	if m.opt.on && m.cache.WantsThunk(l.number, to) {
		if atOnce = m.opts.Optimise == 0; atOnce {
			m.cache.Hot(to)
		} else {
			m.addThunk(to)
		}
	}
	m.cache.Link(l.number, to)
	m.mu.Unlock()
	if atOnce {
		m.optimise(to)
	}
}

// addThunk gives a block a counting thunk if there is room, with mu held.
func (m *Machine) addThunk(to *codecache.Block) {
	counter, ok := m.cache.NewCounter()
	if !ok {
		return
	}
	a := &m.asm
	a.Buf = m.cache.Buffer()
	start := a.Len()
	a.SetRel32(a.DecRel(), counter)
	hot := a.Jcc(amd64.E)
	a.SetRel32(a.Jmp(), int(to.Entry))
	a.SetRel32(hot, a.Len())
	a.MovImm(amd64.RAX, uint64(m.cache.NextExit()))
	a.SetRel32(a.Jmp(), m.comp.Stubs.Leave)
	if m.cache.Fits(a.Buf) {
		m.cache.AddThunk(to, a.Buf, start, counter)
	}
}

// hot is for a block whose thunk has counted to its end.
func (m *Machine) hot(b *codecache.Block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Valid() && !b.Region {
		m.request(b)
	}
}
