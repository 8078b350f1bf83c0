//go:build linux && amd64

package engine

import "github.com/hospes-vm/hospes/internal/codecache"

// A stored translation is loaded when the guest gets there. With it, those that it leads to are, and those that these lead to, up to
// some number: most of what has been worth a translation in another run is executed in this one, and to come back here for
// each takes longer than to load some that nobody needs.

const (
	// maxAhead is how many translations are loaded so at a time.
	maxAhead = 64
	// aheadPage is how much guest code is fetched at a time, in bytes.
	aheadPage = 1 << 12
)

// ahead is the exits whose translations are to be loaded. It is its CPU's alone.
type ahead struct {
	left  int                // how many more are loaded
	near  []uint32           // exits to the code that has been fetched, the next one last
	far   []uint32           // those to other code
	heads []*codecache.Block // what has been loaded, and has a region in its place
	start uint64             // of the code
	code  [aheadPage + maxCode]byte
}

// loadAhead loads what a translation, which has just been loaded, leads to, as far as it is stored. The caller holds no lock.
func (c *CPU) loadAhead(b *codecache.Block, epoch uint64) {
	m, s := c.m, c.space
	if m.opt.on && !m.opt.sampling { // exits are counted when they are taken first
		return
	}
	if c.ahead == nil {
		c.ahead = new(ahead)
	}
	a := c.ahead
	a.left, a.near, a.far, a.start = maxAhead, a.near[:0], a.far[:0], b.PC&^(aheadPage-1)
	for first := true; ; first = false {
		changes := s.changes.Load()
		n, _ := s.as.Fetch(a.start, a.code[:])
		if s.as.MayChange(a.start, uint64(n)) {
			n = 0
		}
		m.mu.Lock()
		on := !m.closed && s.machine.Load() == m && s.changes.Load() == changes && m.cache.Epoch == epoch
		if on {
			if first {
				m.follow(a, b)
			}
			on = m.loadNear(a, a.code[:n])
		}
		m.mu.Unlock()
		for _, head := range a.heads {
			m.loadRegion(head, c)
		}
		a.heads = a.heads[:0]
		if !on {
			return
		}
	}
}

// follow notes the exits of a block that has been loaded, or links them, with mu held.
func (m *Machine) follow(a *ahead, b *codecache.Block) {
	for n, e := range m.cache.Exits(b) {
		if e.To() != nil || e.Kind != codecache.ToBlock && e.Kind != codecache.ToCall {
			continue
		}
		k := codecache.Key{PC: e.PC, Mode: b.Mode}
		switch to := m.cache.Lookup(k); {
		case to != nil:
			m.linkAhead(n, to)
		case e.PC-a.start < aheadPage: // whether it is stored, loadNear finds out
			a.near = append(a.near, n)
		case m.stored.file.Has(storedKey(k)):
			a.far = append(a.far, n)
		}
	}
}

// loadNear loads what is to be of some code, with mu held, and finds out what other code is to be fetched. It reports whether there is any.
func (m *Machine) loadNear(a *ahead, code []byte) (more bool) {
	for len(a.near) > 0 && a.left > 0 && m.cache.Used() < m.cache.Size()/2 {
		n := a.near[len(a.near)-1]
		a.near = a.near[:len(a.near)-1]
		e := m.cache.Exit(n)
		k := codecache.Key{PC: e.PC, Mode: e.Block.Mode}
		b := m.cache.Lookup(k)
		if b == nil {
			code := code[min(k.PC-a.start, uint64(len(code))):]
			if b = m.cache.Revive(k, code, false); b == nil {
				b = m.load(k, code)
			}
			if b == nil {
				continue
			}
			a.left--
			if m.storesRegions() && m.stored.file.Has(regionKey(k)) {
				a.heads = append(a.heads, b)
			}
			m.follow(a, b)
		}
		m.linkAhead(n, b)
	}
	if len(a.far) == 0 || len(a.near) > 0 || a.left == 0 {
		return false
	}
	a.turn(m.cache)
	return true
}

// turn makes what is far next that which is near, with all that is on its page.
func (a *ahead) turn(c *codecache.Cache) {
	a.start = c.Exit(a.far[0]).PC &^ (aheadPage - 1)
	far := a.far[:0]
	for _, n := range a.far {
		if c.Exit(n).PC-a.start < aheadPage {
			a.near = append(a.near, n)
		} else {
			far = append(far, n)
		}
	}
	a.far = far
}

// linkAhead has an exit that has not been taken lead to a translation, with mu held.
func (m *Machine) linkAhead(n uint32, to *codecache.Block) {
	if !to.Interpreted() {
		m.cache.Link(n, to)
	}
}
