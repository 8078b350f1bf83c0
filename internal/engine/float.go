//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Where the host has what the guest's floating-point status says: Intel's manual,
// volume 1, section 10.2.3.
const (
	mxcsrMasks = 0x1f80 // no exception traps
	mxcsrRound = 13     // position of the rounding mode
)

// hostRound is the host's number of each rounding mode; the fifth, to nearest with ties
// away from zero, it does not have, and translations leave it to the interpreter.
var hostRound = [...]uint32{0, 3, 1, 2, 0}

// mxcsr is the host's register for the guest's flags and rounding mode.
func mxcsr(f softfloat.Flags, round uint8) uint32 {
	return mxcsrMasks | hostRound[round]<<mxcsrRound | jit.HostFlags(f)
}
