package ir

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/hospes-vm/hospes/internal/softfloat"
)

const (
	sign32  = 1 << 31
	sign64  = 1 << 63
	nan32   = 0x7fc00000 // the canonical NaN
	nan16   = 0x7e00
	boxed   = math.MaxUint32 << 32
	boxed16 = boxed | 0xffff<<16
)

// Compute computes a pure operation of the values a, b and c. Floating-point values are
// bits, truth values 0 or 1.
func Compute(op Op, imm, a, b, c uint64) uint64 {
	if op >= Sll && op <= Ror32 {
		return shift(op, a, b)
	}
	if op >= MulhSs && op <= RemU32 {
		return multiply(op, a, b)
	}
	switch op {
	case Const:
		return imm
	case Add:
		return a + b
	case Sub:
		return a - b
	case Mul:
		return a * b
	case And:
		return a & b
	case Or:
		return a | b
	case Xor:
		return a ^ b
	case Neg:
		return -a
	case Not:
		return ^a
	case Eq:
		return truth(a == b)
	case Ne:
		return truth(a != b)
	case Lts:
		return truth(int64(a) < int64(b))
	case Ltu:
		return truth(a < b)
	case NotB:
		return a ^ 1
	case Choose:
		if a != 0 {
			return b
		}
		return c
	}
	return unary(op, imm, a, b)
}

// unary computes the operations that only move or count bits.
func unary(op Op, imm, a, b uint64) uint64 {
	switch op {
	case ZextB, Bits, Float:
		return a
	case Sext8, Sext16, Sext32:
		return signExtend(a, 1<<(op-Sext8))
	case Zext8:
		return a & math.MaxUint8
	case Zext16, Lo16:
		return a & math.MaxUint16
	case Zext32, Lo32:
		return a & math.MaxUint32
	case Clz:
		return uint64(bits.LeadingZeros64(a))
	case Ctz:
		return uint64(bits.TrailingZeros64(a))
	case Cpop:
		return uint64(bits.OnesCount64(a))
	case Clz32:
		return uint64(bits.LeadingZeros32(uint32(a)))
	case Ctz32:
		return uint64(bits.TrailingZeros32(uint32(a)))
	case Rev8:
		return bits.ReverseBytes64(a)
	case OrcB:
		for n := 0; n < 64; n += 8 {
			if a>>n&0xff != 0 {
				a |= 0xff << n
			}
		}
		return a
	}
	return signs(op, imm, a, b)
}

// signs computes the pure operations on floating-point numbers.
func signs(op Op, imm, a, b uint64) uint64 {
	switch op {
	case S:
		if a < boxed {
			return nan32
		}
		return a &^ boxed
	case BoxS:
		return a | boxed
	case H:
		if a < boxed16 {
			return nan16
		}
		return a &^ boxed16
	case BoxH:
		return a | boxed16
	case FnegS:
		return a ^ sign32
	case FnegD:
		return a ^ sign64
	case FsgnjS:
		return a&^sign32 | b&sign32
	case FsgnjD:
		return a&^sign64 | b&sign64
	case FsgnjnS:
		return a&^sign32 | ^b&sign32
	case FsgnjnD:
		return a&^sign64 | ^b&sign64
	case FsgnjxS:
		return a ^ b&sign32
	case FsgnjxD:
		return a ^ b&sign64
	case FclassS:
		return uint64(softfloat.F32Class(uint32(a)))
	case FclassD:
		return uint64(softfloat.F64Class(a))
	case FliS:
		return uint64(softfloat.F32Fli(uint8(imm)))
	case FliD:
		return softfloat.F64Fli(uint8(imm))
	}
	panic(fmt.Sprintf("ir: %s has no evaluation", op))
}

// shift computes shifts and rotations, by the second operand modulo the width.
func shift(op Op, a, b uint64) uint64 {
	n, n32, lo := int(b&63), int(b&31), uint32(a)
	switch op {
	case Sll:
		return a << n
	case Srl:
		return a >> n
	case Sra:
		return uint64(int64(a) >> n)
	case Rol:
		return bits.RotateLeft64(a, n)
	case Ror:
		return bits.RotateLeft64(a, -n)
	case Sll32:
		lo <<= n32
	case Srl32:
		lo >>= n32
	case Sra32:
		lo = uint32(int32(lo) >> n32)
	case Rol32:
		lo = bits.RotateLeft32(lo, n32)
	case Ror32:
		lo = bits.RotateLeft32(lo, -n32)
	}
	return signExtend(uint64(lo), 4)
}

// multiply computes high products, quotients and remainders. Division by 0 gives all
// ones and the dividend; overflow gives the dividend and 0.
func multiply(op Op, a, b uint64) uint64 {
	if op <= MulhUu {
		hi, _ := bits.Mul64(a, b)
		if op != MulhUu && int64(a) < 0 {
			hi -= b
		}
		if op == MulhSs && int64(b) < 0 {
			hi -= a
		}
		return hi
	}
	signed, narrow := false, op >= DivS32
	switch op {
	case DivS, RemS, DivS32, RemS32:
		signed = true
	}
	if narrow {
		a, b = narrowed(a, signed), narrowed(b, signed)
	}
	q, r := divide(a, b, signed)
	if op == RemS || op == RemU || op == RemS32 || op == RemU32 {
		q = r
	}
	if narrow {
		q = signExtend(q, 4)
	}
	return q
}

func narrowed(v uint64, signed bool) uint64 {
	if signed {
		return signExtend(v, 4)
	}
	return v & math.MaxUint32
}

func divide(a, b uint64, signed bool) (q, r uint64) {
	switch {
	case b == 0:
		return math.MaxUint64, a
	case signed: // Go defines the overflow as the guest does
		return uint64(int64(a) / int64(b)), uint64(int64(a) % int64(b))
	}
	return a / b, a % b
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
