//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// fusedOps are the host's multiplications with an addition to the destination: by the signs
// of the product and of what is added.
var fusedOps = map[bool][2][2]amd64.Op{
	true:  {{amd64.VFMADD231SS, amd64.VFMSUB231SS}, {amd64.VFNMADD231SS, amd64.VFNMSUB231SS}},
	false: {{amd64.VFMADD231SD, amd64.VFMSUB231SD}, {amd64.VFNMADD231SD, amd64.VFNMSUB231SD}},
}

// fma compiles v = x*y + z, rounded once.
func (c *Compiler) fma(v ir.Value, i *ir.Instr) bool {
	if !c.Features.FMA {
		return false
	}
	single := i.Op == ir.FmaS
	x, negative := c.signed(i.Args[0])
	z, subtract := c.signed(i.Args[2])
	y := i.Args[1]
	op := fusedOps[single][negative][subtract]
	rx, rz := c.reg(x), c.reg(z)
	m, isMem := c.lastInMemory(y)
	ry := c.regUnless(isMem, y)
	c.used(x)
	c.used(y)
	c.used(z)
	dst := c.dest(v, z)
	t := dst // the factors are needed once more if it is a NaN
	if t == rx || t == ry {
		t = c.xtemp()
	}
	c.move(t, rz)
	if isMem {
		c.a.VRRM(op, amd64.W32, t, rx, m)
	} else {
		c.a.VRRR(op, amd64.W32, t, rx, ry)
	}
	c.a.RR(compareOf(single), amd64.W32, t, t)
	c.outOfLine(amd64.P, func() { c.fmaNaN(t, rx, ry, m, single) })
	c.move(dst, t)
	c.put(v, dst)
	c.boxed[v] = single && c.boxed[z]
	c.isSure(v, single)
	return true
}

// signed is the value that v is, or that it is the negative of. The instruction that
// negates is not compiled then.
func (c *Compiler) signed(v ir.Value) (x ir.Value, negative int) {
	if !c.deferred[v] {
		return v, 0
	}
	neg := c.resolved(v)
	fma := ir.Instr{Op: ir.FmaD}
	if neg.Op == ir.FnegS {
		fma.Op = ir.FmaS
	}
	if x = neg.Args[0]; c.looseOf(x)&^tolerates(&fma, 0) != 0 {
		c.tighten(x)
	}
	return x, 1
}

// fmaNaN makes the NaN in t canonical. Invalid is raised for infinity times zero even if a
// quiet NaN is added, which the host does not: the product alone tells. If that is a
// number, its exceptions do not count.
func (c *Compiler) fmaNaN(t, x, y amd64.Reg, m amd64.Mem, single bool) {
	mul, nan := either(single, amd64.MULSS, amd64.MULSD), constNaND
	if single {
		nan = constNaNS
	}
	c.a.M(amd64.STMXCSR, amd64.W32, scratch)
	if y == amd64.NoReg {
		c.a.VRRM(mul, amd64.W32, t, x, m)
	} else {
		c.a.VRRR(mul, amd64.W32, t, x, y)
	}
	c.a.RR(compareOf(single), amd64.W32, t, t)
	invalid := c.a.JccShort(amd64.P)
	c.a.M(amd64.LDMXCSR, amd64.W32, scratch)
	c.a.SetRel8(invalid, c.a.Len())
	c.fetch(t, constant(nan))
}
