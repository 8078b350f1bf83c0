package softfloat

import "math/bits"

// convert is the number a of format f in format to.
func (f format) convert(to format, a uint64, rm Round, fl *Flags) uint64 {
	x := f.unpack(a)
	switch x.kind {
	case kindZero:
		return to.withSign(x.neg, 0)
	case kindFinite:
		return to.roundPack(x.neg, x.exp, x.sig, rm, fl)
	case kindInf:
		return to.withSign(x.neg, to.inf())
	}
	return to.propagate(x.kind, kindZero, kindZero, fl)
}

// fromInt is the integer ±mag in format f. Zero gives a zero of that sign.
func (f format) fromInt(neg bool, mag uint64, rm Round, fl *Flags) uint64 {
	if mag == 0 {
		return f.withSign(neg, 0)
	}
	n := bits.LeadingZeros64(mag)
	return f.roundPack(neg, 63-n, mag<<n, rm, fl)
}

// fromSigned is the integer i in format f.
func (f format) fromSigned(i int64, rm Round, fl *Flags) uint64 {
	if i < 0 {
		return f.fromInt(true, -uint64(i), rm, fl)
	}
	return f.fromInt(false, uint64(i), rm, fl)
}

// intRange is the range of an integer type, -below to above.
type intRange struct{ below, above uint64 }

func rangeI32() intRange { return intRange{1 << 31, 1<<31 - 1} }
func rangeU32() intRange { return intRange{0, 1<<32 - 1} }
func rangeI64() intRange { return intRange{1 << 63, 1<<63 - 1} }
func rangeU64() intRange { return intRange{0, 1<<64 - 1} }

// integer rounds a finite or zero x to an integer, ±mag. It must be below 2^64
// in magnitude, as it is if its exponent is below 64.
func (x number) integer(rm Round) (mag uint64, inexact bool) {
	if x.kind == kindZero {
		return 0, false
	}
	return shiftRound(x.sig, uint(63-x.exp), rm, x.neg)
}

// toInt is a rounded to an integer, in two's complement. What is outside the range
// after rounding raises NV, and NV only, and gives the end of the range that is
// nearest; a NaN gives the upper end.
func (f format) toInt(a uint64, r intRange, rm Round, fl *Flags) uint64 {
	x := f.unpack(a)
	if x.kind.isNaN() {
		*fl |= NV
		return r.above
	}
	end := r.above
	if x.neg {
		end = r.below
	}
	mag, inexact := end, false
	outside := x.kind == kindInf || x.kind == kindFinite && x.exp >= 64
	if !outside {
		mag, inexact = x.integer(rm)
		outside = mag > end
	}
	switch {
	case outside:
		*fl |= NV
		mag = end
	case inexact:
		*fl |= NX
	}
	if x.neg {
		return -mag
	}
	return mag
}

// roundToInt is a rounded to an integer that stays in format f. It raises NX only
// if signal is set. A result of zero keeps the sign of a.
func (f format) roundToInt(a uint64, rm Round, signal bool, fl *Flags) uint64 {
	x := f.unpack(a)
	switch {
	case x.kind.isNaN():
		return f.propagate(x.kind, kindZero, kindZero, fl)
	case x.kind != kindFinite || x.exp >= int(f.fracBits()):
		return a
	}
	mag, inexact := x.integer(rm)
	fl.raiseIf(inexact && signal)
	return f.fromInt(x.neg, mag, rm, fl)
}

// F16ToF32 widens a, which is exact.
func F16ToF32(a uint16, fl *Flags) uint32 {
	return uint32(binary16.convert(binary32, uint64(a), RNE, fl))
}

// F16ToF64 widens a, which is exact.
func F16ToF64(a uint16, fl *Flags) uint64 {
	return binary16.convert(binary64, uint64(a), RNE, fl)
}

// F32ToF16 narrows a.
func F32ToF16(a uint32, rm Round, fl *Flags) uint16 {
	return uint16(binary32.convert(binary16, uint64(a), rm, fl))
}

// F64ToF16 narrows a, rounding once.
func F64ToF16(a uint64, rm Round, fl *Flags) uint16 {
	return uint16(binary64.convert(binary16, a, rm, fl))
}

// F32RoundToInt returns a rounded to an integer, without raising NX (Zfa fround.s).
func F32RoundToInt(a uint32, rm Round, fl *Flags) uint32 {
	return uint32(binary32.roundToInt(uint64(a), rm, false, fl))
}

// F64RoundToInt returns a rounded to an integer, without raising NX (Zfa fround.d).
func F64RoundToInt(a uint64, rm Round, fl *Flags) uint64 {
	return binary64.roundToInt(a, rm, false, fl)
}

// F32RoundToIntNX is [F32RoundToInt], but raises NX if the result differs from a
// (Zfa froundnx.s).
func F32RoundToIntNX(a uint32, rm Round, fl *Flags) uint32 {
	return uint32(binary32.roundToInt(uint64(a), rm, true, fl))
}

// F64RoundToIntNX is [F64RoundToInt], but raises NX if the result differs from a
// (Zfa froundnx.d).
func F64RoundToIntNX(a uint64, rm Round, fl *Flags) uint64 {
	return binary64.roundToInt(a, rm, true, fl)
}

// F64CvtMod returns a rounded towards zero, modulo 2^32 (Zfa fcvtmod.w.d). NaN and
// infinities give zero; the flags are those of [F64ToI32] in mode RTZ.
func F64CvtMod(a uint64, fl *Flags) int32 {
	F64ToI32(a, RTZ, fl)
	x := binary64.unpack(a)
	if x.kind != kindFinite {
		return 0
	}
	mag := x.sig
	if x.exp >= 63 {
		mag <<= uint(x.exp - 63)
	} else {
		mag >>= uint(63 - x.exp)
	}
	if x.neg {
		mag = -mag
	}
	return int32(mag)
}
