// Package vdso holds the shared object that Linux maps into every RISC-V process:
// the return path of signal handlers and the functions that C libraries prefer
// to system calls. Hospes has no data page to read clocks from, so nearly every function
// makes its system call; that is within the vdso's contract. Those that are called often are
// marked: the translator puts host code in their place that asks the host's vdso (Function), so that clocks
// are always those of the system calls. What riscv_hwprobe tells of
// all CPUs stands in the image, as most programs ask for it when they start.
package vdso

import (
	"bytes"
	_ "embed"
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/ir"
)

//go:generate ./build.sh vdso.so

// Image is a position-independent ELF file with one read-execute segment that
// starts at offset and address 0. It must not be modified, and lacks what Fill adds.
//
//go:embed vdso.so
var Image []byte

// The build takes these from here.
const (
	HWProbeKeys   = 14    // keys 0 and up that riscv_hwprobe knows
	hwprobeOffset = 0x120 // of their values in the image, which follow its headers
	hint          = 11    // shift amount of the hint that marked functions begin with
)

// Fill returns a copy of the image with the values of riscv_hwprobe's keys.
func Fill(values *[HWProbeKeys]uint64) []byte {
	image := bytes.Clone(Image)
	for i, v := range values {
		binary.LittleEndian.PutUint64(image[hwprobeOffset+8*i:], v)
	}
	return image
}

// Instructions of marked functions, as base encodings.
const (
	insnHint  = 0x40005013 | hint<<20 // srai zero, zero, hint
	insnLoad  = 0x00000893            // li a7, 0: addi a7, zero, 0
	insnEcall = 0x00000073
	insnRet   = 0x00008067
)

// functionSize is the size of a marked function's code in bytes.
const functionSize = 4 * 4

// Function returns the marked function that code begins with, or ir.NoFunction, and the size of
// its code in bytes.
func Function(code []byte) (f ir.Function, size uint64) {
	if len(code) < functionSize || binary.LittleEndian.Uint32(code) != insnHint ||
		binary.LittleEndian.Uint32(code[8:]) != insnEcall || binary.LittleEndian.Uint32(code[12:]) != insnRet {
		return ir.NoFunction, 0
	}
	load := binary.LittleEndian.Uint32(code[4:])
	if load&(1<<20-1) != insnLoad {
		return ir.NoFunction, 0
	}
	switch load >> 20 {
	case 113:
		f = ir.ClockGettime
	case 114:
		f = ir.ClockGetres
	case 168:
		f = ir.Getcpu
	case 169:
		f = ir.Gettimeofday
	default:
		return ir.NoFunction, 0
	}
	return f, functionSize
}
