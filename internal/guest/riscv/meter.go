package riscv

import (
	"math"

	"github.com/hospes-vm/hospes/internal/guest"
)

// A limit on instructions is looked at before each block, in the place where the interrupt word
// is looked at anyway: while there is a limit, a bit of that is always set. The last
// instructions, too few for a block, are executed one by one.

// irqMeter is the bit of the interrupt word that is set while Run executes under a limit.
const irqMeter = 1 << 29

// noLimit is what limit is if there is none.
const noLimit = math.MaxUint64

// exitNear says that the block at the pc has more instructions than the limit allows.
const exitNear guest.ExitKind = 0xfe

// SetLimit has Run return guest.ExitLimit when n instructions have been executed in all.
func (c *CPU) SetLimit(n uint64) { c.limit = n }

// metered is run under a limit.
func (c *CPU) metered(first *block) guest.Exit {
	if c.retired >= c.limit {
		return guest.Exit{Kind: guest.ExitLimit}
	}
	c.reg.IRQ.Raise(irqMeter)
	e := c.unmetered(first)
	c.reg.IRQ.Lower(irqMeter)
	if e.Kind != exitNear {
		return e
	}
	limit := c.limit
	defer func() { c.limit = limit }()
	c.limit = noLimit
	for c.retired < limit {
		if e := c.Step(); e.Kind != guest.ExitInterrupt || c.IRQ().Bits()&^irqFlush != 0 {
			return e
		}
	}
	return guest.Exit{Kind: guest.ExitLimit}
}
