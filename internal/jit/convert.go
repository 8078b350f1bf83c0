//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// floatCondition emits a comparison of floating-point numbers: flt(x, y) is y > x, so
// that unordered operands, which set the carry flag, give false.
func (c *Compiler) floatCondition(i *ir.Instr) amd64.Cond {
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
	c.a.RR(op, amd64.W32, c.reg(y), c.reg(x))
	c.used(x)
	c.used(y)
	c.unpin()
	return cond
}

// equal compiles feq, for which two flags count.
func (c *Compiler) equal(v, x, y ir.Value, single bool) {
	op := amd64.UCOMISD
	if single {
		op = amd64.UCOMISS
	}
	c.a.RR(op, amd64.W32, c.reg(x), c.reg(y))
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

// minMax compiles fmin and fmax. NaNs are the interpreter's; equal operands may be
// zeros of different signs.
func (c *Compiler) minMax(v ir.Value, i *ir.Instr) {
	x, y := i.Args[0], i.Args[1]
	single := i.Op == ir.FminS || i.Op == ir.FmaxS
	compare, op, zeros := amd64.UCOMISD, amd64.MINSD, amd64.ORPS
	switch i.Op {
	case ir.FminS:
		compare, op = amd64.UCOMISS, amd64.MINSS
	case ir.FmaxS:
		compare, op, zeros = amd64.UCOMISS, amd64.MAXSS, amd64.ANDPS
	case ir.FmaxD:
		op, zeros = amd64.MAXSD, amd64.ANDPS
	}
	rx, ry := c.reg(x), c.reg(y)
	t := c.xtemp()
	c.a.RR(compare, amd64.W32, rx, ry)
	c.interpretIf(amd64.P)
	c.move(t, rx)
	different := c.a.JccShort(amd64.NE)
	c.a.RR(zeros, amd64.W32, t, ry)
	done := c.a.JmpShort()
	c.a.SetRel8(different, c.a.Len())
	c.a.RR(op, amd64.W32, t, ry)
	c.a.SetRel8(done, c.a.Len())
	c.used(x)
	c.used(y)
	c.put(v, t)
	c.boxed[v] = single && c.boxed[x] && c.boxed[y]
}

// convert compiles conversions. It reports false if one is not supported.
func (c *Compiler) convert(v ir.Value, i *ir.Instr) bool {
	switch i.Op {
	case ir.F32ToI32, ir.F64ToI32, ir.F32ToI64, ir.F64ToI64, ir.F32ToU32, ir.F64ToU32, ir.F32ToU64, ir.F64ToU64:
		return c.toInt(v, i)
	case ir.I32ToF32, ir.I32ToF64, ir.I64ToF32, ir.I64ToF64, ir.U32ToF32, ir.U32ToF64, ir.U64ToF32, ir.U64ToF64:
		c.toFloat(v, i)
	case ir.F32ToF64, ir.F64ToF32:
		c.resize(v, i)
	default:
		return false
	}
	return true
}

// toInt rounds to an integer. What the host cannot represent is the interpreter's:
// the result there is the least integer, or does not fit.
func (c *Compiler) toInt(v ir.Value, i *ir.Instr) bool {
	single := i.Op < ir.F64ToI32
	w := amd64.W64
	if i.Op == ir.F32ToI32 || i.Op == ir.F64ToI32 {
		w = amd64.W32
	}
	const towardZero = 1
	truncate := i.Imm == towardZero || i.Imm == ir.Dynamic && c.Round == towardZero
	if !truncate && i.Imm != ir.Dynamic && i.Imm != uint64(c.Round) {
		return false
	}
	op := map[[2]bool]amd64.Op{
		{true, true}: amd64.CVTTSS2SI, {true, false}: amd64.CVTSS2SI,
		{false, true}: amd64.CVTTSD2SI, {false, false}: amd64.CVTSD2SI,
	}[[2]bool{single, truncate}]
	x := c.reg(i.Args[0])
	t := c.temp()
	switch i.Op {
	case ir.F32ToU32, ir.F64ToU32:
		c.within(x, t, 32, single)
	case ir.F32ToU64, ir.F64ToU64:
		c.within(x, t, 63, single)
	}
	c.a.RR(op, w, t, x)
	switch i.Op {
	case ir.F32ToI32, ir.F64ToI32:
		c.a.RI(amd64.CMP, w, t, -1<<31)
		c.interpretIf(amd64.E)
		c.a.RR(amd64.MOVSXD, amd64.W64, t, t)
	case ir.F32ToI64, ir.F64ToI64:
		least := c.temp()
		c.a.MovImm(least, 1<<63)
		c.a.RR(amd64.CMP, w, t, least)
		c.interpretIf(amd64.E)
		c.clobber(least)
	case ir.F32ToU32, ir.F64ToU32:
		// Rounded up it may be 2^32, for which this is right only after a look.
		c.a.RI(amd64.BT, amd64.W64, t, 32)
		c.interpretIf(amd64.B)
		c.a.RR(amd64.MOVSXD, amd64.W64, t, t)
	}
	c.used(i.Args[0])
	c.put(v, t)
	return true
}

// within leaves an instruction to the interpreter unless 0 <= x < 2^n: a conversion
// would raise flags that the guest's does not. t is free for use.
func (c *Compiler) within(x, t amd64.Reg, n uint64, single bool) {
	const bias32, bias64 = 127, 1023
	op, limit := amd64.UCOMISD, (bias64+n)<<52
	if single {
		op, limit = amd64.UCOMISS, (bias32+n)<<23
	}
	u := c.xtemp()
	c.a.RR(amd64.PXOR, amd64.W32, u, u)
	c.a.RR(op, amd64.W32, x, u)
	c.interpretIf(amd64.B) // or unordered
	c.a.MovImm(t, limit)
	c.a.RR(amd64.MOVXG, amd64.W64, u, t)
	c.a.RR(op, amd64.W32, x, u)
	c.interpretIf(amd64.AE)
	c.clobber(u)
}

// toFloat converts from an integer. Unsigned ones of 64 bits that are negative as signed
// ones are the interpreter's.
func (c *Compiler) toFloat(v ir.Value, i *ir.Instr) {
	x := i.Args[0]
	op := amd64.CVTSI2SD
	switch i.Op {
	case ir.I32ToF32, ir.I64ToF32, ir.U32ToF32, ir.U64ToF32:
		op = amd64.CVTSI2SS
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
	case ir.U64ToF32, ir.U64ToF64:
		c.a.RR(amd64.TEST, amd64.W64, rx, rx)
		c.interpretIf(amd64.S)
	}
	c.used(x)
	dst := c.dest(v, 0)
	c.a.RR(amd64.PXOR, amd64.W32, dst, dst) // the instruction would wait for the rest of it
	c.a.RR(op, w, dst, rx)
	c.put(v, dst)
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
	if i.Op == ir.F64ToF32 {
		c.canonical(t, true)
	} else {
		c.canonical(t, false)
	}
}
