//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Of an integer that is the sign extension of its lower half there may be just that half, if nobody looks at more
// (ir.Low): side tables and moves extend it. It may also be so in variables where chains begin.
//
// In chains of graphs, what is in a floating-point register may stand for the guest's value: any NaN for the
// canonical one, and a binary32 for the boxed one. Most values only go from one operation to the next, which
// does not care. Where somebody does, the value is made what it stands for; side tables and moves know, too.

// loosely says that v, in r, is what an operation of the host has computed, which any NaN may be.
func (c *Compiler) loosely(v ir.Value, r amd64.Reg, single bool) {
	switch {
	case c.state == nil:
		c.canonical(r, single)
	case single:
		c.state.loose[v] |= ir.FixNaN32
	default:
		c.state.loose[v] |= ir.FixNaN64
	}
}

// boxLoosely makes v the boxed x, without boxing it. It reports false outside of graphs.
func (c *Compiler) boxLoosely(v, x ir.Value) bool {
	if c.state == nil {
		return false
	}
	c.state.loose[x] |= ir.FixBox
	c.same(v, x)
	return true
}

// leaveLoose makes v the sign extension of x's lower half, without extending it: unless x is needed as it is.
func (c *Compiler) leaveLoose(v, x ir.Value) bool {
	if _, isConst := c.t.ConstOf(x); isConst || c.at[x].left != 1 || c.state.holds[x] > 0 {
		return false
	}
	c.state.loose[x] = ir.FixSign
	c.flags = flagState{} // they tell of all of x
	c.same(v, x)
	return true
}

// looseOf is in which ways v is loose.
func (c *Compiler) looseOf(v ir.Value) ir.Fix {
	if c.state == nil {
		return 0
	}
	return c.state.loose[v]
}

// tighten makes v what it stands for.
func (c *Compiler) tighten(v ir.Value) {
	fix := c.looseOf(v)
	if fix == 0 {
		return
	}
	r := c.reg(v)
	if fix == ir.FixSign {
		c.a.RR(amd64.MOVSXD, amd64.W64, r, r)
	}
	if fix&(ir.FixNaN32|ir.FixNaN64) != 0 {
		c.canonical(r, fix&ir.FixNaN32 != 0)
	}
	if fix&ir.FixBox != 0 {
		c.boxHere(r)
	}
	c.onlyRegister(v, r)
	if fix&ir.FixBox != 0 {
		c.boxed[v] = true
	}
	c.state.sure[v] |= fix & (ir.FixNaN32 | ir.FixNaN64)
	c.state.loose[v] = 0
}

// tightenFor makes what variables hold what it stands for, as far as e does not allow it to be loose. Two numbers are looked at
// at a time.
func (c *Compiler) tightenFor(e *entry) {
	s := c.state
	var first [2]ir.Value // binary64, binary32
	for n, v := range s.cur {
		if v == 0 || c.at[v].reg == amd64.NoReg {
			continue
		}
		kind := 0
		switch c.fixFor(n, e) & (ir.FixNaN32 | ir.FixNaN64) {
		case 0:
			continue
		case ir.FixNaN32:
			kind = 1
		}
		if x := first[kind]; x == 0 {
			first[kind] = v
		} else if x != v {
			c.canonicalPair(c.at[x].reg, c.at[v].reg, kind == 1)
			c.isCanonical(x, kind == 1)
			c.isCanonical(v, kind == 1)
			first[kind] = 0
		}
	}
	for n, v := range s.cur {
		if v != 0 && c.fixFor(n, e) != 0 {
			c.tighten(v)
			c.unpin()
		}
	}
}

// isCanonical says that v has been made canonical, in its register.
func (c *Compiler) isCanonical(v ir.Value, single bool) {
	c.onlyRegister(v, c.at[v].reg)
	c.state.loose[v] &^= nanFix(single)
	c.isSure(v, single)
}

// canonicalPair is canonical for two registers.
func (c *Compiler) canonicalPair(x, y amd64.Reg, single bool) {
	c.a.RR(compareOf(single), amd64.W32, x, y)
	c.outOfLine(amd64.P, func() {
		c.canonicalHere(x, single)
		c.canonicalHere(y, single)
	})
}

// canonicalMoves makes NaNs canonical where moves come from, which are so then.
func (c *Compiler) canonicalMoves(moves []move) {
	for _, single := range [...]bool{false, true} {
		first, done := amd64.NoReg, uint32(0)
		fix := nanFix(single)
		for n := range moves {
			m := &moves[n]
			r := m.from.reg
			if m.fix&fix == 0 || r == amd64.NoReg {
				continue
			}
			m.fix &^= fix
			switch {
			case done>>r&1 != 0:
				continue
			case first == amd64.NoReg:
				first = r
			default:
				c.canonicalPair(first, r, single)
				first = amd64.NoReg
			}
			done |= 1 << r
		}
		if first != amd64.NoReg {
			c.canonical(first, single)
		}
	}
}

// fix makes r what it stands for, in code that itself is out of line. It changes the flags if r is for floating-point numbers.
func (c *Compiler) fix(r amd64.Reg, fix ir.Fix) {
	if fix == ir.FixSign {
		c.a.RR(amd64.MOVSXD, amd64.W64, r, r)
	}
	if fix&(ir.FixNaN32|ir.FixNaN64) != 0 {
		c.canonicalHere(r, fix&ir.FixNaN32 != 0)
	}
	if fix&ir.FixBox != 0 {
		c.boxHere(r)
	}
}

// boxHere makes the upper half of r all ones.
func (c *Compiler) boxHere(r amd64.Reg) {
	if c.Features.AVX {
		c.a.VRRM(amd64.ORPS, amd64.W32, r, r, constant(constBox))
		return
	}
	t := amd64.X12
	if r == t {
		t = amd64.X13
	}
	c.deposit(scratch, t)
	c.fetch(t, constant(constBox))
	c.a.RR(amd64.ORPS, amd64.W32, r, t)
	c.fetch(t, scratch)
}

// canonicalHere is canonical without code out of line.
func (c *Compiler) canonicalHere(r amd64.Reg, single bool) {
	nan := constNaND
	if single {
		nan = constNaNS
	}
	c.a.RR(compareOf(single), amd64.W32, r, r)
	number := c.a.JccShort(amd64.NP)
	c.fetch(r, constant(nan))
	c.a.SetRel8(number, c.a.Len())
}

// onlyRegister forgets where v is but in r.
func (c *Compiler) onlyRegister(v ir.Value, r amd64.Reg) {
	w := &c.at[v]
	for n, x := range c.inReg {
		if x == v && amd64.Reg(n) != r {
			c.inReg[n] = 0
		}
	}
	if w.spill != noSlot {
		c.spills[w.spill] = 0
		w.spill = noSlot
	}
	for n, x := range c.inSlot {
		if x == v {
			c.inSlot[n] = 0
		}
	}
	w.slot = noSlot
}

// tightenOperands does so with those operands of i that it does not take as they are.
func (c *Compiler) tightenOperands(i *ir.Instr) {
	if c.state == nil {
		return
	}
	for n, x := range i.Args {
		if x != 0 && c.state.loose[x]&^(tolerates(i, n)|ir.FixSign) != 0 {
			c.tighten(x)
		}
	}
}

// tolerates says in which ways argument n of i may be loose. What computes with numbers does not care which NaN one
// is, and what reads a binary32 not whether it is boxed; but as a binary64 a boxed one is a NaN.
func tolerates(i *ir.Instr, n int) ir.Fix {
	switch op := i.Op; {
	case op == ir.SetF: // of which side tables know
		return ^ir.Fix(0)
	case (op == ir.FsgnjS || op == ir.FsgnjD) && i.Args[0] == i.Args[1]: // a move
		return ^ir.Fix(0)
	case op == ir.S || op == ir.BoxS:
		return ir.FixBox | ir.FixNaN32
	case !op.Has(ir.Flags) && op != ir.FclassS && op != ir.FclassD:
		return 0
	case op.Info().Args[n] == ir.F32:
		return ir.FixBox | ir.FixNaN32
	default:
		return ir.FixNaN64
	}
}
