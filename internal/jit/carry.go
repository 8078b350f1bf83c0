//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Guests have no carry: they compare a sum with what was added, and add the truth value to the next one. The host's comparison has
// its result in the carry flag, which an addition can take from there.

// carries reports whether argument n of i, a sum or difference, is whether one value is below another, so that i can take it from
// the carry flag.
func (c *Compiler) carries(i *ir.Instr, n int) bool {
	if i.Op != ir.Add && i.Op != ir.Sub || n > 1 || i.Op == ir.Sub && n == 0 {
		return false
	}
	below, ok := c.below(i.Args[n])
	other := i.Args[1-n]
	return ok && other != i.Args[n] && !c.deferred[other] && (c.deferred[below] || c.state != nil)
}

// below is the comparison that v is the truth value of, if that is one for being below, without signs, of two values.
func (c *Compiler) below(v ir.Value) (ir.Value, bool) {
	i := &c.t.Code[v]
	if i.Op != ir.ZextB {
		return 0, false
	}
	less := &c.t.Code[i.Args[0]]
	_, left := c.t.ConstOf(less.Args[0])
	_, right := c.t.ConstOf(less.Args[1])
	return i.Args[0], less.Op == ir.Ltu && !left && !right
}

// addCarry compiles v = x + y or x - y, of which y, or if it is not deferred x, is a deferred truth value.
func (c *Compiler) addCarry(v ir.Value, op ir.Op, x, y ir.Value, w amd64.Width) {
	if !c.deferred[y] {
		x, y = y, x
	}
	truth := c.resolved(y)
	cond := c.condition(truth.Args[0])
	if cond != amd64.B { // it was there
		t := c.temp()
		c.a.Set(cond, t)
		c.a.RI(amd64.ADD, amd64.W8, t, -1) // carries if that is 1
		c.free(t)
	}
	host := amd64.ADC
	if op == ir.Sub {
		host = amd64.SBB
	}
	dst := c.copyOf(v, x)
	c.a.RI(host, w, dst, 0)
	c.put(v, dst)
	c.haveFlags(v, amd64.NE)
}
