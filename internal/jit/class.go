//go:build amd64

package jit

import (
	"math"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// box32 is the upper half of a NaN-boxed binary32.
const box32 = math.MaxUint32 << 32

// either is one of two instructions.
func either(single bool, s, d amd64.Op) amd64.Op {
	if single {
		return s
	}
	return d
}

// compareOf is the comparison that raises invalid for signalling NaNs only.
func compareOf(single bool) amd64.Op { return either(single, amd64.UCOMISS, amd64.UCOMISD) }

// floatConst makes v a constant.
func (c *Compiler) floatConst(v ir.Value, bits uint64) {
	t := c.temp()
	c.a.MovImm(t, bits)
	c.clobber(t)
	dst := c.dest(v, 0)
	c.a.RR(amd64.MOVXG, amd64.W64, dst, t)
	c.put(v, dst)
}

// numberOf makes t what fmin and fmax give if x or y is a NaN: the other one if that is a
// number, which is what is asked for, else the canonical NaN.
func (c *Compiler) numberOf(t, x, y amd64.Reg, single, number bool) {
	nan := constNaND
	if single {
		nan = constNaNS
	}
	if !number {
		c.fetch(t, constant(nan))
		return
	}
	var done [2]int
	for n, r := range [...]amd64.Reg{x, y} {
		c.move(t, r)
		c.a.RR(compareOf(single), amd64.W32, r, r)
		done[n] = c.a.JccShort(amd64.NP)
	}
	c.fetch(t, constant(nan))
	for _, at := range done {
		c.a.SetRel8(at, c.a.Len())
	}
}

// class compiles fclass. The classes of numbers are, from the greatest magnitude on, 0 to 3
// of negative and 7 to 4 of positive ones: what 4 and the number of limits that the
// magnitude reaches add up to, exclusive or 7 of negative ones.
func (c *Compiler) class(v ir.Value, i *ir.Instr) {
	const signalling = 8 // quiet ones are 9
	w, fraction, exponents := amd64.W64, int32(52), uint64(0x7ff)
	if i.Op == ir.FclassS {
		w, fraction, exponents = amd64.W32, 23, 0xff
	}
	rx := c.reg(i.Args[0])
	bits, n, k := c.temp(), c.temp(), c.temp()
	c.a.RR(amd64.MOVGX, w, bits, rx)
	c.a.RR(amd64.ADD, w, bits, bits) // without the sign
	c.a.MovImm(n, 4)
	c.a.RI(amd64.CMP, w, bits, 1) // zero or not
	c.a.RI(amd64.SBB, amd64.W32, n, -1)
	c.a.MovImm(k, 1<<(fraction+1)) // subnormal or not
	c.a.RR(amd64.CMP, w, bits, k)
	c.a.RI(amd64.SBB, amd64.W32, n, -1)
	c.a.MovImm(k, exponents<<(fraction+1)) // finite or not
	c.a.RR(amd64.CMP, w, bits, k)
	nan := c.a.Jcc(amd64.A)
	c.a.RI(amd64.SBB, amd64.W32, n, -1)
	c.a.RR(amd64.MOVGX, w, k, rx)
	c.a.RI(amd64.SAR, w, k, int32(w)*8-1)
	c.a.RI(amd64.AND, amd64.W32, k, 7)
	c.a.RR(amd64.XOR, amd64.W32, n, k)
	c.cold = append(c.cold, coldPath{jump: nan, back: c.a.Len(), emit: func() {
		c.a.MovImm(n, signalling)
		c.a.RI(amd64.BT, w, bits, fraction) // quiet or not
		c.a.RI(amd64.ADC, amd64.W32, n, 0)
	}})
	c.a.RR(amd64.XOR, amd64.W32, k, k)
	c.a.RR(amd64.BTS, amd64.W32, k, n)
	c.clobber(bits)
	c.clobber(n)
	c.used(i.Args[0])
	c.put(v, k)
}
