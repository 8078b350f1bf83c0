package riscv

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/unwind"
)

// Unwinding is what unwinding has to know of RISC-V (psABI: register convention, DWARF numbers,
// and the frame pointer's convention).
var Unwinding = unwind.Machine{
	Registers: 32, RA: regRA, SP: regSP, FP: regFP,
	SavedFP: -16, SavedRA: -8,
	SigReturn: []byte{0x93, 0x08, 0xb0, 0x08, 0x73, 0x00, 0x00, 0x00}, // li a7, 139; ecall
	SigRegs:   frameRegs,
	Scan:      scanFrame,
}

const regFP = 8 // s0

// frameScan follows what a function does to its frame.
type frameScan struct {
	sp     int64         // the stack pointer, from what it was in the beginning
	fp     int64         // the frame pointer, likewise
	unsure bool          // sp has been changed by what is not known: fp counts
	stored map[int]int64 // where registers of the caller's lie, from there
}

// scanFrame says what the frame of a function is like behind code, its beginning. What is behind a
// return or a jump has the frame of what is before the instructions that undo it.
func scanFrame(code []byte) unwind.Layout {
	s := frameScan{stored: map[int]int64{}}
	full := int64(0) // the stack pointer once the frame is there
	for len(code) >= 2 {
		in, n := uint32(binary.LittleEndian.Uint16(code)), 2
		if in&3 == 3 {
			if len(code) < 4 {
				break
			}
			in, n = binary.LittleEndian.Uint32(code), 4
		}
		code = code[n:]
		if leavesFunction(in) {
			s.sp = full
			continue
		}
		s.step(in)
		full = min(full, s.sp)
	}
	l := unwind.Layout{Base: regSP, Offset: -s.sp}
	if s.unsure {
		l.Base, l.Offset = regFP, -s.fp
	}
	if s.sp == 0 && !s.unsure {
		return l // there is no frame yet, or no more
	}
	for reg, at := range s.stored {
		l.Saved = append(l.Saved, unwind.Saved{Register: reg, Offset: at})
	}
	return l
}

// leavesFunction reports whether control does not go on behind an instruction: ret, and jumps that do not
// come back.
func leavesFunction(in uint32) bool {
	switch {
	case in&3 == 3:
		return in&0x7f == 0x67 && in>>7&31 == 0 || in&0xfff == 0x6f // jalr, jal with rd = x0
	case in&0xe003 == 0xa001: // c.j
		return true
	}
	return in&0xf07f == 0x8002 && in>>7&31 != 0 // c.jr
}

// step executes an instruction, as far as it is about the frame.
func (s *frameScan) step(in uint32) {
	switch {
	case in&0xfffff == 0x10113: // addi sp, sp
		s.sp += int64(int32(in) >> 20)
	case in&0xfffff == 0x10413: // addi s0, sp
		s.fp = s.sp + int64(int32(in)>>20)
	case in&0xfffff == 0x40113: // addi sp, s0
		s.sp, s.unsure = s.fp+int64(int32(in)>>20), false
	case in&0xfe0fffff == 0x40010133: // sub sp, sp
		s.unsure = true
	case in&0x7f == 0x23 && in>>12&7 == 3 && in>>15&31 == regSP: // sd to sp
		s.store(int(in>>20&31), int64(int32(in)>>25<<5)|int64(in>>7&31))
	case in&0xef83 == 0x0101: // c.addi sp
		s.sp += int64(int32(in<<19)>>31<<5) | int64(in>>2&31)
	case in&0xef83 == 0x6101: // c.addi16sp
		s.sp += int64(int32(in<<19)>>31<<9) | int64(in>>6&1<<4|in>>5&1<<6|in>>3&3<<7|in>>2&1<<5)
	case in&0xe01f == 0x0000 && in != 0: // c.addi4spn s0
		s.fp = s.sp + int64(in>>11&3<<4|in>>7&15<<6|in>>6&1<<2|in>>5&1<<3)
	case in&0xe003 == 0xe002: // c.sdsp
		s.store(int(in>>2&31), int64(in>>10&7<<3|in>>7&7<<6))
	}
}

// store notes that a register is stored: ra, or one that the function has to restore, for the first time.
func (s *frameScan) store(reg int, offset int64) {
	if _, known := s.stored[reg]; known || reg != regRA && reg != regFP && reg != 9 && (reg < 18 || reg > 27) {
		return
	}
	s.stored[reg] = s.sp + offset
}
