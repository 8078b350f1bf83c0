package softfloat

import "math/rand/v2"

// modes are the rounding modes, for tests to range over.
var modes = []Round{RNE, RTZ, RDN, RUP, RMM}

// specials are bit patterns at which arithmetic changes its behaviour, in both signs.
func (o oracleFormat) specials() []uint64 {
	ulp := uint64(1)
	minNormal := ulp << (o.p - 1)
	one := uint64(o.emax) << (o.p - 1)
	pow := func(n int) uint64 { return uint64(n+o.emax) << (o.p - 1) }
	mags := []uint64{
		0, 1, 2, 3, minNormal / 2, minNormal - 1, minNormal, minNormal + 1, 2*minNormal - 1, 2 * minNormal,
		pow(-o.p), pow(-o.p) + 1, pow(1 - o.p), pow(-2), pow(-1), pow(-1) + 1,
		one - 1, one, one + 1, one + minNormal/2, pow(1), pow(1) + minNormal/4, pow(1) + minNormal/2,
		pow(o.p - 2), pow(o.p-2) + 1, pow(o.p - 1), pow(o.p-1) - 1, pow(o.p - 1 + 1), pow(o.p) - 1,
		pow(o.emax), pow(o.emax) - 1, pow(o.emax - 1), o.infBits() - 1, o.infBits() - 2,
		o.infBits(), o.nanBits(), o.nanBits() | 5, o.infBits() | 1, o.nanBits() - 1,
	}
	for _, n := range []int{31, 32, 63, 64, 65, 95} { // the ends of integer ranges
		if n < o.emax {
			mags = append(mags, pow(n)-1, pow(n), pow(n)+1)
		}
	}
	return o.bothSigns(mags)
}

// fewSpecials are the most important ones, for operations of three operands.
func (o oracleFormat) fewSpecials() []uint64 {
	minNormal := uint64(1) << (o.p - 1)
	one := uint64(o.emax) << (o.p - 1)
	return o.bothSigns([]uint64{
		0, 1, minNormal - 1, minNormal, one - 1, one, one + 1, one + minNormal/2,
		uint64(o.emax/2) << (o.p - 1), o.infBits() - 1, o.infBits(), o.nanBits(), o.infBits() | 1,
	})
}

func (o oracleFormat) bothSigns(mags []uint64) []uint64 {
	all := mags
	for _, m := range mags {
		all = append(all, m|o.signBit())
	}
	return all
}

// random draws a number of a kind that makes trouble: fractions with few ones or
// few zeros, exponents at the ends of the range or close to zero.
func (o oracleFormat) random(r *rand.Rand) uint64 {
	fracBits := o.p - 1
	frac := r.Uint64()
	switch r.IntN(5) {
	case 0:
		frac = 1 << r.IntN(fracBits)
	case 1:
		frac = 1<<r.IntN(fracBits) - 1
	case 2:
		frac = frac << r.IntN(fracBits)
	case 3:
		frac = ^uint64(0) << r.IntN(fracBits)
	}
	frac &= 1<<fracBits - 1
	top := 2*o.emax + 1
	var exp int
	switch r.IntN(6) {
	case 0:
		exp = r.IntN(top)
	case 1:
		exp = r.IntN(4)
	case 2:
		exp = top - r.IntN(4)
	case 3: // about where products and roots underflow or overflow
		exp = o.emax + (o.emax/2+r.IntN(2*o.p)-o.p)*(2*r.IntN(2)-1)
		exp = min(max(exp, 0), top)
	default:
		exp = o.emax + r.IntN(2*o.p) - o.p
		exp = min(max(exp, 0), top)
	}
	sign := uint64(r.IntN(2)) << (o.width - 1)
	return sign | uint64(exp)<<fracBits | frac
}

// newRand is a generator that gives every run of a test the same numbers.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(1985, 754)) }
