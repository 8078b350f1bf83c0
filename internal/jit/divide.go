//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// divide compiles division, which never traps on the guest: by 0 the quotient is all
// ones and the remainder the dividend; what overflows gives the dividend and 0.
func (c *Compiler) divide(v ir.Value, i *ir.Instr) {
	signed, rem, w := false, false, amd64.W64
	switch i.Op {
	case ir.DivS, ir.RemS, ir.DivS32, ir.RemS32:
		signed = true
	}
	switch i.Op {
	case ir.RemS, ir.RemU, ir.RemS32, ir.RemU32:
		rem = true
	}
	if i.Op >= ir.DivS32 {
		w = amd64.W32
	}
	c.operandsIn(amd64.RAX, i.Args[0], amd64.RCX, i.Args[1])
	c.claim(amd64.RDX)
	d := division{a: c.a, w: w, signed: signed, rem: rem}
	d.emit()
	result := amd64.RAX
	if rem {
		result = amd64.RDX
	}
	if w == amd64.W32 && !c.low(v) {
		c.a.RR(amd64.MOVSXD, amd64.W64, result, result)
	}
	c.put(v, result)
}

// division is RAX divided by RCX: the quotient goes to RAX, the remainder to RDX.
type division struct {
	a           *amd64.Assembler
	w           amd64.Width
	signed, rem bool
}

func (d *division) emit() {
	a := d.a
	a.RR(amd64.TEST, d.w, amd64.RCX, amd64.RCX)
	zero := a.JccShort(amd64.E)
	minus := -1
	if d.signed {
		a.RI(amd64.CMP, d.w, amd64.RCX, -1)
		minus = a.JccShort(amd64.E)
		a.SignA(d.w)
		a.R(amd64.IDIV, d.w, amd64.RCX)
	} else {
		a.RR(amd64.XOR, amd64.W32, amd64.RDX, amd64.RDX)
		a.R(amd64.DIV, d.w, amd64.RCX)
	}
	done := []int{a.JmpShort()}
	a.SetRel8(zero, a.Len())
	if d.rem {
		a.RR(amd64.MOV, amd64.W64, amd64.RDX, amd64.RAX)
	} else {
		a.MovImm(amd64.RAX, ^uint64(0))
	}
	if d.signed {
		done = append(done, a.JmpShort())
		a.SetRel8(minus, a.Len())
		if d.rem {
			a.RR(amd64.XOR, amd64.W32, amd64.RDX, amd64.RDX)
		} else {
			a.R(amd64.NEG, d.w, amd64.RAX)
		}
	}
	for _, at := range done {
		a.SetRel8(at, a.Len())
	}
}
