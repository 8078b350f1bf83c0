//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// A value that has been used for the last time may still be what a guest register holds, until that is overwritten. It has been
// computed, but if its register is needed for another one, it is forgotten: it becomes one that is not computed (see virtuals), if
// what it has been computed from is kept as long anyway. Else it would be stored, mostly for nothing.

// forget has v, which is in r, not be kept. It reports false if it has to be.
func (c *Compiler) forget(v ir.Value, r amd64.Reg) bool {
	if !c.forgettable(v, r) {
		return false
	}
	c.inReg[r], c.at[v].reg = 0, amd64.NoReg
	c.leaveBehind(v, c.graph.virtuals.until[v])
	return true
}

// forgettable reports whether v, which is in r alone, may be forgotten.
func (c *Compiler) forgettable(v ir.Value, r amd64.Reg) bool {
	if c.state == nil || c.at[v].left > 0 || c.state.holds[v] == 0 || int(v) >= len(c.graph.virtuals.exits) {
		return false
	}
	s := &c.graph.virtuals
	if until := s.until[v]; until == 0 || until >= s.exits[c.state.k] || !c.isComputable(v, until, s.depth[v]) {
		return false
	}
	return c.onlyIn(v) && !c.isElsewhere(v, r)
}

// givesUp stores v, which is in r and only the state needs, so that r can be taken: unless there is another register that can
// be had for nothing.
func (c *Compiler) givesUp(v ir.Value, r amd64.Reg) bool {
	if c.state == nil || c.at[v].left > 0 || c.distance(v) < never {
		return false
	}
	if best := c.cheapest(c.tempsFor(v)); !c.needsSaving(best) {
		return false
	}
	c.vacate(r)
	return true
}

// isComputable reports whether v can be computed from what is kept until an instruction anyway.
func (c *Compiler) isComputable(v ir.Value, until int32, depth uint8) bool {
	i := c.resolved(v)
	if depth >= maxDepth || !c.computable(&i) {
		return false
	}
	s := &c.graph.virtuals
	for _, a := range i.Args {
		_, isConst := c.t.ConstOf(a)
		switch {
		case a == 0 || isConst:
		case c.deferred[a]: // it has been part of i
			if !c.isComputable(a, until, depth+1) {
				return false
			}
		case !c.needed(a) || s.kept(c, a) < until || !c.isWanted(a, until) && !c.isComputable(a, until, depth+1):
			return false
		}
	}
	return true
}

// isWanted reports whether v, which is kept until an instruction, is so for other reasons than that the state has it, or costs
// nothing, as it is in memory.
func (c *Compiler) isWanted(v ir.Value, until int32) bool {
	s, w := &c.graph.virtuals, &c.at[v]
	uses := c.state.uses[v]
	return len(uses) > 0 && uses[len(uses)-1] >= until || s.kept(c, v) >= s.exits[c.state.k] || w.slot != noSlot || w.spill != noSlot
}

// leaveBehind keeps what v, which is computed no more, is computed from, until an instruction.
func (c *Compiler) leaveBehind(v ir.Value, until int32) {
	s := &c.graph.virtuals
	i := c.resolved(v)
	c.state.left[v], s.is[v], s.late[v] = i, true, 0
	for _, a := range i.Args {
		if a == 0 {
			continue
		}
		s.until[a], s.depth[a] = max(s.until[a], until), max(s.depth[a], s.depth[v]+1)
		c.state.holds[a]++
		if _, isConst := c.t.ConstOf(a); c.deferred[a] && !isConst {
			c.leaveBehind(a, until)
		}
	}
}
