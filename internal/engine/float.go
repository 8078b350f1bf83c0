//go:build linux && amd64

package engine

import "github.com/hospes-vm/hospes/internal/softfloat"

// Where the host has what the guest's floating-point status says: Intel's manual,
// volume 1, section 10.2.3.
const (
	mxcsrMasks = 0x1f80 // no exception traps
	mxcsrRound = 13     // position of the rounding mode
)

// hostRound is the host's number of each rounding mode; the fifth, to nearest with ties
// away from zero, it does not have, and translations leave it to the interpreter.
var hostRound = [...]uint32{0, 3, 1, 2, 0}

// hostFlag is the position of each flag: inexact, underflow, overflow, division by
// zero, invalid.
var hostFlag = [...]int{5, 4, 3, 2, 0}

// mxcsr is the host's register for the guest's flags and rounding mode.
func mxcsr(f softfloat.Flags, round uint8) uint32 {
	v := mxcsrMasks | hostRound[round]<<mxcsrRound
	for n, at := range hostFlag {
		v |= uint32(f) >> n & 1 << at
	}
	return v
}

// flags are the guest's flags in the host's register.
func flags(mxcsr uint32) (f softfloat.Flags) {
	for n, at := range hostFlag {
		f |= softfloat.Flags(mxcsr>>at&1) << n
	}
	return f
}
