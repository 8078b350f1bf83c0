package softfloat

import "math/bits"

// shiftRound is sig / 2^n rounded to an integer in mode rm, for a value whose sign
// is neg, and whether that was inexact. A sticky bit (a lowest bit that stands for
// "and some more") in sig is respected as long as n >= 2. The result does not
// overflow: for n >= 1 it is at most 2^63.
func shiftRound(sig uint64, n uint, rm Round, neg bool) (q uint64, inexact bool) {
	const half = 1 << 63
	var rest uint64 // the part shifted out, as a fraction of 2^64
	switch {
	case n == 0:
		return sig, false
	case n <= 64:
		q, rest = sig>>n, sig<<(64-n)
	case sig != 0:
		rest = 1
	}
	if rest == 0 {
		return q, false
	}
	up := false
	switch rm {
	case RNE:
		up = rest > half || rest == half && q&1 != 0
	case RDN:
		up = neg
	case RUP:
		up = !neg
	case RMM:
		up = rest >= half
	}
	if up {
		q++
	}
	return q, true
}

// roundPack rounds the value ±sig * 2^(exp-63) into the format and raises NX, UF
// and OF as due. The top bit of sig must be set; its lowest bit may be sticky,
// because every format leaves at least 11 bits of sig to round away.
func (f format) roundPack(neg bool, exp int, sig uint64, rm Round, fl *Flags) uint64 {
	drop := 63 - f.fracBits()
	biased := exp + f.bias()
	if biased <= 0 {
		return f.roundPackTiny(neg, biased, sig, rm, fl)
	}
	q, inexact := shiftRound(sig, drop, rm, neg)
	// q holds the hidden bit; a carry out of rounding moves on into the exponent.
	mag := uint64(biased-1)<<f.fracBits() + q
	if mag >= f.inf() {
		return f.overflow(neg, rm, fl)
	}
	if inexact {
		*fl |= NX
	}
	return f.withSign(neg, mag)
}

// roundPackTiny is roundPack for a value below the smallest normal number, whose
// biased exponent would be zero or less. Such a value is not tiny after all if
// rounding it as though the exponent had no lower bound reaches that number.
func (f format) roundPackTiny(neg bool, biased int, sig uint64, rm Round, fl *Flags) uint64 {
	drop := 63 - f.fracBits()
	mag, inexact := shiftRound(sig, drop+uint(1-biased), rm, neg)
	if inexact {
		*fl |= NX
		unbounded, _ := shiftRound(sig, drop, rm, neg)
		if biased < 0 || unbounded>>(f.fracBits()+1) == 0 {
			*fl |= UF
		}
	}
	return f.withSign(neg, mag)
}

// overflow raises OF and NX; the result is infinite or the largest finite number,
// whichever the rounding mode leads to.
func (f format) overflow(neg bool, rm Round, fl *Flags) uint64 {
	*fl |= OF | NX
	switch {
	case rm == RNE, rm == RMM, rm == RUP && !neg, rm == RDN && neg:
		return f.withSign(neg, f.inf())
	}
	return f.withSign(neg, f.inf()-1)
}

// sticky makes the lowest bit of sig stand for rest too.
func sticky(sig, rest uint64) uint64 {
	if rest != 0 {
		return sig | 1
	}
	return sig
}

// wide is a number of double width: ±(hi:lo) * 2^(exp-127). The top bit of hi is
// set; hi is zero only if the number is.
type wide struct {
	neg    bool
	exp    int
	hi, lo uint64
}

// widen is the number x, which must be finite or zero, in double width.
func widen(x number) wide {
	if x.kind == kindZero {
		return wide{neg: x.neg}
	}
	return wide{neg: x.neg, exp: x.exp, hi: x.sig}
}

// product is x*y, exactly. Both must be finite or zero.
func product(x, y number) wide {
	neg := x.neg != y.neg
	if x.kind == kindZero || y.kind == kindZero {
		return wide{neg: neg}
	}
	hi, lo := bits.Mul64(x.sig, y.sig)
	exp := x.exp + y.exp + 1
	if hi>>63 == 0 {
		hi, lo = hi<<1|lo>>63, lo<<1
		exp--
	}
	return wide{neg, exp, hi, lo}
}

// less compares magnitudes.
func (x wide) less(y wide) bool {
	switch {
	case x.hi == 0 || y.hi == 0:
		return x.hi < y.hi
	case x.exp != y.exp:
		return x.exp < y.exp
	case x.hi != y.hi:
		return x.hi < y.hi
	}
	return x.lo < y.lo
}

// shiftRight is hi:lo / 2^n, with the bits that are lost gathered in the lowest.
func shiftRight(hi, lo uint64, n uint) (uint64, uint64) {
	switch {
	case n == 0:
		return hi, lo
	case n < 64:
		return hi >> n, sticky(lo>>n|hi<<(64-n), lo<<(64-n))
	case n < 128:
		return 0, sticky(hi>>(n-64), lo|hi<<(128-n))
	}
	return 0, sticky(0, hi|lo)
}

// sum is x+y with at least 126 correct leading bits, and the lowest bit sticky.
// Operands of at most 106 significant bits, which is all there are, lose bits to
// the alignment only if their exponents differ by more than one, and then
// cancellation takes one bit at most. A sum of zero has sign bit zero, unless
// both operands are negative zeros or rm is RDN and they are not both positive.
func sum(x, y wide, rm Round) wide {
	if x.less(y) {
		x, y = y, x
	}
	if x.hi == 0 {
		return wide{neg: x.neg && y.neg || rm == RDN && x.neg != y.neg}
	}
	if y.hi == 0 {
		return x
	}
	hi, lo := shiftRight(y.hi, y.lo, uint(x.exp-y.exp))
	if x.neg == y.neg {
		return sumMagnitudes(x, hi, lo)
	}
	return subMagnitudes(x, hi, lo, rm)
}

// sumMagnitudes adds hi:lo, in units of x's last place, to the magnitude of x.
func sumMagnitudes(x wide, hi, lo uint64) wide {
	lo, carry := bits.Add64(x.lo, lo, 0)
	hi, carry = bits.Add64(x.hi, hi, carry)
	if carry != 0 {
		hi, lo = shiftRight(hi, lo, 1)
		hi |= 1 << 63
		x.exp++
	}
	return wide{x.neg, x.exp, hi, lo}
}

// subMagnitudes takes hi:lo, in units of x's last place, which is not more than
// the magnitude of x, from it.
func subMagnitudes(x wide, hi, lo uint64, rm Round) wide {
	lo, borrow := bits.Sub64(x.lo, lo, 0)
	hi, _ = bits.Sub64(x.hi, hi, borrow)
	if hi|lo == 0 {
		return wide{neg: rm == RDN}
	}
	if hi == 0 {
		hi, lo = lo, 0
		x.exp -= 64
	}
	n := uint(bits.LeadingZeros64(hi))
	return wide{x.neg, x.exp - int(n), hi<<n | lo>>(64-n), lo << n}
}

// roundPackWide is roundPack for a number of double width; it may be zero.
func (f format) roundPackWide(x wide, rm Round, fl *Flags) uint64 {
	if x.hi == 0 {
		return f.withSign(x.neg, 0)
	}
	return f.roundPack(x.neg, x.exp, sticky(x.hi, x.lo), rm, fl)
}
