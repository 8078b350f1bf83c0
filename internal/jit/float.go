//go:build amd64

package jit

import (
	"math"

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
var floatOps = [256]struct {
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
		c.truth(v, c.floatCondition(v, i))
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
	if c.deferred[x] {
		load := c.resolved(x)
		m := c.address(load.Args[0], load.Op, c.known(x))
		dst := c.dest(v, 0)
		c.mayFault()
		c.a.RM(either(w == amd64.W32, amd64.MOVSS, amd64.MOVSD), w, dst, m)
		c.used(x)
		c.put(v, dst)
		return
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
	if k, isConst := c.t.ConstOf(x); isConst && w == amd64.W64 && !math.IsNaN(math.Float64frombits(k)) {
		c.isSure(v, false)
	}
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, 0)
	c.a.RR(amd64.MOVXG, w, dst, rx)
	c.put(v, dst)
}

// bits moves a floating-point register to an integer.
func (c *Compiler) bits(v, x ir.Value) {
	c.tighten(x)
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

// box makes the upper half all ones, unless it is so.
func (c *Compiler) box(v, x ir.Value) {
	if c.boxed[x] {
		c.same(v, x)
		return
	}
	if c.boxLoosely(v, x) {
		return
	}
	c.mask(v, x, amd64.ORPS, constBox)
	c.boxed[v] = true
}

// arithF compiles v = x op y.
func (c *Compiler) arithF(v ir.Value, i *ir.Instr) {
	f := floatOps[i.Op]
	x, y := i.Args[0], i.Args[1]
	rx := c.reg(x)
	m, isMem := c.lastInMemory(y)
	ry := c.regUnless(isMem, y)
	c.used(x)
	c.used(y)
	dst := c.dest(v, x)
	if isMem {
		c.a.VRRM(f.op, amd64.W32, dst, rx, m)
	} else {
		c.threeOperand(f.op, dst, rx, ry)
	}
	c.put(v, dst)
	c.boxed[v] = f.single && c.boxed[x]
	c.loosely(v, dst, f.single)
}

// lastInMemory returns where v is in the context if it need not be in a register: it is used
// for the last time, and the host's instructions take such an operand.
func (c *Compiler) lastInMemory(v ir.Value) (m amd64.Mem, ok bool) {
	if !c.Features.AVX || c.at[v].left != 1 {
		return m, false
	}
	return c.memory(v)
}

// threeOperand emits dst = x op y.
func (c *Compiler) threeOperand(op amd64.Op, dst, x, y amd64.Reg) {
	switch {
	case dst == x:
		c.a.RR(op, amd64.W32, dst, y)
	case c.Features.AVX:
		c.a.VRRR(op, amd64.W32, dst, x, y)
	case dst != y:
		c.move(dst, x)
		c.a.RR(op, amd64.W32, dst, y)
	default:
		t := c.xtemp()
		c.move(t, x)
		c.a.RR(op, amd64.W32, t, y)
		c.move(dst, t)
		c.free(t)
	}
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
		c.link(p.jump, c.a.Len())
		p.emit()
		c.link(c.a.Jmp(), p.back)
	}
	c.cold = c.cold[:0]
}

func (c *Compiler) sqrt(v ir.Value, i *ir.Instr) {
	f := floatOps[i.Op]
	x := i.Args[0]
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	if c.Features.AVX {
		c.a.VRRR(f.op, amd64.W32, dst, rx, rx)
	} else {
		c.move(dst, rx)
		c.a.RR(f.op, amd64.W32, dst, dst)
	}
	c.put(v, dst)
	c.boxed[v] = f.single && c.boxed[x]
	c.loosely(v, dst, f.single)
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
	if c.Features.AVX { // which takes unaligned operands; of the upper half nobody cares
		c.a.VRRM(op, amd64.W32, dst, rx, constant(n))
	} else {
		t := c.xtemp()
		c.fetch(t, constant(n))
		c.move(dst, rx)
		c.a.RR(op, amd64.W32, dst, t)
	}
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
