package softfloat

import "math"

// minSafe64 is the least biased exponent at which the fast paths of binary64
// trust a number: 2^-959, so that its error, which may reach 2*53 binary places
// further down, is still representable and hence computed exactly by an FMA.
const minSafe64 = 64

// safe64 tells that x is finite and not less than 2^-959 in magnitude.
func safe64(x float64) bool {
	return math.Float64bits(x)>>52&0x7ff-minSafe64 <= 0x7fe-minSafe64
}

// sumSafe64 and sumError64 are to binary64 what [sumSafe32] and [sumError32] are
// to binary32.
func sumSafe64(x float64) bool { return math.Float64bits(x)>>52&0x7ff < 0x7fd }

func sumError64(x, y, s float64) float64 {
	t := s - x
	return (x - (s - t)) + (y - t)
}

// F64Add returns a+b.
func F64Add(a, b uint64, rm Round, fl *Flags) uint64 {
	if rm == RNE {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		s := x + y
		if sumSafe64(s) && sumSafe64(x) {
			fl.raiseIf(*fl&NX == 0 && sumError64(x, y, s) != 0)
			return math.Float64bits(s)
		}
	}
	return binary64.add(a, b, rm, fl)
}

// F64Sub returns a-b.
func F64Sub(a, b uint64, rm Round, fl *Flags) uint64 {
	return F64Add(a, b^1<<63, rm, fl)
}

// F64Mul returns a*b.
func F64Mul(a, b uint64, rm Round, fl *Flags) uint64 {
	if rm == RNE {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		if p := float64(x * y); safe64(p) {
			fl.raiseIf(*fl&NX == 0 && math.FMA(x, y, -p) != 0)
			return math.Float64bits(p)
		}
	}
	return binary64.mul(a, b, rm, fl)
}

// F64Div returns a/b.
func F64Div(a, b uint64, rm Round, fl *Flags) uint64 {
	if rm == RNE {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		if q := x / y; safe64(q) && safe64(x) {
			fl.raiseIf(*fl&NX == 0 && math.FMA(q, y, -x) != 0)
			return math.Float64bits(q)
		}
	}
	return binary64.div(a, b, rm, fl)
}

// F64Sqrt returns the square root of a.
func F64Sqrt(a uint64, rm Round, fl *Flags) uint64 {
	if rm == RNE {
		x := math.Float64frombits(a)
		if r := math.Sqrt(x); safe64(r) && safe64(x) {
			fl.raiseIf(*fl&NX == 0 && math.FMA(r, r, -x) != 0)
			return math.Float64bits(r)
		}
	}
	return binary64.sqrt(a, rm, fl)
}

// F64FMA returns a*b+c, rounded once. An infinity times zero raises NV, whatever
// c is. For fmsub, fnmsub and fnmadd the caller flips signs of operands.
func F64FMA(a, b, c uint64, rm Round, fl *Flags) uint64 {
	if rm == RNE {
		x, y, z := math.Float64frombits(a), math.Float64frombits(b), math.Float64frombits(c)
		r := math.FMA(x, y, z)
		if safe64(r) && (*fl&NX != 0 || fmaExactness(x, y, z, r, fl)) {
			return math.Float64bits(r)
		}
	}
	return binary64.fma(a, b, c, rm, fl)
}

// fmaExactness raises NX if r, which is x*y+z rounded, is inexact. It reports
// false if it can't tell, which is when the product by itself is inexact.
func fmaExactness(x, y, z, r float64, fl *Flags) bool {
	p := float64(x * y)
	if !safe64(p) || !sumSafe64(p) || !sumSafe64(r) || math.FMA(x, y, -p) != 0 {
		return false
	}
	fl.raiseIf(sumError64(p, z, r) != 0)
	return true
}
