package softfloat

import (
	"testing"
)

// arithOp is an operation of one, two or three operands of one format, as the
// package has it (fast), as its general algorithm has it (soft), and as the
// oracle has it.
type arithOp struct {
	name     string
	format   oracleFormat
	operands int
	fast     func(a, b, c uint64, rm Round, fl *Flags) uint64
	soft     func(a, b, c uint64, rm Round, fl *Flags) uint64
	want     func(a, b, c uint64, rm Round) (uint64, Flags)
}

type (
	run1[T uint32 | uint64] = func(T, Round, *Flags) T
	run2[T uint32 | uint64] = func(T, T, Round, *Flags) T
	run3[T uint32 | uint64] = func(T, T, T, Round, *Flags) T
)

func unaryOp[T uint32 | uint64](name string, o oracleFormat, fast run1[T], soft run1[uint64],
	want func(uint64, Round) (uint64, Flags)) arithOp {
	return arithOp{name, o, 1,
		func(a, _, _ uint64, rm Round, fl *Flags) uint64 { return uint64(fast(T(a), rm, fl)) },
		func(a, _, _ uint64, rm Round, fl *Flags) uint64 { return soft(a, rm, fl) },
		func(a, _, _ uint64, rm Round) (uint64, Flags) { return want(a, rm) },
	}
}

func binaryOp[T uint32 | uint64](name string, o oracleFormat, fast run2[T], soft run2[uint64],
	want func(_, _ uint64, _ Round) (uint64, Flags)) arithOp {
	return arithOp{name, o, 2,
		func(a, b, _ uint64, rm Round, fl *Flags) uint64 { return uint64(fast(T(a), T(b), rm, fl)) },
		func(a, b, _ uint64, rm Round, fl *Flags) uint64 { return soft(a, b, rm, fl) },
		func(a, b, _ uint64, rm Round) (uint64, Flags) { return want(a, b, rm) },
	}
}

func ternaryOp[T uint32 | uint64](name string, o oracleFormat, fast run3[T], soft run3[uint64],
	want func(_, _, _ uint64, _ Round) (uint64, Flags)) arithOp {
	return arithOp{name, o, 3,
		func(a, b, c uint64, rm Round, fl *Flags) uint64 { return uint64(fast(T(a), T(b), T(c), rm, fl)) },
		soft, want,
	}
}

// softSub is subtraction by the general algorithm.
func (f format) softSub(a, b uint64, rm Round, fl *Flags) uint64 {
	return f.add(a, b^f.signBit(), rm, fl)
}

// arithOps are the operations under test. binary16 has no arithmetic of its own in
// the API, but being small it shows the general algorithms' corners best.
func arithOps() []arithOp {
	return []arithOp{
		binaryOp("add", single, F32Add, binary32.add, single.add),
		binaryOp("sub", single, F32Sub, binary32.softSub, single.sub),
		binaryOp("mul", single, F32Mul, binary32.mul, single.mul),
		binaryOp("div", single, F32Div, binary32.div, single.div),
		unaryOp("sqrt", single, F32Sqrt, binary32.sqrt, single.sqrt),
		ternaryOp("fma", single, F32FMA, binary32.fma, single.fma),
		binaryOp("add", double, F64Add, binary64.add, double.add),
		binaryOp("sub", double, F64Sub, binary64.softSub, double.sub),
		binaryOp("mul", double, F64Mul, binary64.mul, double.mul),
		binaryOp("div", double, F64Div, binary64.div, double.div),
		unaryOp("sqrt", double, F64Sqrt, binary64.sqrt, double.sqrt),
		ternaryOp("fma", double, F64FMA, binary64.fma, double.fma),
		binaryOp("add", half, binary16.add, binary16.add, half.add),
		binaryOp("mul", half, binary16.mul, binary16.mul, half.mul),
		binaryOp("div", half, binary16.div, binary16.div, half.div),
		unaryOp("sqrt", half, binary16.sqrt, binary16.sqrt, half.sqrt),
		ternaryOp("fma", half, binary16.fma, binary16.fma, half.fma),
	}
}

// check compares the op with the oracle, with flags clear before and with NX set
// before (fast paths depend on it).
func (op arithOp) check(t *testing.T, a, b, c uint64, rm Round) {
	t.Helper()
	want, wantFl := op.want(a, b, c, rm)
	for _, before := range []Flags{0, NX, NV | DZ | OF | UF} {
		fl := before
		if got := op.fast(a, b, c, rm, &fl); got != want || fl != wantFl|before {
			t.Errorf("%s(%#x, %#x, %#x) mode %d flags %#x = %#x flags %#x, want %#x flags %#x",
				op.name, a, b, c, rm, before, got, fl, want, wantFl|before)
		}
	}
	var fl Flags
	if got := op.soft(a, b, c, rm, &fl); got != want || fl != wantFl {
		t.Errorf("soft %s(%#x, %#x, %#x) mode %d = %#x flags %#x, want %#x flags %#x",
			op.name, a, b, c, rm, got, fl, want, wantFl)
	}
}

// forEachTuple calls do for all tuples of as many values as there are operands;
// the operands that are not there are zero.
func forEachTuple(operands int, values []uint64, do func(a, b, c uint64)) {
	none := []uint64{0}
	bs, cs := none, none
	if operands >= 2 {
		bs = values
	}
	if operands >= 3 {
		cs = values
	}
	for _, a := range values {
		for _, b := range bs {
			for _, c := range cs {
				do(a, b, c)
			}
		}
	}
}

func TestArithmeticSpecials(t *testing.T) {
	for _, op := range arithOps() {
		t.Run(op.format.name+"/"+op.name, func(t *testing.T) {
			values := op.format.specials()
			if op.operands == 3 {
				values = op.format.fewSpecials()
			}
			forEachTuple(op.operands, values, func(a, b, c uint64) {
				for _, rm := range modes {
					op.check(t, a, b, c, rm)
				}
			})
		})
	}
}

func TestArithmeticRandom(t *testing.T) {
	n := 20000
	if testing.Short() {
		n = 2000
	}
	for _, op := range arithOps() {
		t.Run(op.format.name+"/"+op.name, func(t *testing.T) {
			r := newRand()
			for i := range n {
				a, b, c := op.format.random(r), op.format.random(r), op.format.random(r)
				op.check(t, a, b, c, modes[i%len(modes)])
				op.check(t, a, b, c, RNE) // where the fast paths are
			}
		})
	}
}

// TestFMACancellation: products that an addend cancels almost completely, which
// random operands never are.
func TestFMACancellation(t *testing.T) {
	for _, op := range arithOps() {
		if op.operands != 3 {
			continue
		}
		t.Run(op.format.name, func(t *testing.T) {
			r := newRand()
			for i := range 20000 {
				a, b := op.format.random(r), op.format.random(r)
				p, _ := op.format.mul(a, b, RTZ)
				c := (p ^ op.format.signBit()) + uint64(r.IntN(5)) - 2
				c &= op.format.signBit()<<1 - 1
				op.check(t, a, b, c, modes[i%len(modes)])
				op.check(t, a, b, c, RNE)
			}
		})
	}
}

// TestHalves: binary32 operations on operands whose results lie halfway between two
// numbers or next to it, where rounding twice would go wrong.
func TestHalves(t *testing.T) {
	r := newRand()
	for _, op := range arithOps() {
		if op.operands != 3 {
			continue
		}
		o := op.format
		one := uint64(o.emax) << (o.p - 1)
		for range 5000 {
			// 1.f * 1 + 2^-p, plus or minus something from anywhere below.
			a := one | r.Uint64()&(1<<(o.p-1)-1)
			tiny := uint64(1+r.IntN(o.emax-o.p-1)) << (o.p - 1)
			tie := uint64(o.emax-o.p) << (o.p - 1)
			for _, c := range []uint64{tie, tie + 1, tie - 1, tiny, tiny | o.signBit(), tie | o.signBit()} {
				op.check(t, a, one, c, RNE)
				op.check(t, tie, one+1, a, RNE)
			}
		}
	}
}

// TestSqrtHalfExhaustive: all square roots of binary16.
func TestSqrtHalfExhaustive(t *testing.T) {
	for a := range uint64(1 << 16) {
		for _, rm := range modes {
			want, wantFl := half.sqrt(a, rm)
			var fl Flags
			if got := binary16.sqrt(a, rm, &fl); got != want || fl != wantFl {
				t.Fatalf("sqrt(%#x) mode %d = %#x flags %#x, want %#x flags %#x", a, rm, got, fl, want, wantFl)
			}
		}
	}
}

// TestReservedMode: modes that an instruction can't have must still not panic, and
// round towards zero.
func TestReservedMode(t *testing.T) {
	for _, rm := range []Round{5, 6, 7, 255} {
		var fl Flags
		if got := F64Div(f64Bits(1), f64Bits(3), rm, &fl); got != 0x3fd5555555555555 || fl != NX {
			t.Errorf("1/3 in mode %d = %#x flags %#x", rm, got, fl)
		}
		if got := F32Mul(f32Bits(-3e38), f32Bits(2), rm, &fl); got != 0xff7fffff {
			t.Errorf("overflow in mode %d = %#x", rm, got)
		}
	}
}
