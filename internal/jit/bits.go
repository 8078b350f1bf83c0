//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// count compiles the operations that count bits.
func (c *Compiler) count(v ir.Value, i *ir.Instr) {
	x, w := i.Args[0], amd64.W64
	if i.Op == ir.Clz32 || i.Op == ir.Ctz32 {
		w = amd64.W32
	}
	switch i.Op {
	case ir.Cpop:
		if c.Features.POPCNT {
			c.extend(amd64.POPCNT, w, v, x)
			return
		}
		c.addBits(v, x)
	case ir.Ctz, ir.Ctz32:
		if c.Features.BMI1 {
			c.extend(amd64.TZCNT, w, v, x)
			return
		}
		c.scan(v, x, amd64.BSF, w, uint64(w)*8)
	default:
		if c.Features.LZCNT {
			c.extend(amd64.LZCNT, w, v, x)
			return
		}
		highest := uint64(w)*8 - 1
		c.scan(v, x, amd64.BSR, w, 2*highest+1)
		c.a.RI(amd64.XOR, amd64.W32, c.at[v].reg, int32(highest))
	}
}

// scan makes v the position of a bit, or another number if no bit is set.
func (c *Compiler) scan(v, x ir.Value, op amd64.Op, w amd64.Width, none uint64) {
	t, u := c.temp(), c.temp()
	c.load(t, x)
	c.a.MovImm(u, none)
	c.a.RR(op, w, t, t)
	c.a.CMov(amd64.E, amd64.W32, t, u)
	c.clobber(u)
	c.used(x)
	c.put(v, t)
}

// addBits counts the bits that are set: of pairs, of fours, of bytes, whose sum a
// multiplication makes.
func (c *Compiler) addBits(v, x ir.Value) {
	t, u, mask := c.temp(), c.temp(), c.temp()
	c.load(t, x)
	c.a.RR(amd64.MOV, amd64.W64, u, t)
	c.a.RI(amd64.SHR, amd64.W64, u, 1)
	c.a.MovImm(mask, 0x5555555555555555)
	c.a.RR(amd64.AND, amd64.W64, u, mask)
	c.a.RR(amd64.SUB, amd64.W64, t, u)

	c.a.RR(amd64.MOV, amd64.W64, u, t)
	c.a.RI(amd64.SHR, amd64.W64, u, 2)
	c.a.MovImm(mask, 0x3333333333333333)
	c.a.RR(amd64.AND, amd64.W64, u, mask)
	c.a.RR(amd64.AND, amd64.W64, t, mask)
	c.a.RR(amd64.ADD, amd64.W64, t, u)

	c.a.RR(amd64.MOV, amd64.W64, u, t)
	c.a.RI(amd64.SHR, amd64.W64, u, 4)
	c.a.RR(amd64.ADD, amd64.W64, t, u)
	c.a.MovImm(mask, 0x0f0f0f0f0f0f0f0f)
	c.a.RR(amd64.AND, amd64.W64, t, mask)

	c.a.MovImm(mask, 0x0101010101010101)
	c.a.RR(amd64.IMUL, amd64.W64, t, mask)
	c.a.RI(amd64.SHR, amd64.W64, t, 56)
	c.clobber(u)
	c.clobber(mask)
	c.used(x)
	c.put(v, t)
}

// orBytes compiles orc.b: bytes that are zero compare equal, and what does not is wanted.
func (c *Compiler) orBytes(v, x ir.Value) {
	rx := c.reg(x)
	t, zero := c.xtemp(), c.xtemp()
	c.a.RR(amd64.MOVXG, amd64.W64, t, rx)
	c.a.RR(amd64.PXOR, amd64.W32, zero, zero)
	c.a.RR(amd64.PCMPEQB, amd64.W32, t, zero)
	c.free(zero)
	c.used(x)
	dst := c.dest(v, x)
	c.a.RR(amd64.MOVGX, amd64.W64, dst, t)
	c.a.R(amd64.NOT, amd64.W64, dst)
	c.free(t)
	c.put(v, dst)
}
