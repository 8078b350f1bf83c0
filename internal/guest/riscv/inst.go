package riscv

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/ir"
)

//go:generate go run ./gen

// inst is a decoded instruction.
type inst struct {
	op uint16
	// Register file indices: see CPU.r. rd is never the index of x0. rs1 holds
	// the constant itself in instructions that have one in its place.
	rd, rs1, rs2, rs3 uint8
	len               uint8 // in bytes
	rm                uint8 // rounding mode, or aq<<1|rl
	imm               uint64
}

const instSize = unsafe.Sizeof(inst{})

// Indices in the register file.
const (
	sink   = 32        // destination of writes to x0
	fpBase = ir.FirstF // f0
)

// rmDynamic is the rounding mode field that stands for frm.
const rmDynamic = 7

// destination is the register file index for results in integer register n.
func destination(n uint32) uint8 {
	if n == 0 {
		return sink
	}
	return uint8(n)
}

// validRM reports whether the static rounding mode of w is not a reserved one.
func validRM(w uint32) bool {
	rm := w >> 12 & 7
	return rm != 5 && rm != 6
}

// decode decodes the instruction at pc that starts with b, which has at least
// two bytes. It returns false when b is too short. An instruction that is not
// valid gets opIllegal.
func decode(b []byte, pc uint64, in *inst) bool {
	*in = inst{len: 2}
	w := uint32(b[0]) | uint32(b[1])<<8
	if w&3 != 3 {
		if !decode16(w, pc, in) {
			*in = inst{op: opIllegal, len: 2}
		}
		return true
	}
	if len(b) < 4 {
		return false
	}
	in.len = 4
	w |= uint32(b[2])<<16 | uint32(b[3])<<24
	if !decode32(w, pc, in) {
		*in = inst{op: opIllegal, len: 4}
	}
	return true
}
