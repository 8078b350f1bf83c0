//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// floatCondition emits a comparison of floating-point numbers: flt(x, y) is y > x, so
// that unordered operands, which set the carry flag, give false.
func (c *Compiler) floatCondition(v ir.Value, i *ir.Instr) amd64.Cond {
	c.tightenOperands(i)
	x, y := i.Args[0], i.Args[1]
	op, cond := amd64.COMISD, amd64.A
	switch i.Op {
	case ir.FltS:
		op = amd64.COMISS
	case ir.FleS:
		op, cond = amd64.COMISS, amd64.AE
	case ir.FleD:
		cond = amd64.AE
	case ir.FltqS:
		op = amd64.UCOMISS
	case ir.FltqD:
		op = amd64.UCOMISD
	case ir.FleqS:
		op, cond = amd64.UCOMISS, amd64.AE
	case ir.FleqD:
		op, cond = amd64.UCOMISD, amd64.AE
	}
	c.compareFloats(v, op, c.reg(y), c.reg(x))
	c.used(x)
	c.used(y)
	c.unpin()
	return cond
}

// equal compiles feq, for which two flags count.
func (c *Compiler) equal(v, x, y ir.Value, single bool) {
	c.compareFloats(v, compareOf(single), c.reg(x), c.reg(y))
	c.used(x)
	c.used(y)
	t, u := c.temp(), c.temp()
	c.a.Set(amd64.NP, t)
	c.a.Set(amd64.E, u)
	c.a.RR(amd64.AND, amd64.W32, t, u)
	c.a.RR(amd64.MOVZX8, amd64.W32, t, t)
	c.clobber(u)
	c.put(v, t)
}

// minMax compiles fmin, fmax, fminm and fmaxm. Equal operands may be zeros of different
// signs.
func (c *Compiler) minMax(v ir.Value, i *ir.Instr) {
	x, y := i.Args[0], i.Args[1]
	single, greatest, number := false, false, true
	switch i.Op {
	case ir.FminS, ir.FmaxS, ir.FminmS, ir.FmaxmS:
		single = true
	}
	switch i.Op {
	case ir.FmaxS, ir.FmaxD, ir.FmaxmS, ir.FmaxmD:
		greatest = true
	}
	switch i.Op {
	case ir.FminmS, ir.FminmD, ir.FmaxmS, ir.FmaxmD:
		number = false
	}
	op, zeros := either(single, amd64.MINSS, amd64.MINSD), amd64.ORPS
	if greatest {
		op, zeros = either(single, amd64.MAXSS, amd64.MAXSD), amd64.ANDPS
	}
	rx, ry := c.reg(x), c.reg(y)
	t := c.xtemp()
	c.a.RR(compareOf(single), amd64.W32, rx, ry)
	nan := c.a.Jcc(amd64.P)
	c.move(t, rx)
	different := c.a.JccShort(amd64.NE)
	c.a.RR(zeros, amd64.W32, t, ry)
	done := c.a.JmpShort()
	c.a.SetRel8(different, c.a.Len())
	c.a.RR(op, amd64.W32, t, ry)
	c.a.SetRel8(done, c.a.Len())
	c.cold = append(c.cold, coldPath{jump: nan, back: c.a.Len(), emit: func() { c.numberOf(t, rx, ry, single, number) }})
	c.used(x)
	c.used(y)
	c.put(v, t)
	c.boxed[v] = single && c.boxed[x] && c.boxed[y]
	c.isSure(v, single)
}

// convert compiles conversions. It reports false if one is not supported.
func (c *Compiler) convert(v ir.Value, i *ir.Instr) bool {
	switch i.Op {
	case ir.F32ToI32, ir.F64ToI32, ir.F32ToI64, ir.F64ToI64, ir.F32ToU32, ir.F64ToU32, ir.F32ToU64, ir.F64ToU64:
		return c.toInt(v, i)
	case ir.FcvtmodI32:
		c.modular(v, i)
	case ir.I32ToF32, ir.I32ToF64, ir.I64ToF32, ir.I64ToF64, ir.U32ToF32, ir.U32ToF64, ir.U64ToF32, ir.U64ToF64:
		c.toFloat(v, i)
	case ir.F32ToF64, ir.F64ToF32:
		c.resize(v, i)
	case ir.F16ToF32, ir.F16ToF64:
		return c.fromHalf(v, i)
	case ir.F32ToF16:
		return c.toHalf(v, i)
	default: // binary64 to binary16 would be rounded twice
		return false
	}
	return true
}

// toFloat converts from an integer.
func (c *Compiler) toFloat(v ir.Value, i *ir.Instr) {
	x := i.Args[0]
	op, add := amd64.CVTSI2SD, amd64.ADDSD
	switch i.Op {
	case ir.I32ToF32, ir.I64ToF32, ir.U32ToF32, ir.U64ToF32:
		op, add = amd64.CVTSI2SS, amd64.ADDSS
	}
	w := amd64.W64
	rx := c.reg(x)
	switch i.Op {
	case ir.I32ToF32, ir.I32ToF64:
		w = amd64.W32
	case ir.U32ToF32, ir.U32ToF64:
		t := c.temp()
		c.a.RR(amd64.MOV, amd64.W32, t, rx)
		c.clobber(t)
		rx = t
	}
	c.used(x)
	dst := c.dest(v, 0)
	c.a.RR(amd64.PXOR, amd64.W32, dst, dst) // the instruction would wait for the rest of it
	if i.Op == ir.U64ToF32 || i.Op == ir.U64ToF64 {
		c.fromUnsigned(op, add, dst, rx)
	} else {
		c.a.RR(op, w, dst, rx)
	}
	c.put(v, dst)
	c.isSure(v, op == amd64.CVTSI2SS)
}

// fromUnsigned converts 64 bits. What is negative as a signed number is halved, with what
// is lost still seen by the rounding, and doubled afterwards.
func (c *Compiler) fromUnsigned(op, add amd64.Op, dst, src amd64.Reg) {
	t, u := c.temp(), c.temp()
	c.a.RR(amd64.MOV, amd64.W64, t, src)
	c.a.RR(amd64.TEST, amd64.W64, t, t)
	large := c.a.Jcc(amd64.S)
	c.a.RR(op, amd64.W64, dst, t)
	back := c.a.Len()
	c.cold = append(c.cold, coldPath{jump: large, back: back, emit: func() {
		c.a.RR(amd64.MOV, amd64.W32, u, t)
		c.a.RI(amd64.AND, amd64.W32, u, 1)
		c.a.RI(amd64.SHR, amd64.W64, t, 1)
		c.a.RR(amd64.OR, amd64.W64, t, u)
		c.a.RR(op, amd64.W64, dst, t)
		c.a.RR(add, amd64.W32, dst, dst)
	}})
	c.clobber(t)
	c.clobber(u)
}

// resize converts between the precisions.
func (c *Compiler) resize(v ir.Value, i *ir.Instr) {
	x := i.Args[0]
	op := amd64.CVTSS2SD
	if i.Op == ir.F64ToF32 {
		op = amd64.CVTSD2SS
	}
	rx := c.reg(x)
	t := c.xtemp()
	c.a.RR(amd64.PXOR, amd64.W32, t, t)
	c.a.RR(op, amd64.W32, t, rx)
	c.used(x)
	c.put(v, t)
	c.loosely(v, t, i.Op == ir.F64ToF32)
}
