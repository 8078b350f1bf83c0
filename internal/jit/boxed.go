//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Operations on binary32 read registers whose upper half is all ones. What is not boxed, a
// program has never meant to read as such a number: the interpreter has it.

// boxedReg is a home that is read as a binary32, and has to be looked at before: at the
// start of the straight code that does so, with others.
type boxedReg struct {
	at    ir.Value // the instruction that this begins with
	value ir.Value
	home  amd64.Reg
}

// findBoxed finds these registers: no more is looked at than will be read.
func (c *Compiler) findBoxed() {
	c.singles, c.looked = c.singles[:0], 0
	if c.graph != nil || !c.present[ir.S] { // in graphs a pass of the optimiser does so
		return
	}
	start := ir.Value(0)
	var written [maxVars]bool
	for k := range c.t.Code {
		v := ir.Value(k)
		i := &c.t.Code[k]
		switch i.Op {
		case ir.Inst:
			if start == 0 {
				start = v
			}
		case ir.SetF:
			written[i.Imm] = true
		case ir.ExitIf, ir.InterpIf:
			start = 0
		case ir.S:
			x := i.Args[0]
			from := &c.t.Code[x]
			if start == 0 || from.Op != ir.GetF || written[from.Imm] || c.boxed[x] || c.known(x)&ir.Boxed != 0 {
				continue
			}
			if h := c.homes.of(firstF + from.Imm); h != amd64.NoReg {
				c.singles = append(c.singles, boxedReg{start, x, h})
				c.boxed[x] = true // for this pass
			}
		}
	}
	for _, s := range c.singles {
		c.boxed[s.value] = false
	}
}

// wantBoxed looks at the registers of the straight code that begins at v: the conjunction
// of their upper halves tells.
func (c *Compiler) wantBoxed(v ir.Value) {
	start := c.looked
	for c.looked < len(c.singles) && c.singles[c.looked].at == v {
		c.looked++
	}
	all := c.singles[start:c.looked]
	if len(all) == 0 {
		return
	}
	r := all[0].home
	if len(all) > 1 {
		r = c.xtemp()
		c.threeOperand(amd64.ANDPS, r, all[0].home, all[1].home)
		for _, s := range all[2:] {
			c.a.RR(amd64.ANDPS, amd64.W32, r, s.home)
		}
	}
	c.wantOnes(r)
	for _, s := range all {
		c.boxed[s.value] = true
	}
}

// wantOnes leaves the instruction to the interpreter unless the upper half of r is all ones.
func (c *Compiler) wantOnes(r amd64.Reg) {
	t := c.temp()
	c.a.RR(amd64.MOVGX, amd64.W64, t, r)
	c.a.RI(amd64.SHR, amd64.W64, t, 32)
	c.a.RI(amd64.CMP, amd64.W32, t, -1)
	c.free(t)
	c.interpretIf(amd64.NE)
}

// unbox reads a binary32.
func (c *Compiler) unbox(v, x ir.Value) {
	c.wantBox(x)
	c.same(v, x)
}

// wantBox leaves the instruction to the interpreter unless x is a NaN-boxed binary32.
func (c *Compiler) wantBox(x ir.Value) {
	if c.boxed[x] || c.looseOf(x)&ir.FixBox != 0 {
		return
	}
	if m, ok := c.memory(x); ok {
		m.Disp += 4
		c.a.MI(amd64.CMP, amd64.W32, m, -1)
		c.interpretIf(amd64.NE)
	} else {
		c.wantOnes(c.reg(x))
	}
	c.boxed[x] = true
}
