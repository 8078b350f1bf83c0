//go:build amd64

package jit

import (
	"math"
	"slices"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Guests compute in more steps than hosts, and what an intermediate register holds is often needed for the
// guest's state only, and soon overwritten. Such a value is not computed: side tables say how to. It has to be
// overwritten before the chain may be left other than by such a table, and what it is computed from is kept
// as long.

// virtuals is the state of finding these values, from the end of a chain to its beginning.
type virtuals struct {
	is    []bool        // by value: it is not computed, or not yet
	late  []int32       // by value: the instruction for which it is computed, if that is not where it stands; else 0
	need  []int32       // by value: the first instruction that uses it, or leaves the chain with it; 0 if none
	folds []int32       // by value: the first access of which it is the address, if that can compute it; 0 if none
	until []int32       // by value: the last instruction at which the state may have it; 0 if none
	last  []int32       // by value: the last instruction that needs it
	real  []bool        // by value: an instruction uses it
	depth []uint8       // by value: how many values that are not computed are computed from it, one from the other
	next  [firstF]int32 // by integer register: the next instruction that writes it, or 0
	first [firstF]int32 // by integer register: the first instruction that writes it, or 0
	exit  int32         // the next instruction that may leave the chain
	exits []int32       // by instruction: the first from there on that may leave the chain

	waiting []ir.Value // what is to be computed yet
}

// findVirtual finds the values of a chain of so many instructions that are not computed.
func (c *Compiler) findVirtual(count int) {
	n, s := len(c.t.Code), &c.graph.virtuals
	*s = virtuals{
		is: zeroed(s.is, n), late: zeroed(s.late, n), need: zeroed(s.need, n), folds: zeroed(s.folds, n), until: zeroed(s.until, n), last: zeroed(s.last, n),
		real: zeroed(s.real, n), depth: zeroed(s.depth, n), exit: int32(count), exits: zeroed(s.exits, n), waiting: s.waiting[:0],
	}
	for k := int32(count) - 1; k > 0; k-- {
		if i := &c.t.Code[k]; i.Op == ir.SetX && i.Imm < firstF {
			s.first[i.Imm] = k
		}
	}
	for k := int32(count) - 1; k > 0; k-- {
		i := &c.t.Code[k]
		switch {
		case i.Op == ir.SetX && i.Imm < firstF:
			s.set(k, i)
			continue
		case i.Op == ir.SetX: // a variable that is no guest register: it has to be there at the end
			s.until[i.Args[0]] = forGood
		case i.Op == ir.GetX && i.Imm < firstF:
			s.next[i.Imm] = 0
		case i.Op == ir.ExitIf || i.Op.Has(ir.Ends):
			s.exit = k
		case s.until[k] > 0 && !s.real[k] && s.until[k] < s.exit && s.depth[k] < maxDepth && c.computable(i):
			s.is[k] = s.pays(c, s.until[k], i)
		case s.mayWait(c, k, i) && (i.Op == ir.ZextB || i.Op == ir.Ltu || s.pays(c, s.need[k], i)):
			s.late[k] = s.need[k]
		}
		s.exits[k] = s.exit
		for n, a := range i.Args {
			s.use(c, a, k, n)
			c.deferred[a] = c.deferred[a] && !s.is[k] && s.late[k] == 0
		}
	}
}

// set notes that instruction k sets a register, which holds the value until the next one does, or for good.
func (s *virtuals) set(k int32, i *ir.Instr) {
	v, end := i.Args[0], s.next[i.Imm]
	if s.next[i.Imm] = k; end == 0 || end > s.exit {
		s.real[v] = true
		s.needed(v, s.exit)
		if end == 0 {
			end = forGood
		}
	}
	s.until[v] = max(s.until[v], end)
	s.last[v] = max(s.last[v], end)
}

// same says that v is x, which is kept as long.
func (s *virtuals) same(v, x ir.Value) {
	s.until[x], s.last[x] = max(s.until[x], s.until[v]), max(s.last[x], s.last[v])
}

// forGood is the end of what is kept to the end of a chain.
const forGood = math.MaxInt32

// kept is the last instruction that needs v anyway.
func (s *virtuals) kept(c *Compiler, v ir.Value) int32 {
	i := &c.t.Code[v]
	if i.Op != ir.GetX || i.Imm >= firstF {
		return s.last[v]
	}
	if s.first[i.Imm] == 0 {
		return forGood
	}
	return max(s.last[v], s.first[i.Imm])
}

// use notes that instruction k uses v, as argument n: if k is not computed, v is kept for it; if it is computed late, so is v used. An
// access computes its address itself if nobody else needs it: of what it needs then.
func (s *virtuals) use(c *Compiler, v ir.Value, k int32, n int) {
	switch {
	case s.is[k]:
		s.until[v], s.depth[v] = max(s.until[v], s.until[k]), max(s.depth[v], s.depth[k]+1)
		if first := s.folds[k]; first != 0 {
			s.real[v] = true
			s.needed(v, first)
		}
		k = s.until[k]
	case c.folds(v, k, n):
		s.until[v], s.folds[v] = max(s.until[v], k), k
	case s.late[k] != 0:
		s.depth[v] = max(s.depth[v], s.depth[k]+1)
		k = s.late[k]
		fallthrough
	default:
		s.real[v] = true
		s.needed(v, k)
	}
	s.last[v] = max(s.last[v], k)
}

// folds reports whether instruction k is an access that can compute argument n, v, its address.
func (c *Compiler) folds(v ir.Value, k int32, n int) bool {
	op := c.t.Code[k].Op
	return n == 0 && op.Faults() && !c.deferred[v] && c.defers(op, n, v)
}

// computedAt is the instruction that computes what k stands for, or the first that does.
func (s *virtuals) computedAt(k int32) int32 {
	switch {
	case s.late[k] != 0:
		return s.late[k]
	case s.is[k] && s.folds[k] != 0:
		return s.folds[k]
	}
	return k
}

// needed notes that v has to be there at instruction k.
func (s *virtuals) needed(v ir.Value, k int32) {
	if s.need[v] == 0 || s.need[v] > k {
		s.need[v] = k
	}
}

// computable reports whether side tables can have i.
func (c *Compiler) computable(i *ir.Instr) bool {
	info := i.Op.Info()
	switch i.Op {
	case ir.Eq, ir.Ne, ir.Lts, ir.Ltu, ir.ZextB: // a truth value is 0 or 1
		return true
	}
	if !i.Op.Has(ir.Pure) || i.Op == ir.Const || info.Result != ir.I64 || len(info.Args) > 2 {
		return false
	}
	return !slices.ContainsFunc(info.Args, func(t ir.Type) bool { return t != ir.I64 })
}

// pays reports whether no more values have to be kept if i is not computed before end.
func (s *virtuals) pays(c *Compiler, end int32, i *ir.Instr) bool { return s.more(c, end, i) <= 1 }

// more is how many values have to be kept for i until end that are not kept anyway.
func (s *virtuals) more(c *Compiler, end int32, i *ir.Instr) (n int) {
	for k, a := range i.Args {
		_, isConst := c.t.ConstOf(a)
		switch {
		case a == 0 || isConst || k > 0 && a == i.Args[0]:
		case c.deferred[a]: // it is part of i
			n += s.more(c, end, &c.t.Code[a])
		case s.kept(c, a) < end:
			n++
		}
	}
	return n
}

// leaveOut keeps what v, which is not computed, is computed from.
func (c *Compiler) leaveOut(v ir.Value, i *ir.Instr) {
	s, virtuals := c.state, &c.graph.virtuals
	s.left[v] = *i
	for _, a := range i.Args {
		if a != 0 {
			s.holds[a]++
			c.used(a)
		}
		if virtuals.folds[v] != 0 { // accesses use it, too
			virtuals.until[a] = forGood
		}
	}
}

// release ends that, if nobody needs v any more.
func (c *Compiler) release(v ir.Value) {
	if !c.graph.virtuals.is[v] || c.needed(v) {
		return
	}
	for _, a := range c.state.left[v].Args {
		if a != 0 {
			c.state.holds[a]--
			c.release(a)
		}
	}
}

// computation says how v, which is not computed, is computed.
func (c *Compiler) computation(v ir.Value) ir.Recovery {
	i := &c.state.left[v]
	m := ir.Computation{Op: i.Op, Imm: i.Imm}
	for n, a := range i.Args[:2] {
		if a != 0 {
			m.Args[n] = c.recoveryOf(a)
		}
	}
	list := &c.code.States.Computed
	const near = 16
	first := max(0, len(*list)-near)
	n := slices.Index((*list)[first:], m)
	if n < 0 {
		*list, n = append(*list, m), len(*list)-first
	}
	r := ir.Recovery{From: ir.IsComputed, N: int32(first + n), Fix: c.state.loose[v]}
	if c.known(v)&ir.Low != 0 {
		r.Fix = ir.FixSign
	}
	return r
}

// recoveryOf says where v is, which holds no guest register.
func (c *Compiler) recoveryOf(v ir.Value) (r ir.Recovery) {
	if c.graph.virtuals.is[v] {
		return c.computation(v)
	}
	w := &c.at[v]
	k, isConst := c.t.ConstOf(v)
	_, short := c.imm32(v)
	switch r.Fix = c.state.loose[v]; {
	case short:
		r.From, r.N = ir.IsConst, int32(k)
	case isConst:
		r.From, r.N = ir.IsComputed, int32(len(c.code.States.Computed))
		c.code.States.Computed = append(c.code.States.Computed, ir.Computation{Op: ir.Const, Imm: k})
	case w.reg != amd64.NoReg:
		r.From, r.N = ir.InHost, int32(w.reg)
	case w.slot != noSlot:
		r.From, r.N = ir.InVariable, int32(w.slot)
	case w.spill != noSlot:
		r.From, r.N = ir.InSpill, int32(w.spill)
	default:
		panic("jit: a value that is nowhere")
	}
	return r
}
