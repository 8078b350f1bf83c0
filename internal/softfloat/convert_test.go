package softfloat

import (
	"math/big"
	"testing"
)

// convOp is a conversion: the bits of its operand and of its result are widened to
// 64, integers by their own signedness.
type convOp struct {
	name   string
	inputs func() []uint64
	got    func(a uint64, rm Round, fl *Flags) uint64
	want   func(a uint64, rm Round) (uint64, Flags)
}

// integer describes an integer type for the oracle.
type integer struct {
	signed bool
	bits   uint
}

func (i integer) limits() (lo, hi *big.Int) {
	one := big.NewInt(1)
	if !i.signed {
		hi = new(big.Int).Lsh(one, i.bits)
		return new(big.Int), hi.Sub(hi, one)
	}
	hi = new(big.Int).Lsh(one, i.bits-1)
	lo = new(big.Int).Neg(hi)
	return lo, hi.Sub(hi, one)
}

// asBig is the integer that a register with the bits a stands for.
func (i integer) asBig(a uint64) *big.Int {
	if i.signed {
		return big.NewInt(int64(a))
	}
	return new(big.Int).SetUint64(a)
}

// asBits is the opposite of asBig.
func (i integer) asBits(n *big.Int) uint64 {
	if n.Sign() < 0 {
		return uint64(n.Int64())
	}
	return n.Uint64()
}

// inputs are integers around all powers of two, and halfway between neighbours in
// the formats.
func (i integer) inputs() []uint64 {
	lo, hi := i.limits()
	var all []uint64
	add := func(n *big.Int) {
		if n.Cmp(lo) >= 0 && n.Cmp(hi) <= 0 {
			all = append(all, i.asBits(n))
		}
	}
	for shift := range 65 {
		pow := new(big.Int).Lsh(big.NewInt(1), uint(shift))
		for _, below := range []int{24, 25, 53, 54, 64} { // 2^k + 2^(k-below) + d
			for d := int64(-3); d <= 3; d++ {
				n := new(big.Int).Rsh(pow, uint(below))
				n.Add(n, pow).Add(n, big.NewInt(d))
				add(n)
				add(n.Neg(n))
			}
		}
	}
	r := newRand()
	for range 3000 {
		a := r.Uint64() >> r.IntN(64) << r.IntN(64)
		add(i.asBig(a))
		add(i.asBig(-a))
	}
	return all
}

// floats are inputs of the format.
func (o oracleFormat) floats() []uint64 {
	all := o.specials()
	r := newRand()
	for range 5000 {
		all = append(all, o.random(r))
	}
	// Numbers within and around the integers' ranges, with and without fractions.
	for exp := -2; exp < 67 && exp < o.emax; exp++ {
		for range 100 {
			frac := r.Uint64() << r.IntN(o.p) & (1<<(o.p-1) - 1)
			a := uint64(exp+o.emax)<<(o.p-1) | frac
			all = append(all, a, a|o.signBit())
		}
	}
	return all
}

// allHalves are all the numbers of binary16.
func allHalves() []uint64 {
	all := make([]uint64, 1<<16)
	for i := range all {
		all[i] = uint64(i)
	}
	return all
}

func toIntOp[F uint32 | uint64, I int32 | uint32 | int64 | uint64](name string, o oracleFormat, i integer,
	f func(F, Round, *Flags) I) convOp {
	lo, hi := i.limits()
	return convOp{name, o.floats,
		func(a uint64, rm Round, fl *Flags) uint64 { return uint64(f(F(a), rm, fl)) },
		func(a uint64, rm Round) (uint64, Flags) {
			n, fl := o.toInt(a, lo, hi, rm)
			return i.asBits(n), fl
		},
	}
}

func fromIntOp[I int32 | uint32 | int64 | uint64, F uint32 | uint64](name string, i integer, o oracleFormat,
	f func(I, Round, *Flags) F) convOp {
	return convOp{name, i.inputs,
		func(a uint64, rm Round, fl *Flags) uint64 { return uint64(f(I(a), rm, fl)) },
		func(a uint64, rm Round) (uint64, Flags) { return o.fromInt(i.asBig(a), rm) },
	}
}

func floatOp[F, T uint16 | uint32 | uint64](name string, from, to oracleFormat, inputs func() []uint64,
	f func(F, Round, *Flags) T) convOp {
	return convOp{name, inputs,
		func(a uint64, rm Round, fl *Flags) uint64 { return uint64(f(F(a), rm, fl)) },
		func(a uint64, rm Round) (uint64, Flags) { return from.convert(to, a, rm) },
	}
}

func roundOp[F uint32 | uint64](name string, o oracleFormat, signal bool, f func(F, Round, *Flags) F) convOp {
	return convOp{name, o.floats,
		func(a uint64, rm Round, fl *Flags) uint64 { return uint64(f(F(a), rm, fl)) },
		func(a uint64, rm Round) (uint64, Flags) {
			r, fl := o.roundToInt(a, rm)
			if !signal {
				fl &^= NX
			}
			return r, fl
		},
	}
}

// unrounded and flagless give functions without a Round, or without Flags too, the
// form of the others.
func unrounded[F, T any](f func(F, *Flags) T) func(F, Round, *Flags) T {
	return func(a F, _ Round, fl *Flags) T { return f(a, fl) }
}

func flagless[F, T any](f func(F) T) func(F, Round, *Flags) T {
	return func(a F, _ Round, _ *Flags) T { return f(a) }
}

func convOps() []convOp {
	i32, u32, i64, u64 := integer{true, 32}, integer{false, 32}, integer{true, 64}, integer{false, 64}
	return []convOp{
		toIntOp("F32ToI32", single, i32, F32ToI32),
		toIntOp("F32ToU32", single, u32, F32ToU32),
		toIntOp("F32ToI64", single, i64, F32ToI64),
		toIntOp("F32ToU64", single, u64, F32ToU64),
		toIntOp("F64ToI32", double, i32, F64ToI32),
		toIntOp("F64ToU32", double, u32, F64ToU32),
		toIntOp("F64ToI64", double, i64, F64ToI64),
		toIntOp("F64ToU64", double, u64, F64ToU64),
		fromIntOp("I32ToF32", i32, single, I32ToF32),
		fromIntOp("U32ToF32", u32, single, U32ToF32),
		fromIntOp("I64ToF32", i64, single, I64ToF32),
		fromIntOp("U64ToF32", u64, single, U64ToF32),
		fromIntOp("I32ToF64", i32, double, flagless(I32ToF64)),
		fromIntOp("U32ToF64", u32, double, flagless(U32ToF64)),
		fromIntOp("I64ToF64", i64, double, I64ToF64),
		fromIntOp("U64ToF64", u64, double, U64ToF64),
		floatOp("F16ToF32", half, single, allHalves, unrounded(F16ToF32)),
		floatOp("F16ToF64", half, double, allHalves, unrounded(F16ToF64)),
		floatOp("F32ToF16", single, half, single.floats, F32ToF16),
		floatOp("F64ToF16", double, half, double.floats, F64ToF16),
		floatOp("F32ToF64", single, double, single.floats, unrounded(F32ToF64)),
		floatOp("F64ToF32", double, single, double.narrowing, F64ToF32),
		floatOp("F32ToF16 edges", single, half, single.nearHalves, F32ToF16),
		floatOp("F64ToF16 edges", double, half, double.nearHalves, F64ToF16),
		roundOp("F32RoundToInt", single, false, F32RoundToInt),
		roundOp("F64RoundToInt", double, false, F64RoundToInt),
		roundOp("F32RoundToIntNX", single, true, F32RoundToIntNX),
		roundOp("F64RoundToIntNX", double, true, F64RoundToIntNX),
	}
}

// near are numbers of format o that are numbers of a smaller format, or close to
// them, or close to the middle between two of them.
func (o oracleFormat) near(smaller oracleFormat, values []uint64) []uint64 {
	var all []uint64
	for _, a := range values {
		wide, _ := smaller.convert(o, a, RNE)
		half := uint64(1) << (o.p - smaller.p - 1)
		for _, d := range []uint64{0, 1, half - 1, half, half + 1} {
			all = append(all, wide+d, wide-d)
		}
	}
	for i := range all {
		all[i] &= o.signBit()<<1 - 1
	}
	return all
}

func (o oracleFormat) narrowing() []uint64 {
	return append(o.floats(), o.near(single, single.floats())...)
}

func (o oracleFormat) nearHalves() []uint64 {
	var some []uint64
	for a := uint64(0); a < 1<<16; a += 7 {
		some = append(some, a)
	}
	return o.near(half, append(some, half.specials()...))
}

func TestConversions(t *testing.T) {
	for _, op := range convOps() {
		t.Run(op.name, func(t *testing.T) {
			for i, a := range op.inputs() {
				for _, rm := range modes {
					want, wantFl := op.want(a, rm)
					before := []Flags{0, NX, OF}[i%3]
					fl := before
					if got := op.got(a, rm, &fl); got != want || fl != wantFl|before {
						t.Errorf("%s(%#x) mode %d flags %#x = %#x flags %#x, want %#x flags %#x",
							op.name, a, rm, before, got, fl, want, wantFl|before)
					}
				}
			}
		})
	}
}

// TestCvtMod: fcvtmod.w.d against the definition.
func TestCvtMod(t *testing.T) {
	mod := new(big.Int).Lsh(big.NewInt(1), 32)
	lo, hi := integer{true, 32}.limits()
	for _, a := range double.floats() {
		_, wantFl := double.toInt(a, lo, hi, RTZ)
		want := int32(0)
		if !double.isNaN(a) && !double.isInf(a) {
			n, _ := toQuantum(double.value(a), 0, RTZ)
			if double.neg(a) {
				n.Neg(n)
			}
			want = int32(uint32(n.Mod(n, mod).Uint64()))
		}
		var fl Flags
		if got := F64CvtMod(a, &fl); got != want || fl != wantFl {
			t.Errorf("F64CvtMod(%#x) = %d flags %#x, want %d flags %#x", a, got, fl, want, wantFl)
		}
	}
}

// TestConversionExamples: the table of fcvt behaviour for invalid inputs in the
// manual's chapter "F", and what programs depend on.
func TestConversionExamples(t *testing.T) {
	nan, inf := f64Bits(0)|0x7ff8000000000001, f64Bits(0)|0x7ff0000000000000
	for _, c := range []struct {
		in   uint64
		rm   Round
		i32  int32
		u32  uint32
		i64  int64
		u64  uint64
		fl   Flags // of the conversion to i32
		flU3 Flags // of the conversion to u32
	}{
		{nan, RTZ, 1<<31 - 1, 1<<32 - 1, 1<<63 - 1, 1<<64 - 1, NV, NV},
		{nan | 1<<63, RTZ, 1<<31 - 1, 1<<32 - 1, 1<<63 - 1, 1<<64 - 1, NV, NV},
		{inf, RTZ, 1<<31 - 1, 1<<32 - 1, 1<<63 - 1, 1<<64 - 1, NV, NV},
		{inf | 1<<63, RTZ, -1 << 31, 0, -1 << 63, 0, NV, NV},
		{f64Bits(-1), RTZ, -1, 0, -1, 0, 0, NV},
		{f64Bits(-0.75), RTZ, 0, 0, 0, 0, NX, NX},
		{f64Bits(-0.75), RNE, -1, 0, -1, 0, NX, NV}, // range checked after rounding
		{f64Bits(2147483647.5), RTZ, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, 1<<31 - 1, NX, NX},
		{f64Bits(2147483647.5), RNE, 1<<31 - 1, 1 << 31, 1 << 31, 1 << 31, NV, NX},
		{f64Bits(4294967295.5), RMM, 1<<31 - 1, 1<<32 - 1, 1 << 32, 1 << 32, NV, NV},
		{f64Bits(2.5), RNE, 2, 2, 2, 2, NX, NX},
		{f64Bits(2.5), RMM, 3, 3, 3, 3, NX, NX},
		{f64Bits(-2.5), RMM, -3, 0, -3, 0, NX, NV},
	} {
		var fl, flU3, other Flags
		i32, u32 := F64ToI32(c.in, c.rm, &fl), F64ToU32(c.in, c.rm, &flU3)
		i64, u64 := F64ToI64(c.in, c.rm, &other), F64ToU64(c.in, c.rm, &other)
		if i32 != c.i32 || u32 != c.u32 || i64 != c.i64 || u64 != c.u64 || fl != c.fl || flU3 != c.flU3 {
			t.Errorf("%#x mode %d: %d %d %d %d flags %#x %#x, want %+v", c.in, c.rm, i32, u32, i64, u64, fl, flU3, c)
		}
	}
}

// TestFli: the table of the manual's chapter "Zfa", as bits.
func TestFli(t *testing.T) {
	want32 := [32]uint32{
		0xbf800000, 0x00800000, 0x37800000, 0x38000000, 0x3b800000, 0x3c000000, 0x3d800000, 0x3e000000,
		0x3e800000, 0x3ea00000, 0x3ec00000, 0x3ee00000, 0x3f000000, 0x3f200000, 0x3f400000, 0x3f600000,
		0x3f800000, 0x3fa00000, 0x3fc00000, 0x3fe00000, 0x40000000, 0x40200000, 0x40400000, 0x40800000,
		0x41000000, 0x41800000, 0x43000000, 0x43800000, 0x47000000, 0x47800000, 0x7f800000, 0x7fc00000,
	}
	want64 := [32]uint64{
		0xbff0000000000000, 0x0010000000000000, 0x3ef0000000000000, 0x3f00000000000000,
		0x3f70000000000000, 0x3f80000000000000, 0x3fb0000000000000, 0x3fc0000000000000,
		0x3fd0000000000000, 0x3fd4000000000000, 0x3fd8000000000000, 0x3fdc000000000000,
		0x3fe0000000000000, 0x3fe4000000000000, 0x3fe8000000000000, 0x3fec000000000000,
		0x3ff0000000000000, 0x3ff4000000000000, 0x3ff8000000000000, 0x3ffc000000000000,
		0x4000000000000000, 0x4004000000000000, 0x4008000000000000, 0x4010000000000000,
		0x4020000000000000, 0x4030000000000000, 0x4060000000000000, 0x4070000000000000,
		0x40e0000000000000, 0x40f0000000000000, 0x7ff0000000000000, 0x7ff8000000000000,
	}
	for i := range uint8(32) {
		if got := F32Fli(i); got != want32[i] {
			t.Errorf("F32Fli(%d) = %#x, want %#x", i, got, want32[i])
		}
		if got := F64Fli(i); got != want64[i] {
			t.Errorf("F64Fli(%d) = %#x, want %#x", i, got, want64[i])
		}
	}
}
