package softfloat

import "math"

// The fast paths of binary32 lean on binary64, in which the product of two
// binary32 numbers is exact, and in which a quotient or a root rounded first to
// 53 bits and then to 24 is the same as rounded once (53 >= 2*24+2).

// safe32 tells that r, rounded to nearest even from operands that are not NaN or
// infinite, proves that neither overflow nor underflow has happened: it is finite
// and more than the smallest normal number, so it was not tiny before rounding.
func safe32(r float32) bool {
	return math.Float32bits(r)>>23&0xff-2 <= 0xfe-2
}

// sumSafe32 tells that x+y or x-y is so far from overflow, for a finite x or sum,
// that sumError32 is exact. There is no lower bound: small sums are exact.
func sumSafe32(x float32) bool { return math.Float32bits(x)>>23&0xff < 0xfd }

// sumError32 is x+y-s, exactly, where s is x+y rounded to nearest (Knuth's TwoSum).
func sumError32(x, y, s float32) float32 {
	t := s - x
	return (x - (s - t)) + (y - t)
}

// raiseIf raises NX if inexact.
func (fl *Flags) raiseIf(inexact bool) {
	if inexact {
		*fl |= NX
	}
}

// F32Add returns a+b.
func F32Add(a, b uint32, rm Round, fl *Flags) uint32 {
	if rm == RNE {
		x, y := math.Float32frombits(a), math.Float32frombits(b)
		s := x + y
		if sumSafe32(s) && sumSafe32(x) {
			fl.raiseIf(*fl&NX == 0 && sumError32(x, y, s) != 0)
			return math.Float32bits(s)
		}
	}
	return uint32(binary32.add(uint64(a), uint64(b), rm, fl))
}

// F32Sub returns a-b.
func F32Sub(a, b uint32, rm Round, fl *Flags) uint32 {
	return F32Add(a, b^1<<31, rm, fl)
}

// F32Mul returns a*b.
func F32Mul(a, b uint32, rm Round, fl *Flags) uint32 {
	if rm == RNE {
		x, y := math.Float32frombits(a), math.Float32frombits(b)
		p := float64(float64(x) * float64(y))
		if r := float32(p); safe32(r) {
			fl.raiseIf(float64(r) != p)
			return math.Float32bits(r)
		}
	}
	return uint32(binary32.mul(uint64(a), uint64(b), rm, fl))
}

// F32Div returns a/b.
func F32Div(a, b uint32, rm Round, fl *Flags) uint32 {
	if rm == RNE {
		x, y := float64(math.Float32frombits(a)), float64(math.Float32frombits(b))
		if r := float32(x / y); safe32(r) {
			fl.raiseIf(float64(float64(r)*y) != x)
			return math.Float32bits(r)
		}
	}
	return uint32(binary32.div(uint64(a), uint64(b), rm, fl))
}

// F32Sqrt returns the square root of a.
func F32Sqrt(a uint32, rm Round, fl *Flags) uint32 {
	if rm == RNE {
		x := float64(math.Float32frombits(a))
		if r := float32(math.Sqrt(x)); safe32(r) {
			fl.raiseIf(float64(float64(r)*float64(r)) != x)
			return math.Float32bits(r)
		}
	}
	return uint32(binary32.sqrt(uint64(a), rm, fl))
}

// F32FMA returns a*b+c, rounded once. An infinity times zero raises NV, whatever
// c is. For fmsub, fnmsub and fnmadd the caller flips signs of operands.
func F32FMA(a, b, c uint32, rm Round, fl *Flags) uint32 {
	if rm == RNE {
		x, y := math.Float32frombits(a), math.Float32frombits(b)
		z := float64(math.Float32frombits(c))
		p := float64(float64(x) * float64(y))
		s, e := oddSum(p, z)
		if r := float32(s); safe32(r) {
			fl.raiseIf(e != 0 || float64(r) != s)
			return math.Float32bits(r)
		}
	}
	return uint32(binary32.fma(uint64(a), uint64(b), uint64(c), rm, fl))
}

// oddSum is x+y rounded to odd (towards zero, with the lowest bit set if inexact),
// and a second number that is zero if and only if the sum is exact. Rounded to
// odd with two bits to spare, a value can be rounded again as if it were exact.
func oddSum(x, y float64) (s, e float64) {
	s = x + y
	e = sumError64(x, y, s)
	b := math.Float64bits(s)
	if e == 0 || b&1 != 0 {
		return s, e
	}
	// s is the even neighbour of the exact sum: take the other, on the side of e.
	if (e > 0) == (s > 0) {
		b++
	} else {
		b--
	}
	return math.Float64frombits(b), e
}
