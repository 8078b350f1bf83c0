//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// fusedOps are the host's multiplications with an addition to the destination, and of the destination: by the signs
// of the product and of what is added.
type fusedOps [2][2]amd64.Op

var (
	addedTo = map[bool]fusedOps{
		true:  {{amd64.VFMADD231SS, amd64.VFMSUB231SS}, {amd64.VFNMADD231SS, amd64.VFNMSUB231SS}},
		false: {{amd64.VFMADD231SD, amd64.VFMSUB231SD}, {amd64.VFNMADD231SD, amd64.VFNMSUB231SD}},
	}
	multiplied = map[bool]fusedOps{
		true:  {{amd64.VFMADD213SS, amd64.VFMSUB213SS}, {amd64.VFNMADD213SS, amd64.VFNMSUB213SS}},
		false: {{amd64.VFMADD213SD, amd64.VFMSUB213SD}, {amd64.VFNMADD213SD, amd64.VFNMSUB213SD}},
	}
)

// fused is a product that something is added to, while it is compiled.
type fused struct {
	single              bool
	negative, subtract  int
	x, y                amd64.Reg // the factors; y is NoReg if it is in memory
	z                   amd64.Reg // what is added, or NoReg likewise
	inMemoryY, inMemory amd64.Mem
}

// fma compiles v = x*y + z, rounded once.
func (c *Compiler) fma(v ir.Value, i *ir.Instr) bool {
	if !c.Features.FMA {
		return false
	}
	f := fused{single: i.Op == ir.FmaS}
	x, negative := c.signed(i.Args[0])
	z, subtract := c.signed(i.Args[2])
	y := i.Args[1]
	f.negative, f.subtract = negative, subtract
	f.x = c.reg(x)
	mz, isMemZ := c.lastInMemory(z)
	f.z = c.regUnless(isMemZ, z)
	my, isMemY := c.lastInMemory(y)
	f.y = c.regUnless(isMemY, y)
	f.inMemoryY, f.inMemory = my, mz
	c.used(x)
	c.used(y)
	c.used(z)
	dst := c.dest(v, z)
	factor := z
	switch dst {
	case f.x:
		factor = x
	case f.y:
		factor = y
	}
	if factor != z && !isMemY && !(f.single && c.boxed[z] && !c.boxed[factor]) {
		c.multiply(&f, dst)
		c.boxed[v] = f.single && c.boxed[factor]
	} else {
		c.addTo(&f, dst)
		c.boxed[v] = f.single && c.boxed[z]
	}
	c.put(v, dst)
	c.isSure(v, f.single)
	return true
}

// addTo brings the result to dst by way of what is added. The factors are needed once more if it is a NaN.
func (c *Compiler) addTo(f *fused, dst amd64.Reg) {
	t := dst
	if t == f.x || t == f.y {
		t = c.xtemp()
	}
	if f.z == amd64.NoReg {
		c.fetch(t, f.inMemory)
	} else {
		c.move(t, f.z)
	}
	op := addedTo[f.single][f.negative][f.subtract]
	if f.y == amd64.NoReg {
		c.a.VRRM(op, amd64.W32, t, f.x, f.inMemoryY)
	} else {
		c.a.VRRR(op, amd64.W32, t, f.x, f.y)
	}
	c.fusedNaN(t, f)
	c.move(dst, t)
}

// multiply does so where dst is a factor.
func (c *Compiler) multiply(f *fused, dst amd64.Reg) {
	t, other := c.xtemp(), f.y
	if dst == f.y {
		other = f.x
	}
	c.move(t, dst)
	op := multiplied[f.single][f.negative][f.subtract]
	if f.z == amd64.NoReg {
		c.a.VRRM(op, amd64.W32, dst, other, f.inMemory)
	} else {
		c.a.VRRR(op, amd64.W32, dst, other, f.z)
	}
	was := *f
	if was.x == dst {
		was.x = t
	}
	if was.y == dst {
		was.y = t
	}
	c.fusedNaN(dst, &was)
}

// fusedNaN looks whether the result, in t, is a NaN.
func (c *Compiler) fusedNaN(t amd64.Reg, f *fused) {
	x, y, m, single := f.x, f.y, f.inMemoryY, f.single
	c.a.RR(compareOf(single), amd64.W32, t, t)
	c.outOfLine(amd64.P, func() { c.fmaNaN(t, x, y, m, single) })
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
