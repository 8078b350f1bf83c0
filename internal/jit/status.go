//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// While translated code runs, MXCSR has the guest's floating-point status: Intel's manual,
// volume 1, section 10.2.3.

// hostFlag is the position in MXCSR of each of the guest's flags: inexact, underflow,
// overflow, division by zero, invalid.
var hostFlag = [...]int{5, 4, 3, 2, 0}

// hostFlags are all of these; the other one, for denormal operands, the guest has not.
const hostFlags = 0x3d

// guestFlagTable has the guest's flags by the low bits of MXCSR; hostFlagTable is the reverse.
var guestFlagTable, hostFlagTable = func() (guest [64]uint8, host [32]uint8) {
	for n, at := range hostFlag {
		for k := range guest {
			guest[k] |= uint8(k>>at&1) << n
		}
		for k := range host {
			host[k] |= uint8(k>>n&1) << at
		}
	}
	return guest, host
}()

// HostFlags are flags as MXCSR has them.
func HostFlags(f softfloat.Flags) uint32 { return uint32(hostFlagTable[f&31]) }

// GuestFlags are the flags that MXCSR has.
func GuestFlags(mxcsr uint32) softfloat.Flags { return softfloat.Flags(guestFlagTable[mxcsr&63]) }

// scratch is memory for use within an operation, saved for within a move of a variable.
var (
	scratch = spill(numSpills)
	saved   = spill(numSpills + 1)
)

// To read MXCSR the host waits for all that has been computed so far. So it is read once, and then an exception
// whose flag is not set is not masked any more: the first one traps (trap.AddCode), upon which the flags
// are unknown, and all exceptions masked, until they are read again. Context.known has the flags: unless it is -1, they are
// these, and what is masked are those that are set. A flag that is set is always masked. A
// program for which this does not pay, since it clears the flags again and again, does without in the end.

// maxLookups is how many exceptions may trap in a thread.
const maxLookups = 1000

// Of MXCSR.
const (
	allMasks   = 0x1f80
	denormMask = 0x100 // of the exception that the guest has not
	masksAt    = 7     // so many bits above the flags
)

// getFlags compiles the reading of the exception flags.
func (c *Compiler) getFlags(v ir.Value) {
	dst, t := c.dest(v, 0), c.temp()
	c.a.RM(amd64.MOV, amd64.W32, dst, amd64.At(ctxReg, offKnown))
	c.a.RR(amd64.TEST, amd64.W32, dst, dst)
	c.outOfLine(amd64.S, func() { c.readFlags(dst, t) })
	c.free(t)
	c.put(v, dst)
}

// readFlags brings the exception flags to dst, and has what would change them trap, unless that
// has happened too often.
func (c *Compiler) readFlags(dst, t amd64.Reg) {
	c.a.M(amd64.STMXCSR, amd64.W32, scratch)
	c.a.RM(amd64.MOV, amd64.W32, t, scratch)
	c.a.RI(amd64.AND, amd64.W32, t, hostFlags)
	c.a.RM(amd64.MOVZX8, amd64.W32, dst, amd64.AtIndex(ctxReg, t, 1, offToGuest))
	c.a.MI(amd64.CMP, amd64.W32, amd64.At(ctxReg, offLookups), 0)
	done := c.a.JccShort(amd64.LE)
	c.a.MR(amd64.MOV, amd64.W32, amd64.At(ctxReg, offKnown), dst)
	c.a.RI(amd64.SHL, amd64.W32, t, masksAt)
	c.a.MI(amd64.AND, amd64.W32, scratch, ^allMasks)
	c.a.RI(amd64.OR, amd64.W32, t, denormMask)
	c.a.MR(amd64.OR, amd64.W32, scratch, t)
	c.a.M(amd64.LDMXCSR, amd64.W32, scratch)
	c.a.SetRel8(done, c.a.Len())
}

// setFlags compiles the writing of the exception flags. Often they stay what they are.
func (c *Compiler) setFlags(v, x ir.Value) {
	if c.quiet[v] != 0 {
		c.used(x)
		return
	}
	t, u := c.temp(), c.temp()
	if k, ok := c.t.ConstOf(x); ok {
		c.a.MovImm(t, k&31)
	} else {
		c.load(t, x)
		c.a.RI(amd64.AND, amd64.W32, t, 31)
	}
	c.a.RM(amd64.CMP, amd64.W32, t, amd64.At(ctxReg, offKnown))
	c.outOfLine(amd64.NE, func() {
		c.a.M(amd64.STMXCSR, amd64.W32, scratch)
		c.hostFlagsOf(t)
		c.mergeFlags(t, u)
	})
	c.free(t)
	c.free(u)
	c.used(x)
}

// hostFlagsOf makes the guest's flags in t, which are less than 32, the host's.
func (c *Compiler) hostFlagsOf(t amd64.Reg) {
	c.a.RM(amd64.MOVZX8, amd64.W32, t, amd64.AtIndex(ctxReg, t, 1, offToHost))
}

// mergeFlags writes the flags t, as the host has them, to MXCSR, which is in scratch, if they are others.
func (c *Compiler) mergeFlags(t, u amd64.Reg) {
	c.a.RM(amd64.MOV, amd64.W32, u, scratch)
	c.a.RI(amd64.AND, amd64.W32, u, hostFlags)
	c.a.RR(amd64.CMP, amd64.W32, u, t)
	same := c.a.JccShort(amd64.E)
	c.a.RM(amd64.MOV, amd64.W32, u, scratch)
	c.a.RI(amd64.AND, amd64.W32, u, ^hostFlags)
	c.a.RI(amd64.OR, amd64.W32, u, allMasks)
	c.a.RR(amd64.OR, amd64.W32, u, t)
	c.a.MR(amd64.MOV, amd64.W32, scratch, u)
	c.a.M(amd64.LDMXCSR, amd64.W32, scratch)
	c.a.MI(amd64.MOV, amd64.W32, amd64.At(ctxReg, offKnown), -1)
	c.a.SetRel8(same, c.a.Len())
}

// Rounding modes.
const (
	towardZero = 1
	nearestMax = 4 // ties away from zero, which the host does not have
)

// hostModes are the host's numbers of the others.
var hostModes = [...]uint8{0, 3, 1, 2}

// hostMode is the mode that the host has while the trace runs.
func (c *Compiler) hostMode() uint8 {
	if c.Round == nearestMax {
		return 0
	}
	return c.Round
}

// mode is the rounding mode of i.
func (c *Compiler) mode(i *ir.Instr) uint8 {
	if i.Imm == ir.Dynamic {
		return c.Round
	}
	return uint8(i.Imm)
}

// changeMode changes the host's rounding mode to another one, or back.
func (c *Compiler) changeMode(mode uint8) {
	const at = 13
	c.a.M(amd64.STMXCSR, amd64.W32, scratch)
	c.a.MI(amd64.XOR, amd64.W32, scratch, int32(hostModes[mode]^hostModes[c.hostMode()])<<at)
	c.a.M(amd64.LDMXCSR, amd64.W32, scratch)
}

// getRound compiles the reading of the rounding mode.
func (c *Compiler) getRound(v ir.Value) {
	dst := c.dest(v, 0)
	c.a.MovImm(dst, uint64(c.Round))
	c.put(v, dst)
}
