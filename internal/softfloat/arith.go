package softfloat

import "math/bits"

// propagate is the result of an operation one of whose operands is a NaN.
func (f format) propagate(x, y, z kind, fl *Flags) uint64 {
	if x == kindSNaN || y == kindSNaN || z == kindSNaN {
		*fl |= NV
	}
	return f.nan()
}

// add is a+b: as a*1 is a, in sign and flags too, the sum needs no code of its own.
func (f format) add(a, b uint64, rm Round, fl *Flags) uint64 {
	return f.fma(a, f.one(), b, rm, fl)
}

// fma is a*b+c, rounded once. inf*0 is invalid whatever c is, a quiet NaN included
// (IEEE 754 leaves that open; RISC-V does not).
func (f format) fma(a, b, c uint64, rm Round, fl *Flags) uint64 {
	x, y, z := f.unpack(a), f.unpack(b), f.unpack(c)
	if x.kind >= kindInf || y.kind >= kindInf || z.kind >= kindInf {
		return f.fmaSpecial(x, y, z, fl)
	}
	return f.roundPackWide(sum(product(x, y), widen(z), rm), rm, fl)
}

// fmaSpecial is x*y+z where at least one of them is infinite or a NaN.
func (f format) fmaSpecial(x, y, z number, fl *Flags) uint64 {
	neg := x.neg != y.neg
	switch {
	case x.kind == kindInf && y.kind == kindZero, x.kind == kindZero && y.kind == kindInf:
		return f.invalid(fl)
	case x.kind.isNaN() || y.kind.isNaN() || z.kind.isNaN():
		return f.propagate(x.kind, y.kind, z.kind, fl)
	case x.kind != kindInf && y.kind != kindInf:
		return f.withSign(z.neg, f.inf())
	case z.kind == kindInf && z.neg != neg:
		return f.invalid(fl)
	}
	return f.withSign(neg, f.inf())
}

// mul is a*b.
func (f format) mul(a, b uint64, rm Round, fl *Flags) uint64 {
	x, y := f.unpack(a), f.unpack(b)
	switch {
	case x.kind < kindInf && y.kind < kindInf:
		return f.roundPackWide(product(x, y), rm, fl)
	case x.kind.isNaN() || y.kind.isNaN():
		return f.propagate(x.kind, y.kind, kindZero, fl)
	case x.kind == kindZero || y.kind == kindZero:
		return f.invalid(fl)
	}
	return f.withSign(x.neg != y.neg, f.inf())
}

// div is a/b.
func (f format) div(a, b uint64, rm Round, fl *Flags) uint64 {
	x, y := f.unpack(a), f.unpack(b)
	neg := x.neg != y.neg
	switch {
	case x.kind.isNaN() || y.kind.isNaN():
		return f.propagate(x.kind, y.kind, kindZero, fl)
	case x.kind == y.kind && x.kind != kindFinite: // 0/0, inf/inf
		return f.invalid(fl)
	case x.kind == kindInf:
		return f.withSign(neg, f.inf())
	case y.kind == kindZero:
		*fl |= DZ
		return f.withSign(neg, f.inf())
	case x.kind == kindZero || y.kind == kindInf:
		return f.withSign(neg, 0)
	}
	// Scale the dividend so that the quotient has exactly 64 bits.
	exp, hi, lo := x.exp-y.exp, x.sig>>1, x.sig<<63
	if x.sig < y.sig {
		exp, hi, lo = exp-1, x.sig, 0
	}
	q, rem := bits.Div64(hi, lo, y.sig)
	return f.roundPack(neg, exp, sticky(q, rem), rm, fl)
}

// sqrt is the square root of a.
func (f format) sqrt(a uint64, rm Round, fl *Flags) uint64 {
	x := f.unpack(a)
	switch {
	case x.kind.isNaN():
		return f.propagate(x.kind, kindZero, kindZero, fl)
	case x.kind == kindZero: // sqrt(-0) is -0
		return a
	case x.neg:
		return f.invalid(fl)
	case x.kind == kindInf:
		return a
	}
	// With an even exponent the root of m * 2^exp is root(m) * 2^(exp/2); m is in
	// [1,4) then, and keeps two bits before the point.
	exp, m := x.exp, x.sig>>1
	if exp&1 != 0 {
		exp, m = exp-1, x.sig
	}
	return f.roundPack(false, exp>>1, sqrtSig(m), rm, fl)
}

// sqrtSig is the square root of m * 2^-62, which is in [1,4), in units of 2^-63:
// its leading 54 bits, which is one more than binary64 has, and a sticky bit. It
// is the schoolbook method, two bits of m for one of the root. The remainder never
// exceeds twice the root, so that 64 bits are enough for it.
func sqrtSig(m uint64) uint64 {
	const steps = 54
	var root, rem uint64
	for range steps {
		rem = rem<<2 | m>>62
		m <<= 2
		root <<= 1
		if trial := root<<1 | 1; rem >= trial {
			rem -= trial
			root |= 1
		}
	}
	return sticky(root<<(64-steps), rem|m)
}
