package softfloat

import "math/big"

// The oracle: exact arithmetic on big integers, and rounding by the letter of the
// standard. It shares nothing with the package but the names of modes, flags and
// formats, and its shortest form is preferred to any speed.

// oracleFormat is a format by its parameters in IEEE 754: precision p in bits,
// largest exponent emax.
type oracleFormat struct {
	name  string
	width uint
	p     int
	emax  int
}

var (
	half   = oracleFormat{"f16", 16, 11, 15}
	single = oracleFormat{"f32", 32, 24, 127}
	double = oracleFormat{"f64", 64, 53, 1023}
)

func (o oracleFormat) emin() int            { return 1 - o.emax }
func (o oracleFormat) signBit() uint64      { return 1 << (o.width - 1) }
func (o oracleFormat) infBits() uint64      { return uint64(2*o.emax+1) << (o.p - 1) }
func (o oracleFormat) nanBits() uint64      { return o.infBits() | 1<<(o.p-2) }
func (o oracleFormat) mag(a uint64) uint64  { return a &^ o.signBit() }
func (o oracleFormat) neg(a uint64) bool    { return a&o.signBit() != 0 }
func (o oracleFormat) isNaN(a uint64) bool  { return o.mag(a) > o.infBits() }
func (o oracleFormat) isInf(a uint64) bool  { return o.mag(a) == o.infBits() }
func (o oracleFormat) isZero(a uint64) bool { return o.mag(a) == 0 }
func (o oracleFormat) isSNaN(a uint64) bool {
	return o.isNaN(a) && a&(1<<(o.p-2)) == 0
}

// exact is m * 2^e, plus, if more is set, something with the sign of m that is
// greater than zero and less than 2^e.
type exact struct {
	m    *big.Int
	e    int
	more bool
}

// value is a finite number, exactly.
func (o oracleFormat) value(a uint64) exact {
	frac := int64(a & (1<<(o.p-1) - 1))
	exp := int(o.mag(a) >> (o.p - 1))
	if exp == 0 {
		exp = 1
	} else {
		frac |= 1 << (o.p - 1)
	}
	if o.neg(a) {
		frac = -frac
	}
	return exact{m: big.NewInt(frac), e: exp - o.emax - (o.p - 1)}
}

func exactAdd(x, y exact) exact {
	if x.e < y.e {
		x, y = y, x
	}
	m := new(big.Int).Lsh(x.m, uint(x.e-y.e))
	return exact{m: m.Add(m, y.m), e: y.e}
}

func exactMul(x, y exact) exact {
	return exact{m: new(big.Int).Mul(x.m, y.m), e: x.e + y.e}
}

// exactDiv has at least 100 significant bits.
func exactDiv(x, y exact) exact {
	const extra = 200
	num := new(big.Int).Lsh(x.m, extra)
	q, r := new(big.Int).QuoRem(num, y.m, new(big.Int))
	return exact{m: q, e: x.e - y.e - extra, more: r.Sign() != 0}
}

// exactSqrt has at least 100 significant bits; x is positive.
func exactSqrt(x exact) exact {
	shift := 200
	if (x.e-shift)%2 != 0 {
		shift++
	}
	m := new(big.Int).Lsh(x.m, uint(shift))
	r := new(big.Int).Sqrt(m)
	return exact{m: r, e: (x.e - shift) / 2, more: new(big.Int).Mul(r, r).Cmp(m) != 0}
}

// toQuantum rounds |x| to an integer number of 2^q.
func toQuantum(x exact, q int, rm Round) (n *big.Int, inexact bool) {
	// Twice the magnitude again, with a bit for more, in units of 2^e.
	m := new(big.Int).Abs(x.m)
	m.Lsh(m, 2)
	if x.more {
		m.Or(m, big.NewInt(1))
	}
	e := x.e - 2
	if e >= q {
		return m.Lsh(m, uint(e-q)), false
	}
	unit := new(big.Int).Lsh(big.NewInt(1), uint(q-e))
	n, rest := new(big.Int).QuoRem(m, unit, new(big.Int))
	if rest.Sign() == 0 {
		return n, false
	}
	toHalf := new(big.Int).Lsh(rest, 1).Cmp(unit)
	neg := x.m.Sign() < 0
	var away bool
	switch rm {
	case RNE:
		away = toHalf > 0 || toHalf == 0 && n.Bit(0) == 1
	case RMM:
		away = toHalf >= 0
	case RUP:
		away = !neg
	case RDN:
		away = neg
	}
	if away {
		n.Add(n, big.NewInt(1))
	}
	return n, true
}

// exponent is floor(log2 |x|).
func (x exact) exponent() int { return x.e + x.m.BitLen() - 1 }

// round is x, not zero, in the format, with the flags due.
func (o oracleFormat) round(x exact, rm Round) (uint64, Flags) {
	sign := uint64(0)
	if x.m.Sign() < 0 {
		sign = o.signBit()
	}
	var fl Flags
	q := max(x.exponent(), o.emin()) - (o.p - 1)
	n, inexact := toQuantum(x, q, rm)
	if inexact {
		fl |= NX
		if o.tiny(x, rm) {
			fl |= UF
		}
	}
	if n.BitLen() > o.p { // carried into the next binade
		n.Rsh(n, 1)
		q++
	}
	if q+o.p-1 > o.emax {
		fl = OF | NX
		toInf := rm == RNE || rm == RMM || rm == RUP && sign == 0 || rm == RDN && sign != 0
		if toInf {
			return sign | o.infBits(), fl
		}
		return sign | (o.infBits() - 1), fl
	}
	if n.BitLen() < o.p {
		return sign | n.Uint64(), fl // subnormal
	}
	frac := n.Uint64() - 1<<(o.p-1)
	return sign | uint64(q+o.p-1+o.emax)<<(o.p-1) | frac, fl
}

// tiny: the result, rounded as though the exponent were unbounded, would lie
// strictly between ±2^emin.
func (o oracleFormat) tiny(x exact, rm Round) bool {
	q := x.exponent() - (o.p - 1)
	n, _ := toQuantum(x, q, rm)
	return q+n.BitLen()-1 < o.emin()
}

func (o oracleFormat) nan(operands ...uint64) (uint64, Flags) {
	for _, a := range operands {
		if o.isSNaN(a) {
			return o.nanBits(), NV
		}
	}
	return o.nanBits(), 0
}

func (o oracleFormat) anyNaN(operands ...uint64) bool {
	for _, a := range operands {
		if o.isNaN(a) {
			return true
		}
	}
	return false
}

// zeroSum is the zero that x+y gives if it is zero exactly, by their signs.
func (o oracleFormat) zeroSum(xneg, yneg bool, rm Round) uint64 {
	if xneg && yneg || xneg != yneg && rm == RDN {
		return o.signBit()
	}
	return 0
}

func (o oracleFormat) add(a, b uint64, rm Round) (uint64, Flags) {
	switch {
	case o.anyNaN(a, b):
		return o.nan(a, b)
	case o.isInf(a) && o.isInf(b) && a != b:
		return o.nanBits(), NV
	case o.isInf(a):
		return a, 0
	case o.isInf(b):
		return b, 0
	}
	s := exactAdd(o.value(a), o.value(b))
	if s.m.Sign() == 0 {
		return o.zeroSum(o.neg(a), o.neg(b), rm), 0
	}
	return o.round(s, rm)
}

func (o oracleFormat) sub(a, b uint64, rm Round) (uint64, Flags) {
	return o.add(a, b^o.signBit(), rm)
}

func (o oracleFormat) mul(a, b uint64, rm Round) (uint64, Flags) {
	sign := (a ^ b) & o.signBit()
	switch {
	case o.anyNaN(a, b):
		return o.nan(a, b)
	case o.isInf(a) && o.isZero(b) || o.isZero(a) && o.isInf(b):
		return o.nanBits(), NV
	case o.isInf(a) || o.isInf(b):
		return sign | o.infBits(), 0
	case o.isZero(a) || o.isZero(b):
		return sign, 0
	}
	return o.round(exactMul(o.value(a), o.value(b)), rm)
}

func (o oracleFormat) div(a, b uint64, rm Round) (uint64, Flags) {
	sign := (a ^ b) & o.signBit()
	switch {
	case o.anyNaN(a, b):
		return o.nan(a, b)
	case o.isInf(a) && o.isInf(b) || o.isZero(a) && o.isZero(b):
		return o.nanBits(), NV
	case o.isInf(a):
		return sign | o.infBits(), 0
	case o.isZero(b):
		return sign | o.infBits(), DZ
	case o.isInf(b) || o.isZero(a):
		return sign, 0
	}
	return o.round(exactDiv(o.value(a), o.value(b)), rm)
}

func (o oracleFormat) sqrt(a uint64, rm Round) (uint64, Flags) {
	switch {
	case o.isNaN(a):
		return o.nan(a)
	case o.isZero(a):
		return a, 0
	case o.neg(a):
		return o.nanBits(), NV
	case o.isInf(a):
		return a, 0
	}
	return o.round(exactSqrt(o.value(a)), rm)
}

func (o oracleFormat) fma(a, b, c uint64, rm Round) (uint64, Flags) {
	sign := (a ^ b) & o.signBit()
	switch {
	case o.isInf(a) && o.isZero(b) || o.isZero(a) && o.isInf(b):
		return o.nanBits(), NV
	case o.anyNaN(a, b, c):
		return o.nan(a, b, c)
	case o.isInf(a) || o.isInf(b):
		if o.isInf(c) && c != sign|o.infBits() {
			return o.nanBits(), NV
		}
		return sign | o.infBits(), 0
	case o.isInf(c):
		return c, 0
	}
	s := exactAdd(exactMul(o.value(a), o.value(b)), o.value(c))
	if s.m.Sign() == 0 {
		return o.zeroSum(sign != 0, o.neg(c), rm), 0
	}
	return o.round(s, rm)
}

// convert is a, of format o, in format to.
func (o oracleFormat) convert(to oracleFormat, a uint64, rm Round) (uint64, Flags) {
	sign := uint64(0)
	if o.neg(a) {
		sign = to.signBit()
	}
	switch {
	case o.isSNaN(a):
		return to.nanBits(), NV
	case o.isNaN(a):
		return to.nanBits(), 0
	case o.isInf(a):
		return sign | to.infBits(), 0
	case o.isZero(a):
		return sign, 0
	}
	return to.round(o.value(a), rm)
}

// fromInt is the integer i in the format.
func (o oracleFormat) fromInt(i *big.Int, rm Round) (uint64, Flags) {
	if i.Sign() == 0 {
		return 0, 0
	}
	return o.round(exact{m: i}, rm)
}

// toInt is a as an integer between lo and hi.
func (o oracleFormat) toInt(a uint64, lo, hi *big.Int, rm Round) (*big.Int, Flags) {
	switch {
	case o.isNaN(a) || o.isInf(a) && !o.neg(a):
		return hi, NV
	case o.isInf(a):
		return lo, NV
	}
	n, inexact := toQuantum(o.value(a), 0, rm)
	if o.neg(a) {
		n.Neg(n)
	}
	switch {
	case n.Cmp(lo) < 0:
		return lo, NV
	case n.Cmp(hi) > 0:
		return hi, NV
	case inexact:
		return n, NX
	}
	return n, 0
}

// roundToInt is Zfa's froundnx.
func (o oracleFormat) roundToInt(a uint64, rm Round) (uint64, Flags) {
	switch {
	case o.isNaN(a):
		return o.nan(a)
	case o.isInf(a) || o.isZero(a):
		return a, 0
	}
	n, inexact := toQuantum(o.value(a), 0, rm)
	var fl Flags
	if inexact {
		fl = NX
	}
	if n.Sign() == 0 {
		return a & o.signBit(), fl
	}
	r, _ := o.round(exact{m: n}, RTZ)
	return a&o.signBit() | r, fl
}
