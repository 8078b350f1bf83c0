package opt

import (
	"slices"
	"time"
)

// History keeps what a region is like after each pass, for people to look at. A nil
// History keeps nothing.
type History struct {
	Steps []Step
	keys  map[*Block]int
	since time.Time
}

// Step is a state of a region.
type Step struct {
	Name   string        // of the pass that has made it so
	Took   time.Duration // the pass, if the step before has been noted
	Region *Region       // a copy
	// Keys has a number for each block of the copy. Passes add blocks, remove them and
	// order them anew: the number stays.
	Keys []int
}

// Note adds the present state of r, under the name of what has made it so.
func (h *History) Note(name string, r *Region) {
	if h == nil {
		return
	}
	s := Step{Name: name}
	if len(h.Steps) > 0 {
		s.Took = time.Since(h.since)
	} else {
		h.keys = map[*Block]int{}
	}
	s.Region = r.clone()
	for _, b := range r.Blocks {
		key, ok := h.keys[b]
		if !ok {
			key = len(h.keys)
			h.keys[b] = key
		}
		s.Keys = append(s.Keys, key)
	}
	h.Steps = append(h.Steps, s)
	h.since = time.Now()
}

// After is what Optimise is to call after each pass over r: nil if nothing is kept.
func (h *History) After(r *Region) func(pass string) {
	if h == nil {
		return nil
	}
	return func(pass string) { h.Note(pass, r) }
}

// clone is a copy of r that shares nothing with it.
func (r *Region) clone() *Region {
	made := *r
	made.mem = new(Memory)
	made.Code, made.Facts, made.Blocks = slices.Clone(r.Code), slices.Clone(r.Facts), make([]*Block, len(r.Blocks))
	c := cloner{blocks: make(map[*Block]*Block, len(r.Blocks)), loops: map[*Loop]*Loop{}}
	for n, b := range r.Blocks {
		made.Blocks[n] = new(Block)
		c.blocks[b] = made.Blocks[n]
	}
	for _, b := range r.Blocks {
		c.block(b)
	}
	return &made
}

// cloner has the copies of blocks and loops.
type cloner struct {
	blocks map[*Block]*Block
	loops  map[*Loop]*Loop
}

func (c *cloner) block(b *Block) {
	made := c.blocks[b]
	*made = *b
	made.Code, made.Preds = slices.Clone(b.Code), c.list(b.Preds)
	made.Phis = make([]Phi, len(b.Phis))
	for n, p := range b.Phis {
		made.Phis[n] = Phi{Value: p.Value, Args: slices.Clone(p.Args)}
	}
	made.Next = slices.Clone(b.Next)
	for n, e := range b.Next {
		made.Next[n].To = c.blocks[e.To]
	}
	made.Loop, made.idom = c.loop(b.Loop), c.blocks[b.idom]
}

func (c *cloner) loop(l *Loop) *Loop {
	if l == nil {
		return nil
	}
	made := c.loops[l]
	if made == nil {
		made = &Loop{Depth: l.Depth, Head: c.blocks[l.Head], Blocks: c.list(l.Blocks)}
		c.loops[l] = made
		made.Outer = c.loop(l.Outer)
	}
	return made
}

func (c *cloner) list(blocks []*Block) []*Block {
	made := make([]*Block, len(blocks))
	for n, b := range blocks {
		made[n] = c.blocks[b]
	}
	return made
}
