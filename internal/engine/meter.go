//go:build linux && amd64

package engine

import (
	"math"

	"github.com/hospes-vm/hospes/internal/codecache"
)

// With Options.Metered translated code counts instructions (jit.Compiler.Metered), and stops before a
// block that has more than the limit allows. The interpreter executes the rest, to the
// instruction. So where a guest stops does not depend on who executes what.

// SetLimit has Run return guest.ExitLimit when n instructions have been executed in all. It needs
// Options.Metered.
func (c *CPU) SetLimit(n uint64) {
	c.limit = n
	if c.ctx == nil {
		c.limitInterpreter()
	}
}

// limitInterpreter tells the interpreter the limit.
func (c *CPU) limitInterpreter() {
	if c.limit == math.MaxUint64 {
		c.Translatable.SetLimit(c.limit)
	} else {
		c.Translatable.SetLimit(c.limit - min(c.uncounted, c.limit))
	}
}

// fuel gives the context what may be executed, before translated code is entered.
func (c *CPU) fuel() {
	if c.m.comp.Metered {
		c.ctx.Fuel = int64(min(c.limit-min(c.Retired(), c.limit), math.MaxInt64))
		c.given = c.ctx.Fuel
	}
}

// refund is for a block that has been left when done of its instructions had been executed.
func (c *CPU) refund(b *codecache.Block, done uint8) {
	if c.m.comp.Metered {
		c.ctx.Fuel += int64(b.Insts) - int64(done)
	}
}

// count counts what has been executed since fuel was given.
func (c *CPU) count() {
	if c.m.comp.Metered {
		c.uncounted += uint64(c.given - c.ctx.Fuel)
	}
}
