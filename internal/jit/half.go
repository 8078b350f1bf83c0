//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// A binary16 is only stored and converted. The host converts four at a time: the others
// are made such that they raise no exceptions.

// unboxHalf reads a binary16. What is not boxed, the interpreter reads.
func (c *Compiler) unboxHalf(v, x ir.Value) {
	t := c.temp()
	if m, ok := c.memory(x); ok {
		c.a.RM(amd64.MOV, amd64.W64, t, m)
	} else {
		c.a.RR(amd64.MOVGX, amd64.W64, t, c.reg(x))
	}
	c.a.RI(amd64.SAR, amd64.W64, t, 16)
	c.a.RI(amd64.CMP, amd64.W64, t, -1)
	c.interpretIf(amd64.NE)
	c.free(t)
	c.same(v, x)
}

// boxHalf makes what is around a binary16 all ones.
func (c *Compiler) boxHalf(v, x ir.Value) {
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	c.boxedHalf(dst, rx)
	c.put(v, dst)
}

func (c *Compiler) boxedHalf(dst, src amd64.Reg) {
	t := c.xtemp()
	c.move(dst, src)
	c.fetch(t, constant(constBoxH))
	c.a.RR(amd64.ORPS, amd64.W32, dst, t)
	c.free(t)
}

// fromHalf converts a binary16, which is exact. NaNs beside it are quiet.
func (c *Compiler) fromHalf(v ir.Value, i *ir.Instr) bool {
	if !c.Features.F16C {
		return false
	}
	rx := c.reg(i.Args[0])
	t := c.xtemp()
	c.boxedHalf(t, rx)
	c.a.VRR(amd64.VCVTPH2PS, amd64.W32, t, t)
	if i.Op == ir.F16ToF64 {
		c.a.RR(amd64.CVTSS2SD, amd64.W32, t, t)
	}
	c.used(i.Args[0])
	c.put(v, t)
	c.canonical(t, i.Op == ir.F16ToF32)
	return true
}

// toHalf converts a binary32, with zeros beside it.
func (c *Compiler) toHalf(v ir.Value, i *ir.Instr) bool {
	mode := c.mode(i)
	if !c.Features.F16C || mode == nearestMax {
		return false
	}
	rx := c.reg(i.Args[0])
	t := c.xtemp()
	c.a.RR(amd64.MOVQ, amd64.W32, t, rx)
	c.a.RI(amd64.PSLLQ, amd64.W32, t, 32)
	c.a.RI(amd64.PSRLQ, amd64.W32, t, 32)
	c.a.RR(amd64.UCOMISS, amd64.W32, t, t)
	nan := c.a.Jcc(amd64.P)
	c.a.VRRI(amd64.VCVTPS2PH, amd64.W32, t, t, hostModes[mode])
	c.cold = append(c.cold, coldPath{jump: nan, back: c.a.Len(), emit: func() { c.fetch(t, constant(constNaNH)) }})
	c.used(i.Args[0])
	c.put(v, t)
	return true
}
