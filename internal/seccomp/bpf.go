package seccomp

import (
	"encoding/binary"
	"errors"
)

// Instruction is struct sock_filter of linux/filter.h.
type Instruction struct {
	Code   uint16
	JT, JF uint8 // how many instructions a conditional jump skips
	K      uint32
}

// MaxInstructions is BPF_MAXINSNS: the length of the longest program.
const MaxInstructions = 4096

// InstructionSize is the size of an Instruction in memory, in bytes.
const InstructionSize = 8

// memWords is BPF_MEMWORDS: the words of scratch memory.
const memWords = 16

// Instruction codes (linux/bpf_common.h): class, then size and mode of a load, or
// operation and source.
const (
	classLD, classLDX, classST, classSTX = 0x00, 0x01, 0x02, 0x03
	classALU, classJMP, classRET         = 0x04, 0x05, 0x06
	classMISC                            = 0x07

	modeIMM, modeABS, modeMEM, modeLEN = 0x00, 0x20, 0x60, 0x80

	srcX = 0x08 // the second operand is X, not K

	opADD, opSUB, opMUL, opDIV, opOR  = 0x00, 0x10, 0x20, 0x30, 0x40
	opAND, opLSH, opRSH, opNEG, opXOR = 0x50, 0x60, 0x70, 0x80, 0xa0

	opJA, opJEQ, opJGT, opJGE, opJSET = 0x00, 0x10, 0x20, 0x30, 0x40

	retA    = 0x10
	miscTAX = 0x00
	miscTXA = 0x80
)

// form says what Check has to look at in an instruction.
type form uint8

const (
	formNone   form = iota // not allowed in a filter
	formPlain              // nothing
	formLoad               // K is an offset in the data
	formRead               // K is a word of memory that is read
	formStore              // K is a word of memory that is written
	formDivide             // K must not be 0
	formShift              // K must be less than 32
	formJump               // unconditional
	formBranch             // conditional
	formReturn
)

// forms are the instructions that a filter may have.
var forms = func() (f [256]form) {
	for _, op := range []uint8{opADD, opSUB, opMUL, opDIV, opOR, opAND, opLSH, opRSH, opXOR} {
		f[classALU|op], f[classALU|op|srcX] = formPlain, formPlain
	}
	f[classALU|opDIV] = formDivide
	f[classALU|opLSH], f[classALU|opRSH] = formShift, formShift
	f[classALU|opNEG] = formPlain
	for _, op := range []uint8{opJEQ, opJGT, opJGE, opJSET} {
		f[classJMP|op], f[classJMP|op|srcX] = formBranch, formBranch
	}
	f[classJMP|opJA] = formJump
	f[classLD|modeABS] = formLoad
	for _, class := range []uint8{classLD, classLDX} {
		f[class|modeIMM], f[class|modeLEN] = formPlain, formPlain
		f[class|modeMEM] = formRead
	}
	f[classST], f[classSTX] = formStore, formStore
	f[classMISC|miscTAX], f[classMISC|miscTXA] = formPlain, formPlain
	f[classRET], f[classRET|retA] = formReturn, formReturn
	return f
}()

// ErrProgram is the error of a program that the kernel refuses (EINVAL).
var ErrProgram = errors.New("seccomp: invalid filter program")

// Decode returns the program in b, which is as long as a multiple of InstructionSize.
func Decode(b []byte) []Instruction {
	p := make([]Instruction, len(b)/InstructionSize)
	for i := range p {
		at := b[i*InstructionSize:]
		p[i] = Instruction{binary.LittleEndian.Uint16(at), at[2], at[3], binary.LittleEndian.Uint32(at[4:])}
	}
	return p
}

// Encode is the inverse of Decode. It appends to b.
func Encode(b []byte, program []Instruction) []byte {
	for _, in := range program {
		b = binary.LittleEndian.AppendUint16(b, in.Code)
		b = append(b, in.JT, in.JF)
		b = binary.LittleEndian.AppendUint32(b, in.K)
	}
	return b
}

// Check returns ErrProgram if the kernel would not take the program.
func Check(program []Instruction) error {
	if len(program) == 0 || len(program) > MaxInstructions {
		return ErrProgram
	}
	for pc, in := range program {
		if !valid(in, uint32(len(program)-pc-1)) {
			return ErrProgram
		}
	}
	last := program[len(program)-1]
	if forms[last.Code] != formReturn || !readsWhatIsWritten(program) {
		return ErrProgram
	}
	return nil
}

// valid checks an instruction behind which there are rest more.
func valid(in Instruction, rest uint32) bool {
	if in.Code > 255 {
		return false
	}
	switch forms[in.Code] {
	case formNone:
		return false
	case formLoad:
		return in.K < DataSize && in.K%4 == 0
	case formRead, formStore:
		return in.K < memWords
	case formDivide:
		return in.K != 0
	case formShift:
		return in.K < 32
	case formJump:
		return in.K < rest
	case formBranch:
		return uint32(in.JT) < rest && uint32(in.JF) < rest
	}
	return true
}

// readsWhatIsWritten reports whether every word of memory that is read has been
// written on all ways there (check_load_and_stores of the kernel).
func readsWhatIsWritten(program []Instruction) bool {
	arriving := make([]uint16, len(program)) // words written on all jumps to here
	for i := range arriving {
		arriving[i] = 0xffff
	}
	written := uint16(0)
	for pc, in := range program {
		written &= arriving[pc]
		switch forms[in.Code] {
		case formStore:
			written |= 1 << in.K
		case formRead:
			if written&(1<<in.K) == 0 {
				return false
			}
		case formJump:
			arriving[pc+1+int(in.K)] &= written
			written = 0xffff
		case formBranch:
			arriving[pc+1+int(in.JT)] &= written
			arriving[pc+1+int(in.JF)] &= written
			written = 0xffff
		}
	}
	return true
}
