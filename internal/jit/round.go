//go:build amd64

package jit

import (
	"math"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Rounding to integers, in either representation. The host's instructions for that have
// the mode as an operand, and some raise no exception for what they cut off.

// roundsItself reports whether op needs no rounding mode of the host's: it has its own way
// or is exact.
func roundsItself(op ir.Op) bool {
	switch op {
	case ir.I32ToF64, ir.U32ToF64, ir.F32ToF64:
		return true
	case ir.FroundS, ir.FroundD, ir.FroundnxS, ir.FroundnxD:
		return true
	case ir.F16ToF32, ir.F16ToF64, ir.F32ToF16:
		return true
	}
	return op >= ir.F32ToI32 && op <= ir.U64ToF64 && op.Info().Result == ir.I64
}

// quietly is the bit of the rounding instructions' operand that has them not raise inexact.
const quietly = 8

func roundOf(single bool) amd64.Op { return either(single, amd64.ROUNDSS, amd64.ROUNDSD) }

// round compiles fround and froundnx.
func (c *Compiler) round(v ir.Value, i *ir.Instr) bool {
	if !c.Features.SSE41 {
		return false
	}
	x, mode := i.Args[0], c.mode(i)
	single := i.Op == ir.FroundS || i.Op == ir.FroundnxS
	raises := i.Op == ir.FroundnxS || i.Op == ir.FroundnxD
	rx := c.reg(x)
	t := c.xtemp()
	c.move(t, rx)
	switch {
	case mode == nearestMax:
		c.roundAway(t, rx, single, raises)
	case raises:
		c.a.RRI(roundOf(single), amd64.W32, t, rx, hostModes[mode])
	default:
		c.a.RRI(roundOf(single), amd64.W32, t, rx, hostModes[mode]|quietly)
	}
	c.used(x)
	c.put(v, t)
	c.boxed[v] = single && c.boxed[x]
	c.canonical(t, single)
	return true
}

// roundAway makes t, a copy of x, the nearest integer, ties away from zero. Infinities and
// NaNs are the interpreter's.
func (c *Compiler) roundAway(t, x amd64.Reg, single, raises bool) {
	bits, w, inf := c.temp(), amd64.W64, uint64(0x7ff)<<53
	if single {
		w, inf = amd64.W32, 0xff<<24
	}
	limit := c.temp()
	c.a.RR(amd64.MOVGX, w, bits, x)
	c.a.RR(amd64.ADD, w, bits, bits) // without the sign
	c.a.MovImm(limit, inf)
	c.a.RR(amd64.CMP, w, bits, limit)
	c.interpretIf(amd64.AE)
	c.nearestAway(t, x, single)
	if raises {
		u := c.xtemp()
		c.a.RRI(roundOf(single), amd64.W32, u, x, hostModes[0])
		c.free(u)
	}
	// Zero may have lost its sign.
	sign, magnitude, u := constSignD, constMagnD, c.xtemp()
	if single {
		sign, magnitude = constSignS, constMagnS
	}
	c.fetch(u, constant(magnitude))
	c.a.RR(amd64.ANDPS, amd64.W32, t, u)
	c.fetch(u, constant(sign))
	c.a.RR(amd64.ANDPS, amd64.W32, u, x)
	c.a.RR(amd64.ORPS, amd64.W32, t, u)
	c.free(u)
	c.free(bits)
	c.free(limit)
}

// nearestAway makes t, a copy of x, the nearest integer, ties away from zero; of the sign
// of zero nothing is promised. The integer, what x has beyond it, twice that, and the sum
// are all exact. An infinity raises invalid.
func (c *Compiler) nearestAway(t, x amd64.Reg, single bool) {
	sub, add := either(single, amd64.SUBSS, amd64.SUBSD), either(single, amd64.ADDSS, amd64.ADDSD)
	toZero := hostModes[towardZero] | quietly
	u := c.xtemp()
	c.a.RRI(roundOf(single), amd64.W32, t, x, toZero)
	c.move(u, x)
	c.a.RR(sub, amd64.W32, u, t)
	c.a.RR(add, amd64.W32, u, u)
	c.a.RRI(roundOf(single), amd64.W32, u, u, toZero)
	c.a.RR(add, amd64.W32, t, u)
	c.free(u)
}

// intConversion is a conversion to an integer while it is compiled.
type intConversion struct {
	*Compiler
	op     ir.Op
	single bool
	from   amd64.Reg // what is converted
	x      amd64.Reg // the operand, if from is that rounded: else NoReg
	cvt    amd64.Op
}

// toInt rounds to an integer. What does not fit is the interpreter's, and the least
// integer, which stands for that. Inexact is raised only when the result is known to fit.
func (c *Compiler) toInt(v ir.Value, i *ir.Instr) bool {
	k := intConversion{Compiler: c, op: i.Op, single: i.Op < ir.F64ToI32, x: amd64.NoReg}
	mode := c.mode(i)
	k.from, k.cvt = c.reg(i.Args[0]), conversionOf(k.single, mode == towardZero)
	changed := false
	switch {
	case mode == towardZero || mode == c.hostMode():
	case c.Features.SSE41:
		k.round(mode)
	case mode == nearestMax:
		return false
	default:
		changed = true
		c.changeMode(mode)
	}
	t := c.temp()
	switch i.Op {
	case ir.F32ToU32, ir.F64ToU32:
		k.toU32(t)
	case ir.F32ToU64, ir.F64ToU64:
		k.toU64(t)
	default:
		k.toSigned(t)
	}
	if changed {
		c.changeMode(mode)
	}
	c.used(i.Args[0])
	c.put(v, t)
	return true
}

func conversionOf(single, truncate bool) amd64.Op {
	if truncate {
		return either(single, amd64.CVTTSS2SI, amd64.CVTTSD2SI)
	}
	return either(single, amd64.CVTSS2SI, amd64.CVTSD2SI)
}

// round rounds the operand, quietly, before it is converted.
func (k *intConversion) round(mode uint8) {
	k.x = k.from
	k.from = k.xtemp()
	if mode == nearestMax {
		k.nearestAway(k.from, k.x, k.single)
	} else {
		k.a.RRI(roundOf(k.single), amd64.W32, k.from, k.x, hostModes[mode]|quietly)
	}
	k.cvt = conversionOf(k.single, true)
}

// raise raises inexact if the operand, which has been rounded quietly, was no integer: its
// integer part fits if the rounded number does. t is free for use.
func (k *intConversion) raise(t amd64.Reg, w amd64.Width) {
	if k.x != amd64.NoReg {
		k.a.RR(conversionOf(k.single, true), w, t, k.x)
		k.clobber(k.from)
	}
}

func (k *intConversion) toSigned(t amd64.Reg) {
	u := k.temp()
	if k.op == ir.F32ToI32 || k.op == ir.F64ToI32 {
		k.a.RR(k.cvt, amd64.W32, t, k.from)
		k.wantNumber(t, amd64.W32)
		k.a.RR(amd64.MOVSXD, amd64.W64, t, t)
		k.raise(u, amd64.W32)
	} else {
		k.a.RR(k.cvt, amd64.W64, t, k.from)
		k.wantNumber(t, amd64.W64)
		k.raise(u, amd64.W64)
	}
	k.clobber(u)
}

// wantNumber leaves what does not fit, for which the result is the least integer, to the interpreter: 1 less overflows.
func (c *Compiler) wantNumber(t amd64.Reg, w amd64.Width) {
	c.a.RI(amd64.CMP, w, t, 1)
	c.interpretIf(amd64.O)
}

// toU32 converts by way of 64 bits. Numbers between the greatest result and the next one
// are the interpreter's: rounded up they would not fit.
func (k *intConversion) toU32(t amd64.Reg) {
	limit, u := k.xtemp(), k.temp()
	k.notNegative(limit)
	k.floatImm(limit, t, math.Nextafter32(1<<32, 0), 1<<32-1)
	k.a.RR(compareOf(k.single), amd64.W32, k.from, limit)
	k.interpretIf(amd64.A)
	k.a.RR(k.cvt, amd64.W64, t, k.from)
	k.a.RR(amd64.MOVSXD, amd64.W64, t, t)
	k.raise(u, amd64.W64)
	k.clobber(limit)
	k.clobber(u)
}

// toU64 converts numbers from 2^63 on, which are integers, less that.
func (k *intConversion) toU64(t amd64.Reg) {
	limit, less, u := k.xtemp(), k.xtemp(), k.temp()
	k.notNegative(limit)
	k.floatImm(limit, t, 1<<63, 1<<63)
	k.a.RR(compareOf(k.single), amd64.W32, k.from, limit)
	large := k.a.JccShort(amd64.AE)
	k.a.RR(k.cvt, amd64.W64, t, k.from)
	k.raise(u, amd64.W64)
	done := k.a.JmpShort()
	k.a.SetRel8(large, k.a.Len())
	k.move(less, limit)
	k.a.RR(either(k.single, amd64.ADDSS, amd64.ADDSD), amd64.W32, less, less)
	k.a.RR(compareOf(k.single), amd64.W32, k.from, less)
	k.interpretIf(amd64.AE)
	k.move(less, k.from)
	k.a.RR(either(k.single, amd64.SUBSS, amd64.SUBSD), amd64.W32, less, limit)
	k.a.RR(k.cvt, amd64.W64, t, less)
	k.a.RI(amd64.BTC, amd64.W64, t, 63)
	k.a.SetRel8(done, k.a.Len())
	k.clobber(less)
	k.clobber(limit)
	k.clobber(u)
}

// notNegative leaves what is less than 0 to the interpreter, and NaNs. zero is free for
// use.
func (k *intConversion) notNegative(zero amd64.Reg) {
	k.a.RR(amd64.PXOR, amd64.W32, zero, zero)
	k.a.RR(compareOf(k.single), amd64.W32, k.from, zero)
	k.interpretIf(amd64.B)
}

// floatImm makes r a constant, by way of t.
func (k *intConversion) floatImm(r, t amd64.Reg, s float32, d float64) {
	if k.single {
		k.a.MovImm(t, uint64(math.Float32bits(s)))
	} else {
		k.a.MovImm(t, math.Float64bits(d))
	}
	k.a.RR(amd64.MOVXG, amd64.W64, r, t)
}

// modular compiles fcvtmod.w.d: the integer modulo 2^32, with the exceptions of fcvt.w.d.
// What does not fit is the interpreter's, and the least integer.
func (c *Compiler) modular(v ir.Value, i *ir.Instr) {
	rx := c.reg(i.Args[0])
	t := c.temp()
	c.a.RR(amd64.CVTTSD2SI, amd64.W32, t, rx)
	c.wantNumber(t, amd64.W32)
	c.a.RR(amd64.MOVSXD, amd64.W64, t, t)
	c.used(i.Args[0])
	c.put(v, t)
}
