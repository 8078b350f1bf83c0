package riscv

import (
	"math"
	"math/bits"
)

// b2u is 1 for true.
func b2u(b bool) uint64 {
	var v uint8
	if b {
		v = 1
	}
	return uint64(v)
}

// choose is a if cond, else b.
func choose(cond bool, a, b uint64) uint64 {
	if cond {
		b = a
	}
	return b
}

// oldRd is the value of register rd before the instruction, where it is a source
// as well.
func (c *CPU) oldRd(i *inst) uint64 {
	if i.rd == sink {
		return 0
	}
	return c.r[i.rd]
}

func mulhUU(a, b uint64) uint64 {
	hi, _ := bits.Mul64(a, b)
	return hi
}

func mulhSS(a, b uint64) uint64 {
	hi, _ := bits.Mul64(a, b)
	return hi - uint64(int64(a)>>63)&b - uint64(int64(b)>>63)&a
}

func mulhSU(a, b uint64) uint64 {
	hi, _ := bits.Mul64(a, b)
	return hi - uint64(int64(a)>>63)&b
}

// Division: Go defines the overflow case as the manual does (the dividend, and
// remainder 0), and the compiler keeps it from the host's divider.

func divS(a, b uint64) uint64 {
	if b == 0 {
		return math.MaxUint64
	}
	return uint64(int64(a) / int64(b))
}

func divU(a, b uint64) uint64 {
	if b == 0 {
		return math.MaxUint64
	}
	return a / b
}

func remS(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return uint64(int64(a) % int64(b))
}

func remU(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

func divS32(a, b uint64) uint64 {
	if int32(b) == 0 {
		return math.MaxUint64
	}
	return uint64(int32(a) / int32(b))
}

func divU32(a, b uint64) uint64 {
	if uint32(b) == 0 {
		return math.MaxUint64
	}
	return uint64(int32(uint32(a) / uint32(b)))
}

func remS32(a, b uint64) uint64 {
	if int32(b) == 0 {
		return uint64(int32(a))
	}
	return uint64(int32(a) % int32(b))
}

func remU32(a, b uint64) uint64 {
	if uint32(b) == 0 {
		return uint64(int32(a))
	}
	return uint64(int32(uint32(a) % uint32(b)))
}

// orcB sets each byte that is not zero to all ones.
func orcB(v uint64) uint64 {
	const low7 = 0x7f7f7f7f7f7f7f7f
	set := ((v & low7) + low7 | v) &^ low7 >> 7 // bit 0 of each byte that is not zero
	return set * 0xff
}
