package riscv

import (
	"time"

	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Control and status registers that user mode may access. Linux since 6.6 lets
// cycle and instret trap (sysctl kernel.perf_user_access), so they are absent.
const (
	csrFflags = 0x001
	csrFrm    = 0x002
	csrFcsr   = 0x003
	csrTime   = 0xc01
)

// TimebaseHz is the frequency of the time register.
const TimebaseHz = 10_000_000

// clock is where the time register counts from. The host's wall clock at the
// start makes it comparable between processes; from there on it is monotonic.
var clock = time.Now()

func (c *CPU) readTime() uint64 {
	ns := uint64(clock.UnixNano()) + uint64(time.Since(clock))
	if c.now != nil {
		ns = uint64(c.now())
	}
	return ns / (uint64(time.Second) / TimebaseHz)
}

// readCSR is the value of a register; one that does not exist is illegal.
func (c *CPU) readCSR(nr uint64) uint64 {
	switch nr {
	case csrFflags:
		return uint64(c.reg.Flags)
	case csrFrm:
		return uint64(c.reg.Round)
	case csrFcsr:
		return uint64(c.FCSR())
	case csrTime:
		return c.readTime()
	}
	raiseIllegal()
	return 0
}

// swapCSR writes a register and returns the old value. Read-only and absent
// registers are illegal.
func (c *CPU) swapCSR(nr, v uint64) uint64 {
	if nr>>10 == 3 { // the number's top bits mark read-only registers
		raiseIllegal()
	}
	old := c.readCSR(nr)
	switch nr {
	case csrFflags:
		c.reg.Flags = softfloat.Flags(v & 31)
	case csrFrm:
		c.reg.Round = uint8(v & 7)
	case csrFcsr:
		c.SetFCSR(uint32(v))
	}
	return old
}

func (c *CPU) setCSR(nr, mask uint64) uint64   { return c.swapCSR(nr, c.readCSR(nr)|mask) }
func (c *CPU) clearCSR(nr, mask uint64) uint64 { return c.swapCSR(nr, c.readCSR(nr)&^mask) }
