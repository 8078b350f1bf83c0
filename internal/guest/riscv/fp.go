package riscv

import "github.com/hospes-vm/hospes/internal/softfloat"

// Sign bits and canonical NaNs.
const (
	signS = uint32(1) << 31
	signD = uint64(1) << 63

	nanS = uint32(0x7fc00000)
	nanH = uint16(0x7e00)
)

// unboxS reads a binary32 from a register: the canonical NaN unless it is NaN-boxed.
func unboxS(v uint64) uint32 {
	if v>>32 != 0xffffffff {
		return nanS
	}
	return uint32(v)
}

// unboxH reads a binary16 from a register: the canonical NaN unless it is NaN-boxed.
func unboxH(v uint64) uint16 {
	if v>>16 != 0xffffffffffff {
		return nanH
	}
	return uint16(v)
}

func boxS(v uint32) uint64 { return uint64(v) | 0xffffffff<<32 }
func boxH(v uint16) uint64 { return uint64(v) | 0xffffffffffff<<16 }

// rounding is the mode that i rounds with. A dynamic mode that is reserved makes
// the instruction illegal.
func (c *CPU) rounding(i *inst) softfloat.Round {
	rm := i.rm
	if rm == rmDynamic {
		if rm = c.reg.Round; rm > uint8(softfloat.RMM) {
			raiseIllegal()
		}
	}
	return softfloat.Round(rm)
}
