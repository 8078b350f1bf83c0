package ir

import "github.com/hospes-vm/hospes/internal/softfloat"

// floatFunc evaluates an operation on floating-point numbers, as bits.
type floatFunc func(a, b, c uint64, rm softfloat.Round, fl *softfloat.Flags) uint64

// floats has the operations that accrue exception flags.
var floats = map[Op]floatFunc{
	FaddS: round32(softfloat.F32Add), FaddD: round64(softfloat.F64Add),
	FsubS: round32(softfloat.F32Sub), FsubD: round64(softfloat.F64Sub),
	FmulS: round32(softfloat.F32Mul), FmulD: round64(softfloat.F64Mul),
	FdivS: round32(softfloat.F32Div), FdivD: round64(softfloat.F64Div),
	FmaS: func(a, b, c uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(softfloat.F32FMA(uint32(a), uint32(b), uint32(c), rm, fl))
	},
	FmaD:      softfloat.F64FMA,
	FsqrtS:    one32(softfloat.F32Sqrt),
	FsqrtD:    one64(softfloat.F64Sqrt),
	FroundS:   one32(softfloat.F32RoundToInt),
	FroundD:   one64(softfloat.F64RoundToInt),
	FroundnxS: one32(softfloat.F32RoundToIntNX),
	FroundnxD: one64(softfloat.F64RoundToIntNX),

	FminS: plain(softfloat.F32Min), FminD: plain(softfloat.F64Min),
	FmaxS: plain(softfloat.F32Max), FmaxD: plain(softfloat.F64Max),
	FminmS: plain(softfloat.F32MinM), FminmD: plain(softfloat.F64MinM),
	FmaxmS: plain(softfloat.F32MaxM), FmaxmD: plain(softfloat.F64MaxM),
	FeqS: compare(softfloat.F32Eq), FeqD: compare(softfloat.F64Eq),
	FltS: compare(softfloat.F32Lt), FltD: compare(softfloat.F64Lt),
	FleS: compare(softfloat.F32Le), FleD: compare(softfloat.F64Le),
	FltqS: compare(softfloat.F32LtQ), FltqD: compare(softfloat.F64LtQ),
	FleqS: compare(softfloat.F32LeQ), FleqD: compare(softfloat.F64LeQ),

	F32ToI32: toInt(softfloat.F32ToI32), F64ToI32: toInt(softfloat.F64ToI32),
	F32ToU32: toInt(unsigned(softfloat.F32ToU32)), F64ToU32: toInt(unsigned(softfloat.F64ToU32)),
	F32ToI64: toInt(softfloat.F32ToI64), F64ToI64: toInt(softfloat.F64ToI64),
	F32ToU64: toInt(softfloat.F32ToU64), F64ToU64: toInt(softfloat.F64ToU64),
	I32ToF32: fromInt[int32](softfloat.I32ToF32), U32ToF32: fromInt[uint32](softfloat.U32ToF32),
	I64ToF32: fromInt[int64](softfloat.I64ToF32), U64ToF32: fromInt[uint64](softfloat.U64ToF32),
	I64ToF64: fromInt[int64](softfloat.I64ToF64), U64ToF64: fromInt[uint64](softfloat.U64ToF64),
	I32ToF64: func(a, _, _ uint64, _ softfloat.Round, _ *softfloat.Flags) uint64 {
		return softfloat.I32ToF64(int32(a))
	},
	U32ToF64: func(a, _, _ uint64, _ softfloat.Round, _ *softfloat.Flags) uint64 {
		return softfloat.U32ToF64(uint32(a))
	},
	F32ToF64: func(a, _, _ uint64, _ softfloat.Round, fl *softfloat.Flags) uint64 {
		return softfloat.F32ToF64(uint32(a), fl)
	},
	F64ToF32: func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(softfloat.F64ToF32(a, rm, fl))
	},
	F16ToF32: func(a, _, _ uint64, _ softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(softfloat.F16ToF32(uint16(a), fl))
	},
	F16ToF64: func(a, _, _ uint64, _ softfloat.Round, fl *softfloat.Flags) uint64 {
		return softfloat.F16ToF64(uint16(a), fl)
	},
	F32ToF16: func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(softfloat.F32ToF16(uint32(a), rm, fl))
	},
	F64ToF16: func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(softfloat.F64ToF16(a, rm, fl))
	},
	FcvtmodI32: func(a, _, _ uint64, _ softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(softfloat.F64CvtMod(a, fl))
	},
}

type (
	words interface{ uint32 | uint64 }
	ints  interface {
		int32 | int64 | uint32 | uint64
	}
)

func round32(f func(a, b uint32, rm softfloat.Round, fl *softfloat.Flags) uint32) floatFunc {
	return func(a, b, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(f(uint32(a), uint32(b), rm, fl))
	}
}

func round64(f func(a, b uint64, rm softfloat.Round, fl *softfloat.Flags) uint64) floatFunc {
	return func(a, b, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 { return f(a, b, rm, fl) }
}

func one32(f func(a uint32, rm softfloat.Round, fl *softfloat.Flags) uint32) floatFunc {
	return func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(f(uint32(a), rm, fl))
	}
}

func one64(f func(a uint64, rm softfloat.Round, fl *softfloat.Flags) uint64) floatFunc {
	return func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 { return f(a, rm, fl) }
}

func plain[T words](f func(a, b T, fl *softfloat.Flags) T) floatFunc {
	return func(a, b, _ uint64, _ softfloat.Round, fl *softfloat.Flags) uint64 {
		return uint64(f(T(a), T(b), fl))
	}
}

func compare[T words](f func(a, b T, fl *softfloat.Flags) bool) floatFunc {
	return func(a, b, _ uint64, _ softfloat.Round, fl *softfloat.Flags) uint64 {
		return truth(f(T(a), T(b), fl))
	}
}

// toInt is a conversion whose result is sign-extended.
func toInt[T words, R ints](f func(a T, rm softfloat.Round, fl *softfloat.Flags) R) floatFunc {
	return func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 { return uint64(f(T(a), rm, fl)) }
}

// unsigned has results of 32 words sign-extended nevertheless, as the guest has them.
func unsigned[T words](f func(a T, rm softfloat.Round, fl *softfloat.Flags) uint32) func(T, softfloat.Round, *softfloat.Flags) int32 {
	return func(a T, rm softfloat.Round, fl *softfloat.Flags) int32 { return int32(f(a, rm, fl)) }
}

func fromInt[I ints, T words](f func(i I, rm softfloat.Round, fl *softfloat.Flags) T) floatFunc {
	return func(a, _, _ uint64, rm softfloat.Round, fl *softfloat.Flags) uint64 { return uint64(f(I(a), rm, fl)) }
}
