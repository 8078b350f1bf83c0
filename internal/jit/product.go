//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Guests compute the halves of a long product by two instructions, the host by one, which leaves its operands as they are. What is
// multiplied by the same number again and again, as in arithmetic with long numbers, stays in the register that it needs for it.

// nearHalf is how many instructions may be between the halves of a product.
const nearHalf = 48

// product compiles v, a half of a product of two values without signs, together with the other half if that comes soon. It reports
// false if it is better compiled otherwise.
func (c *Compiler) product(v ir.Value, i *ir.Instr) bool {
	if c.state == nil || !c.Features.BMI2 {
		return false
	}
	other := c.otherHalf(v, i)
	if other == 0 && i.Op == ir.Mul {
		return false
	}
	x, y := i.Args[0], i.Args[1]
	if c.fitsRDX(y) > c.fitsRDX(x) {
		x, y = y, x
	}
	if c.at[x].reg != amd64.RDX {
		c.claim(amd64.RDX)
		c.load(amd64.RDX, x)
		c.put(x, amd64.RDX)
	}
	c.pinned[amd64.RDX] = true
	m, isMem := c.memory(y)
	ry := c.regUnless(isMem, y)
	c.used(x)
	c.used(y)
	high := c.dest(v, 0)
	low := high
	if other != 0 {
		c.used(x)
		c.used(y)
		low = c.destAhead(other)
		c.state.made[other] = true
	}
	if i.Op == ir.Mul {
		high, low = low, high
	}
	if isMem {
		c.a.VRRM(amd64.MULX, amd64.W64, high, low, m)
	} else {
		c.a.VRRR(amd64.MULX, amd64.W64, high, low, ry)
	}
	if i.Op == ir.Mul {
		high, low = low, high
	}
	c.put(v, high)
	if other != 0 {
		c.put(other, low)
		if c.low(other) {
			c.state.loose[other] = ir.FixSign
		}
	}
	return true
}

// otherHalf is the other half of the product of which v is one, if that is to be computed soon, or 0.
func (c *Compiler) otherHalf(v ir.Value, i *ir.Instr) ir.Value {
	want := ir.Mul
	if i.Op == ir.Mul {
		want = ir.MulhUu
	}
	if !c.present[want] {
		return 0
	}
	s := &c.graph.virtuals
	first := max(v, ir.Value(c.state.k)) + 1
	for o := first; o < min(first+nearHalf, ir.Value(len(c.t.Code))); o++ {
		j := &c.t.Code[o]
		if j.Op != want || c.deferred[o] || s.is[o] || s.late[o] != 0 {
			continue
		}
		if x, y := c.original(j.Args[0]), c.original(j.Args[1]); x == i.Args[0] && y == i.Args[1] || x == i.Args[1] && y == i.Args[0] {
			return o
		}
	}
	return 0
}

// fitsRDX is how well v fits as the factor that is in RDX: best if it is there, else if it is used again.
func (c *Compiler) fitsRDX(v ir.Value) uint16 {
	if c.at[v].reg == amd64.RDX {
		return 1<<16 - 1
	}
	return c.at[v].left
}

// destAhead is the register for v, which is computed before it stands for anything.
func (c *Compiler) destAhead(v ir.Value) amd64.Reg {
	if h := c.hinted(v); h != amd64.NoReg {
		c.clobber(h)
		c.pinned[h] = true
		return h
	}
	return c.tempFor(v)
}
