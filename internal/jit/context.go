//go:build amd64

// Package jit turns traces of the intermediate representation into amd64 code, and
// runs it.
//
// # Registers
//
// RBP points into the [Context], which holds the guest's state; R15 is the host address
// of guest address 0. Ten guest registers live in host registers of their own ("homes")
// while translated code runs; the others in the context, where each write goes at
// once. RAX, RCX and RDX hold intermediate values and copies. So the guest's state is
// exact at each instruction that may fault: what has been computed is in its place.
package jit

import "github.com/hospes-vm/hospes/internal/host/amd64"

// Context is the state that translated code works on. It must not move.
type Context struct {
	X      [32]uint64 // integer registers that have no home; all of them outside of translated code
	F      [32]uint64
	PC     uint64                // where to go on
	Exit   uint64                // index of the exit taken, see Code.Exits
	Base   uintptr               // host address of guest address 0
	Spill  [numSpills + 1]uint64 // intermediate values, and one for within an instruction
	hostSP uintptr
	hostBP uintptr
	leave  uintptr
	entry  uintptr
}

// bias is how far into the context RBP points: all integer registers are then within
// reach of a one-byte displacement.
const bias = 128

// numSpills is how many intermediate values can be in memory at a time.
const numSpills = 7

// Offsets from RBP.
const (
	offX     = -bias
	offF     = offX + 32*8
	offPC    = offF + 32*8
	offExit  = offPC + 8
	offBase  = offExit + 8
	offSpill = offBase + 8
	offLeave = offSpill + (numSpills+1)*8 + 16
)

const (
	ctxReg  = amd64.RBP
	baseReg = amd64.R15
)

// homes are the host registers of guest registers: those that compilers use most.
var homes = [32]amd64.Reg{
	2:  amd64.RBX, // sp
	8:  amd64.RSI, // s0
	10: amd64.RDI, // a0
	11: amd64.R8,
	12: amd64.R9,
	13: amd64.R10,
	14: amd64.R11,
	15: amd64.R12, // a5
	16: amd64.R13,
	9:  amd64.R14, // s1
}

// home is the host register of guest register n, or NoReg.
func home(n uint64) amd64.Reg {
	if h := homes[n]; h != amd64.RAX {
		return h
	}
	return amd64.NoReg
}

// slotX is where guest register n is in the context.
func slotX(n uint64) amd64.Mem { return amd64.At(ctxReg, offX+int32(n)*8) }

// spill is where intermediate value n is in the context.
func spill(n int) amd64.Mem { return amd64.At(ctxReg, offSpill+int32(n)*8) }
