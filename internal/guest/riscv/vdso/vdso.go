// Package vdso holds the shared object that Linux maps into every RISC-V process:
// the return path of signal handlers and the functions that C libraries prefer
// to system calls. Hospes has no data page to read clocks from, so nearly every function
// makes its system call; that is within the vdso's contract. What riscv_hwprobe tells of
// all CPUs stands in the image, as most programs ask for it when they start.
package vdso

import (
	"bytes"
	_ "embed"
	"encoding/binary"
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
)

// Fill returns a copy of the image with the values of riscv_hwprobe's keys.
func Fill(values *[HWProbeKeys]uint64) []byte {
	image := bytes.Clone(Image)
	for i, v := range values {
		binary.LittleEndian.PutUint64(image[hwprobeOffset+8*i:], v)
	}
	return image
}
