package softfloat

import "math"

// Comparisons use the host's, which IEEE 754 and the Go specification define
// completely but for the flags. "Quiet" ones raise NV for signalling NaNs only.

// quiet raises NV if a or b is a signalling NaN.
func (f format) quiet(a, b uint64, fl *Flags) {
	if f.isSNaN(a) || f.isSNaN(b) {
		*fl |= NV
	}
}

// F32Eq reports whether a == b, quietly.
func F32Eq(a, b uint32, fl *Flags) bool {
	binary32.quiet(uint64(a), uint64(b), fl)
	return math.Float32frombits(a) == math.Float32frombits(b)
}

// F64Eq reports whether a == b, quietly.
func F64Eq(a, b uint64, fl *Flags) bool {
	binary64.quiet(a, b, fl)
	return math.Float64frombits(a) == math.Float64frombits(b)
}

// F32Lt reports whether a < b. Any NaN raises NV.
func F32Lt(a, b uint32, fl *Flags) bool {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	if x != x || y != y {
		*fl |= NV
	}
	return x < y
}

// F64Lt reports whether a < b. Any NaN raises NV.
func F64Lt(a, b uint64, fl *Flags) bool {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	if x != x || y != y {
		*fl |= NV
	}
	return x < y
}

// F32Le reports whether a <= b. Any NaN raises NV.
func F32Le(a, b uint32, fl *Flags) bool {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	if x != x || y != y {
		*fl |= NV
	}
	return x <= y
}

// F64Le reports whether a <= b. Any NaN raises NV.
func F64Le(a, b uint64, fl *Flags) bool {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	if x != x || y != y {
		*fl |= NV
	}
	return x <= y
}

// F32LtQ reports whether a < b, quietly (Zfa fltq.s).
func F32LtQ(a, b uint32, fl *Flags) bool {
	binary32.quiet(uint64(a), uint64(b), fl)
	return math.Float32frombits(a) < math.Float32frombits(b)
}

// F64LtQ reports whether a < b, quietly (Zfa fltq.d).
func F64LtQ(a, b uint64, fl *Flags) bool {
	binary64.quiet(a, b, fl)
	return math.Float64frombits(a) < math.Float64frombits(b)
}

// F32LeQ reports whether a <= b, quietly (Zfa fleq.s).
func F32LeQ(a, b uint32, fl *Flags) bool {
	binary32.quiet(uint64(a), uint64(b), fl)
	return math.Float32frombits(a) <= math.Float32frombits(b)
}

// F64LeQ reports whether a <= b, quietly (Zfa fleq.d).
func F64LeQ(a, b uint64, fl *Flags) bool {
	binary64.quiet(a, b, fl)
	return math.Float64frombits(a) <= math.Float64frombits(b)
}

// below orders all numbers that are not NaN, -0 below +0.
func (f format) below(a, b uint64) bool { return f.key(a) < f.key(b) }

// key maps sign and magnitude to two's complement, where ~m is one below -m.
func (f format) key(a uint64) int64 {
	if a&f.signBit() != 0 {
		return ^int64(a &^ f.signBit())
	}
	return int64(a)
}

// minimum is fmin: IEEE 754-2019 minimumNumber, in which a NaN loses to a number.
func (f format) minimum(a, b uint64, fl *Flags) uint64 {
	if f.isNaN(a) || f.isNaN(b) {
		return f.number(a, b, fl)
	}
	if f.below(b, a) {
		return b
	}
	return a
}

// maximum is fmax: IEEE 754-2019 maximumNumber, in which a NaN loses to a number.
func (f format) maximum(a, b uint64, fl *Flags) uint64 {
	if f.isNaN(a) || f.isNaN(b) {
		return f.number(a, b, fl)
	}
	if f.below(a, b) {
		return b
	}
	return a
}

// number is whichever of a and b is a number, if any.
func (f format) number(a, b uint64, fl *Flags) uint64 {
	f.quiet(a, b, fl)
	switch {
	case !f.isNaN(a):
		return a
	case !f.isNaN(b):
		return b
	}
	return f.nan()
}

// anyNaN reports whether a or b is a NaN, and raises NV if one is signalling.
func (f format) anyNaN(a, b uint64, fl *Flags) bool {
	f.quiet(a, b, fl)
	return f.isNaN(a) || f.isNaN(b)
}

// F32Min returns the lesser of a and b; -0 is less than +0. One NaN gives the
// other operand, two give the canonical NaN; a signalling one raises NV.
func F32Min(a, b uint32, fl *Flags) uint32 {
	return uint32(binary32.minimum(uint64(a), uint64(b), fl))
}

// F64Min is [F32Min] for binary64.
func F64Min(a, b uint64, fl *Flags) uint64 { return binary64.minimum(a, b, fl) }

// F32Max returns the greater of a and b; NaNs and zeros are as for [F32Min].
func F32Max(a, b uint32, fl *Flags) uint32 {
	return uint32(binary32.maximum(uint64(a), uint64(b), fl))
}

// F64Max is [F32Max] for binary64.
func F64Max(a, b uint64, fl *Flags) uint64 { return binary64.maximum(a, b, fl) }

// F32MinM is [F32Min], except that any NaN gives the canonical NaN (Zfa fminm.s).
func F32MinM(a, b uint32, fl *Flags) uint32 {
	if binary32.anyNaN(uint64(a), uint64(b), fl) {
		return uint32(binary32.nan())
	}
	return F32Min(a, b, fl)
}

// F64MinM is [F64Min], except that any NaN gives the canonical NaN (Zfa fminm.d).
func F64MinM(a, b uint64, fl *Flags) uint64 {
	if binary64.anyNaN(a, b, fl) {
		return binary64.nan()
	}
	return F64Min(a, b, fl)
}

// F32MaxM is [F32Max], except that any NaN gives the canonical NaN (Zfa fmaxm.s).
func F32MaxM(a, b uint32, fl *Flags) uint32 {
	if binary32.anyNaN(uint64(a), uint64(b), fl) {
		return uint32(binary32.nan())
	}
	return F32Max(a, b, fl)
}

// F64MaxM is [F64Max], except that any NaN gives the canonical NaN (Zfa fmaxm.d).
func F64MaxM(a, b uint64, fl *Flags) uint64 {
	if binary64.anyNaN(a, b, fl) {
		return binary64.nan()
	}
	return F64Max(a, b, fl)
}

// The results of fclass: exactly one bit is set.
const (
	ClassNegInf uint32 = 1 << iota
	ClassNegNormal
	ClassNegSubnormal
	ClassNegZero
	ClassPosZero
	ClassPosSubnormal
	ClassPosNormal
	ClassPosInf
	ClassSNaN
	ClassQNaN
)

// F32Class returns the class of a, one of the Class constants.
func F32Class(a uint32) uint32 { return binary32.class(uint64(a)) }

// F64Class returns the class of a, one of the Class constants.
func F64Class(a uint64) uint32 { return binary64.class(a) }

func (f format) class(a uint64) uint32 {
	neg, pos := ClassNegNormal, ClassPosNormal
	switch mag := a &^ f.signBit(); {
	case f.isSNaN(a):
		return ClassSNaN
	case f.isNaN(a):
		return ClassQNaN
	case mag == f.inf():
		neg, pos = ClassNegInf, ClassPosInf
	case mag == 0:
		neg, pos = ClassNegZero, ClassPosZero
	case mag>>f.fracBits() == 0:
		neg, pos = ClassNegSubnormal, ClassPosSubnormal
	}
	if a&f.signBit() != 0 {
		return neg
	}
	return pos
}
