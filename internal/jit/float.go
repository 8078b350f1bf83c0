//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Floating point is the host's: rounding mode and sticky flags are those of MXCSR,
// which are the guest's while translated code runs. Results that are NaN take a cold
// path that makes them canonical.
//
// A binary32 is computed in place: operations on scalars leave the upper half of their
// first operand alone, so what was NaN-boxed stays so.

// floatOps are the operations that the host has as such.
var floatOps = map[ir.Op]struct {
	op     amd64.Op
	single bool
}{
	ir.FaddS: {amd64.ADDSS, true}, ir.FaddD: {amd64.ADDSD, false},
	ir.FsubS: {amd64.SUBSS, true}, ir.FsubD: {amd64.SUBSD, false},
	ir.FmulS: {amd64.MULSS, true}, ir.FmulD: {amd64.MULSD, false},
	ir.FdivS: {amd64.DIVSS, true}, ir.FdivD: {amd64.DIVSD, false},
	ir.FsqrtS: {amd64.SQRTSS, true}, ir.FsqrtD: {amd64.SQRTSD, false},
}

// float compiles an operation on floating-point numbers. It reports false if it is not
// supported.
func (c *Compiler) float(v ir.Value, i *ir.Instr) bool {
	if !i.Op.Has(ir.Rounds) || roundsItself(i.Op) {
		return c.floatOp(v, i)
	}
	mode := c.mode(i)
	if mode == nearestMax {
		return false
	}
	if mode == c.hostMode() {
		return c.floatOp(v, i)
	}
	c.changeMode(mode)
	ok := c.floatOp(v, i)
	c.changeMode(mode) // back; an exit in between may leave as it is
	return ok
}

func (c *Compiler) floatOp(v ir.Value, i *ir.Instr) bool {
	x, y := i.Args[0], i.Args[1]
	switch i.Op {
	case ir.Float, ir.Lo32, ir.Lo16:
		c.fromInt(v, i)
	case ir.Bits:
		c.bits(v, x)
	case ir.S:
		c.unbox(v, x)
	case ir.BoxS:
		c.box(v, x)
	case ir.H:
		c.unboxHalf(v, x)
	case ir.BoxH:
		c.boxHalf(v, x)
	case ir.FaddS, ir.FaddD, ir.FsubS, ir.FsubD, ir.FmulS, ir.FmulD, ir.FdivS, ir.FdivD:
		c.arithF(v, i)
	case ir.FsqrtS, ir.FsqrtD:
		c.sqrt(v, i)
	case ir.FmaS, ir.FmaD:
		return c.fma(v, i)
	case ir.FroundS, ir.FroundD, ir.FroundnxS, ir.FroundnxD:
		return c.round(v, i)
	case ir.FnegS, ir.FnegD, ir.FsgnjS, ir.FsgnjD, ir.FsgnjnS, ir.FsgnjnD, ir.FsgnjxS, ir.FsgnjxD:
		c.sign(v, i)
	case ir.FminS, ir.FminD, ir.FmaxS, ir.FmaxD, ir.FminmS, ir.FminmD, ir.FmaxmS, ir.FmaxmD:
		c.minMax(v, i)
	case ir.FltS, ir.FltD, ir.FleS, ir.FleD, ir.FltqS, ir.FltqD, ir.FleqS, ir.FleqD:
		c.truth(v, c.floatCondition(i))
	case ir.FeqS, ir.FeqD:
		c.equal(v, x, y, i.Op == ir.FeqS)
	case ir.FclassS, ir.FclassD:
		c.class(v, i)
	case ir.FliS:
		c.floatConst(v, box32|uint64(softfloat.F32Fli(uint8(i.Imm))))
		c.boxed[v] = true
	case ir.FliD:
		c.floatConst(v, softfloat.F64Fli(uint8(i.Imm)))
	default:
		return c.convert(v, i)
	}
	return true
}

// fromInt moves an integer to a floating-point register.
func (c *Compiler) fromInt(v ir.Value, i *ir.Instr) {
	x := i.Args[0]
	w := amd64.W64
	if i.Op != ir.Float {
		w = amd64.W32
	}
	if m, ok := c.memory(x); ok {
		dst := c.dest(v, 0)
		op := amd64.MOVSD
		if w == amd64.W32 {
			op = amd64.MOVSS
		}
		c.a.RM(op, w, dst, m)
		c.used(x)
		c.put(v, dst)
		return
	}
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, 0)
	c.a.RR(amd64.MOVXG, w, dst, rx)
	c.put(v, dst)
}

// bits moves a floating-point register to an integer.
func (c *Compiler) bits(v, x ir.Value) {
	if m, ok := c.memory(x); ok {
		dst := c.dest(v, 0)
		c.fetch(dst, m)
		c.used(x)
		c.put(v, dst)
		return
	}
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, 0)
	c.a.RR(amd64.MOVGX, amd64.W64, dst, rx)
	c.put(v, dst)
}

// unbox reads a binary32. What is not boxed, a program has never meant to read as one:
// the interpreter has it.
func (c *Compiler) unbox(v, x ir.Value) {
	if !c.boxed[x] {
		if m, ok := c.memory(x); ok {
			m.Disp += 4
			c.a.MI(amd64.CMP, amd64.W32, m, -1)
		} else {
			t := c.temp()
			c.a.RR(amd64.MOVGX, amd64.W64, t, c.reg(x))
			c.a.RI(amd64.SHR, amd64.W64, t, 32)
			c.a.RI(amd64.CMP, amd64.W32, t, -1)
			c.clobber(t)
		}
		c.interpretIf(amd64.NE)
		c.boxed[x] = true
	}
	c.same(v, x)
}

// box makes the upper half all ones, unless it is so.
func (c *Compiler) box(v, x ir.Value) {
	if c.boxed[x] {
		c.same(v, x)
		return
	}
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	t := c.xtemp()
	c.move(dst, rx)
	c.fetch(t, constant(constBox))
	c.a.RR(amd64.ORPS, amd64.W32, dst, t)
	c.put(v, dst)
	c.boxed[v] = true
}

// arithF compiles v = x op y.
func (c *Compiler) arithF(v ir.Value, i *ir.Instr) {
	f := floatOps[i.Op]
	x, y := i.Args[0], i.Args[1]
	rx, ry := c.reg(x), c.reg(y)
	c.used(x)
	c.used(y)
	dst := c.dest(v, x)
	switch {
	case dst != ry || rx == ry:
		c.move(dst, rx)
		c.a.RR(f.op, amd64.W32, dst, ry)
	case f.op == amd64.ADDSS || f.op == amd64.ADDSD || f.op == amd64.MULSS || f.op == amd64.MULSD:
		c.a.RR(f.op, amd64.W32, dst, rx)
	default:
		t := c.xtemp()
		c.move(t, rx)
		c.a.RR(f.op, amd64.W32, t, ry)
		c.move(dst, t)
		c.clobber(t)
	}
	c.put(v, dst)
	c.boxed[v] = f.single && c.boxed[x] && c.boxed[y]
	c.canonical(dst, f.single)
}

// canonical makes r the canonical NaN if it is one.
func (c *Compiler) canonical(r amd64.Reg, single bool) {
	compare, nan := amd64.UCOMISD, constNaND
	if single {
		compare, nan = amd64.UCOMISS, constNaNS
	}
	c.a.RR(compare, amd64.W32, r, r)
	c.outOfLine(amd64.P, func() { c.fetch(r, constant(nan)) })
}

// outOfLine has code executed if a condition holds, which it seldom does.
func (c *Compiler) outOfLine(cond amd64.Cond, emit func()) {
	jump := c.a.Jcc(cond)
	c.cold = append(c.cold, coldPath{jump: jump, back: c.a.Len(), emit: emit})
}

// coldPath is code out of line: the jump there and where it goes back to.
type coldPath struct {
	jump, back int
	emit       func()
}

func (c *Compiler) emitCold() {
	for _, p := range c.cold {
		c.a.SetRel32(p.jump, c.a.Len())
		p.emit()
		c.a.SetRel32(c.a.Jmp(), p.back)
	}
}

func (c *Compiler) sqrt(v ir.Value, i *ir.Instr) {
	f := floatOps[i.Op]
	x := i.Args[0]
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	c.move(dst, rx)
	c.a.RR(f.op, amd64.W32, dst, dst)
	c.put(v, dst)
	c.boxed[v] = f.single && c.boxed[x]
	c.canonical(dst, f.single)
}

// fma compiles v = x*y + z, rounded once. The flags of a NaN are the interpreter's:
// the host does not raise invalid for 0 times infinity plus NaN.
func (c *Compiler) fma(v ir.Value, i *ir.Instr) bool {
	if !c.Features.FMA {
		return false
	}
	x, y, z := i.Args[0], i.Args[1], i.Args[2]
	op, compare := amd64.VFMADD231SD, amd64.UCOMISD
	single := i.Op == ir.FmaS
	if single {
		op, compare = amd64.VFMADD231SS, amd64.UCOMISS
	}
	rx, ry, rz := c.reg(x), c.reg(y), c.reg(z)
	t := c.xtemp()
	c.move(t, rz)
	c.a.VRRR(op, amd64.W32, t, rx, ry)
	c.a.RR(compare, amd64.W32, t, t)
	c.interpretIf(amd64.P)
	c.used(x)
	c.used(y)
	c.used(z)
	c.put(v, t)
	c.boxed[v] = single && c.boxed[z]
	return true
}

// sign compiles the operations that move signs.
func (c *Compiler) sign(v ir.Value, i *ir.Instr) {
	x, y := i.Args[0], i.Args[1]
	single, sign, magnitude := true, constSignS, constMagnS
	switch i.Op {
	case ir.FnegD, ir.FsgnjD, ir.FsgnjnD, ir.FsgnjxD:
		single, sign, magnitude = false, constSignD, constMagnD
	}
	same := x == y
	switch i.Op {
	case ir.FnegS, ir.FnegD:
		c.mask(v, x, amd64.XORPS, sign)
	case ir.FsgnjS, ir.FsgnjD:
		if same {
			c.at[x].left--
			c.same(v, x)
			return
		}
		c.copySign(v, i, single)
		return
	case ir.FsgnjnS, ir.FsgnjnD:
		if !same {
			c.copySign(v, i, single)
			return
		}
		c.at[x].left--
		c.mask(v, x, amd64.XORPS, sign)
	default:
		if !same {
			c.copySign(v, i, single)
			return
		}
		c.at[x].left--
		c.mask(v, x, amd64.ANDPS, magnitude)
	}
	c.boxed[v] = single && c.boxed[x]
}

// mask compiles v = x op constant.
func (c *Compiler) mask(v, x ir.Value, op amd64.Op, n int) {
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	t := c.xtemp()
	c.fetch(t, constant(n))
	c.move(dst, rx)
	c.a.RR(op, amd64.W32, dst, t)
	c.put(v, dst)
}

// copySign compiles fsgnj, fsgnjn and fsgnjx of different operands.
func (c *Compiler) copySign(v ir.Value, i *ir.Instr, single bool) {
	x, y := i.Args[0], i.Args[1]
	sign, magnitude := constSignD, constMagnD
	if single {
		sign, magnitude = constSignS, constMagnS
	}
	rx, ry := c.reg(x), c.reg(y)
	t, u := c.xtemp(), c.xtemp()
	c.fetch(u, constant(sign))
	c.move(t, ry)
	switch i.Op {
	case ir.FsgnjxS, ir.FsgnjxD:
		c.a.RR(amd64.ANDPS, amd64.W32, t, u)
		c.move(u, rx)
		c.a.RR(amd64.XORPS, amd64.W32, u, t)
	case ir.FsgnjnS, ir.FsgnjnD:
		c.a.RR(amd64.ANDNPS, amd64.W32, t, u) // the sign that y does not have
		c.fetch(u, constant(magnitude))
		c.a.RR(amd64.ANDPS, amd64.W32, u, rx)
		c.a.RR(amd64.ORPS, amd64.W32, u, t)
	default:
		c.a.RR(amd64.ANDPS, amd64.W32, t, u)
		c.fetch(u, constant(magnitude))
		c.a.RR(amd64.ANDPS, amd64.W32, u, rx)
		c.a.RR(amd64.ORPS, amd64.W32, u, t)
	}
	c.used(x)
	c.used(y)
	c.clobber(t)
	c.put(v, u)
	c.boxed[v] = single && c.boxed[x]
}
