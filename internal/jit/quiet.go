//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Compilers make a quiet comparison of one that raises exceptions: they save the flags
// before, and restore them afterwards. Nobody sees them in between, so there is nothing to be
// restored unless a NaN has been compared.

// findQuiet finds such comparisons: what the flags are restored from, by the value of the
// comparison and by the instruction that restores them.
func (c *Compiler) findQuiet() {
	c.quiet = zeroed(c.quiet, len(c.t.Code))
	if !c.present[ir.GetFlags] {
		return
	}
	for k := range c.t.Code {
		if c.t.Code[k].Op == ir.GetFlags {
			c.findRestored(ir.Value(k))
		}
	}
}

// findRestored looks for the instruction that restores the flags saved, with nothing but
// comparisons and moves before.
func (c *Compiler) findRestored(saved ir.Value) {
	compared := false
	for end := int(saved) + 1; end < len(c.t.Code); end++ {
		i := &c.t.Code[end]
		switch i.Op {
		case ir.Inst, ir.GetX, ir.SetX, ir.GetF, ir.SetF, ir.Const, ir.ZextB, ir.NotB:
		case ir.S: // may be for the interpreter, which has the flags as they are
			if compared {
				return
			}
		case ir.SetFlags:
			if i.Args[0] != saved {
				return
			}
			for k := int(saved) + 1; k <= end; k++ {
				if op := c.t.Code[k].Op; compares(op) || k == end {
					c.quiet[k] = saved
				}
			}
			return
		default:
			if !compares(i.Op) {
				return
			}
			compared = true
		}
	}
}

// compares reports whether op compares floating-point numbers.
func compares(op ir.Op) bool {
	return op >= ir.FeqS && op <= ir.FleqS || op >= ir.FeqD && op <= ir.FleqD
}

// compareFloats emits the comparison that v is, of registers.
func (c *Compiler) compareFloats(v ir.Value, op amd64.Op, x, y amd64.Reg) {
	saved := c.quiet[v]
	if saved == 0 {
		c.a.RR(op, amd64.W32, x, y)
		return
	}
	single := op == amd64.COMISS || op == amd64.UCOMISS
	c.a.RR(compareOf(single), amd64.W32, x, y)
	t, u, nan := c.temp(), c.temp(), c.xtemp()
	w := c.at[saved]
	c.outOfLine(amd64.P, func() {
		if w.reg != amd64.NoReg {
			c.move(t, w.reg)
		} else {
			c.fetch(t, w.memory())
		}
		c.a.M(amd64.STMXCSR, amd64.W32, scratch)
		c.a.RI(amd64.AND, amd64.W32, t, 31)
		c.hostFlagsOf(t)
		c.mergeFlags(t, u)
		c.fetch(nan, constant(constNaND)) // unordered, as before
		c.a.RR(amd64.UCOMISD, amd64.W32, nan, nan)
	})
	c.free(t)
	c.free(u)
	c.free(nan)
}
