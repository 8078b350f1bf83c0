//go:build amd64

package jit

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Guests compute ahead: they have more registers, and execute in the program's order. Hosts do not wait for an operation, but
// run out of registers. So values are computed where they are needed first, if what they are computed from, such as a word of
// which they are bytes, is kept as long anyway.
//
// That the value is the same there, and nobody sees that it is late, is for these reasons:
//   - What it is computed from are values, which do not change, and the operation is pure. They are needed until it is computed,
//     since their uses are counted then, and what is needed is in a register, in memory, or waits itself.
//   - Until then it is like a value that is never computed (see virtuals): registers may hold it, and side tables say how to
//     compute it. What asks for more than side tables, an operand or the end of the chain, has it computed before: see awaited.
//   - When it is computed, registers may hold it already. So it gets a place of its own, and is not made an alias of another
//     value as it might be where it stands: see belated.

// ahead is how many instructions a value has to be computed ahead of its first use to be computed there.
const ahead = 4

// mayWait reports whether k can be computed where it is used first.
func (s *virtuals) mayWait(c *Compiler, k int32, i *ir.Instr) bool {
	if s.need[k] == 0 || s.need[k] > s.exit || s.depth[k] >= maxDepth || c.deferred[k] || !c.computable(i) {
		return false
	}
	switch i.Op {
	case ir.ZextB:
		return c.isCarry(k)
	case ir.Ltu:
		return c.at[k].left == 1 && c.t.Code[k+1].Op == ir.ZextB && c.t.Code[k+1].Args[0] == ir.Value(k) && s.late[k+1] != 0
	}
	if s.need[k] < k+ahead {
		return false
	}
	switch i.Op {
	case ir.Add, ir.Sub, ir.And, ir.Or, ir.Xor, ir.Not, ir.Neg, ir.Zext8, ir.Zext16, ir.Sext8, ir.Sext16:
		return true
	case ir.Sext32, ir.Zext32: // else they take no instruction where they stand
		return c.known(ir.Value(k))&ir.Low == 0 && !c.narrow[i.Args[0]]
	case ir.Sll, ir.Srl, ir.Sra, ir.Rol, ir.Ror, ir.Sll32, ir.Srl32, ir.Sra32, ir.Rol32, ir.Ror32:
		_, isConst := c.t.ConstOf(i.Args[1])
		return isConst
	}
	return false
}

// isCarry reports whether the first that needs v takes it from the carry flag.
func (c *Compiler) isCarry(v int32) bool {
	i := &c.t.Code[c.graph.virtuals.need[v]]
	n := slices.Index(i.Args[:], ir.Value(v))
	return n >= 0 && c.carries(i, n)
}

// maxDepth is how deep computations are nested in side tables.
const maxDepth = 4

// wait leaves v to be computed later.
func (c *Compiler) wait(v ir.Value, i *ir.Instr) {
	s := &c.graph.virtuals
	c.state.left[v], s.is[v] = *i, true
	s.waiting = append(s.waiting, v)
}

// awaited computes what i uses of what is to be computed yet: all of it where i may leave the chain.
func (c *Compiler) awaited(i *ir.Instr) {
	s := &c.graph.virtuals
	switch {
	case len(s.waiting) == 0 || i.Op == ir.SetX && i.Imm < firstF: // side tables know
		return
	case i.Op == ir.ExitIf || i.Op.Has(ir.Ends):
		for _, v := range s.waiting {
			c.computeLate(v)
		}
		s.waiting = s.waiting[:0]
		return
	}
	for n, a := range i.Args {
		switch {
		case a == 0:
		case s.is[a] && s.late[a] == 0: // an address that i computes
			c.awaited(&c.state.left[a])
		case c.deferred[a]:
			inner := c.resolved(a)
			c.awaited(&inner)
		case s.late[a] != 0 && s.is[a] && c.mayDefer(i, n):
			c.deferred[a], s.is[a] = true, false
			inner := c.resolved(a)
			c.awaited(&inner)
		default:
			c.computeLate(a)
		}
	}
}

// mayDefer reports whether i, which comes next, can compute its argument n, which is to be computed yet.
func (c *Compiler) mayDefer(i *ir.Instr, n int) bool {
	a := i.Args[n]
	if c.at[a].left != 1 || c.state.holds[a] > 0 && !c.overwrites(i, a) {
		return false
	}
	extends := i.Op == ir.Sext32 || i.Op == ir.Zext32 || i.Op == ir.ZextB
	return (i.Op.Faults() || extends) && c.defers(i.Op, n, a) || c.scales(i, n) || c.negates(i, n) || c.carries(i, n)
}

// overwrites reports whether i, which comes next and cannot be left, is what the only register that holds v has next.
func (c *Compiler) overwrites(i *ir.Instr, v ir.Value) bool {
	k := ir.Value(c.state.k)
	n, ok := c.target(k)
	return ok && c.state.holds[v] == 1 && c.state.cur[n] == v && i.Op.Has(ir.Pure) && c.resolved(k) == *i
}

// computeLate computes v now, if it is to be computed yet.
func (c *Compiler) computeLate(v ir.Value) {
	s := &c.graph.virtuals
	if s.late[v] == 0 || !s.is[v] {
		return
	}
	i := c.resolved(v)
	c.awaited(&i)
	s.is[v] = false
	c.markOp(v)
	c.compute(v, &i)
	c.unpin()
}

// belated reports whether v, which is computed now, stands before what is compiled.
func (c *Compiler) belated(v ir.Value) bool { return c.state != nil && ir.Value(c.state.k) > v }
