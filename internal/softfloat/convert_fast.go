package softfloat

import "math"

// Conversions with a fast path of their own. Those from binary32 to an integer go
// through binary64, which is exact.

// truncate64 is the integer that the number a stands for, if it is in the range of
// int64, after rounding towards zero, and whether there was something to round.
// Outside the range, and for a NaN, ok is false.
func truncate64(x float64) (i int64, exact, ok bool) {
	if !(x >= -1<<63 && x < 1<<63) {
		return 0, false, false
	}
	i = int64(x)
	return i, float64(i) == x, true
}

// toIntFast is x as an integer in [lo, hi], if that takes no rounding at all, or
// rounding towards zero.
func toIntFast(x float64, lo, hi int64, rm Round, fl *Flags) (i int64, ok bool) {
	i, exact, ok := truncate64(x)
	if !ok || i < lo || i > hi || !exact && rm != RTZ {
		return 0, false
	}
	fl.raiseIf(!exact)
	return i, true
}

// F64ToI32 returns a rounded to an int32. Outside the range, after rounding, it
// saturates and raises NV without NX; a NaN gives the maximum.
func F64ToI32(a uint64, rm Round, fl *Flags) int32 {
	if i, ok := toIntFast(math.Float64frombits(a), math.MinInt32, math.MaxInt32, rm, fl); ok {
		return int32(i)
	}
	return int32(binary64.toInt(a, rangeI32(), rm, fl))
}

// F64ToU32 returns a rounded to a uint32, with the rules of [F64ToI32].
func F64ToU32(a uint64, rm Round, fl *Flags) uint32 {
	if i, ok := toIntFast(math.Float64frombits(a), 0, math.MaxUint32, rm, fl); ok {
		return uint32(i)
	}
	return uint32(binary64.toInt(a, rangeU32(), rm, fl))
}

// F64ToI64 returns a rounded to an int64, with the rules of [F64ToI32].
func F64ToI64(a uint64, rm Round, fl *Flags) int64 {
	if i, ok := toIntFast(math.Float64frombits(a), math.MinInt64, math.MaxInt64, rm, fl); ok {
		return i
	}
	return int64(binary64.toInt(a, rangeI64(), rm, fl))
}

// F64ToU64 returns a rounded to a uint64, with the rules of [F64ToI32].
func F64ToU64(a uint64, rm Round, fl *Flags) uint64 {
	if i, ok := toIntFast(math.Float64frombits(a), 0, math.MaxInt64, rm, fl); ok {
		return uint64(i)
	}
	return binary64.toInt(a, rangeU64(), rm, fl)
}

// F32ToI32 returns a rounded to an int32, with the rules of [F64ToI32].
func F32ToI32(a uint32, rm Round, fl *Flags) int32 {
	x := float64(math.Float32frombits(a))
	return F64ToI32(math.Float64bits(x), rm, fl)
}

// F32ToU32 returns a rounded to a uint32, with the rules of [F64ToI32].
func F32ToU32(a uint32, rm Round, fl *Flags) uint32 {
	x := float64(math.Float32frombits(a))
	return F64ToU32(math.Float64bits(x), rm, fl)
}

// F32ToI64 returns a rounded to an int64, with the rules of [F64ToI32].
func F32ToI64(a uint32, rm Round, fl *Flags) int64 {
	x := float64(math.Float32frombits(a))
	return F64ToI64(math.Float64bits(x), rm, fl)
}

// F32ToU64 returns a rounded to a uint64, with the rules of [F64ToI32].
func F32ToU64(a uint32, rm Round, fl *Flags) uint64 {
	x := float64(math.Float32frombits(a))
	return F64ToU64(math.Float64bits(x), rm, fl)
}

// maxExact is 2^53: binary64 holds all integers up to here.
const maxExact = 1 << 53

// I32ToF64 returns i in binary64, which is exact.
func I32ToF64(i int32) uint64 { return math.Float64bits(float64(i)) }

// U32ToF64 returns i in binary64, which is exact.
func U32ToF64(i uint32) uint64 { return math.Float64bits(float64(i)) }

// I64ToF64 returns i in binary64.
func I64ToF64(i int64, rm Round, fl *Flags) uint64 {
	if -maxExact <= i && i <= maxExact {
		return math.Float64bits(float64(i))
	}
	return binary64.fromSigned(i, rm, fl)
}

// U64ToF64 returns i in binary64.
func U64ToF64(i uint64, rm Round, fl *Flags) uint64 {
	if i <= maxExact {
		return math.Float64bits(float64(int64(i)))
	}
	return binary64.fromInt(false, i, rm, fl)
}

// I32ToF32 returns i in binary32.
func I32ToF32(i int32, rm Round, fl *Flags) uint32 { return I64ToF32(int64(i), rm, fl) }

// U32ToF32 returns i in binary32.
func U32ToF32(i uint32, rm Round, fl *Flags) uint32 { return I64ToF32(int64(i), rm, fl) }

// I64ToF32 returns i in binary32, rounding once.
func I64ToF32(i int64, rm Round, fl *Flags) uint32 {
	if -maxExact <= i && i <= maxExact {
		x := float64(i) // exact, so that only the step to float32 rounds
		if r := float32(x); rm == RNE || float64(r) == x {
			fl.raiseIf(float64(r) != x)
			return math.Float32bits(r)
		}
	}
	return uint32(binary32.fromSigned(i, rm, fl))
}

// U64ToF32 returns i in binary32, rounding once.
func U64ToF32(i uint64, rm Round, fl *Flags) uint32 {
	if i <= maxExact {
		return I64ToF32(int64(i), rm, fl)
	}
	return uint32(binary32.fromInt(false, i, rm, fl))
}

// F32ToF64 widens a, which is exact. A signalling NaN raises NV.
func F32ToF64(a uint32, fl *Flags) uint64 {
	if x := math.Float32frombits(a); x == x {
		return math.Float64bits(float64(x))
	}
	return binary32.convert(binary64, uint64(a), RNE, fl)
}

// F64ToF32 narrows a.
func F64ToF32(a uint64, rm Round, fl *Flags) uint32 {
	x := math.Float64frombits(a)
	if r := float32(x); safe32(r) && (rm == RNE || float64(r) == x) {
		fl.raiseIf(float64(r) != x)
		return math.Float32bits(r)
	}
	return uint32(binary64.convert(binary32, a, rm, fl))
}
