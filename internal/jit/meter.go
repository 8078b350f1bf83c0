//go:build amd64

package jit

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Metered code counts the guest's instructions. A trace takes fuel for all of them when it
// begins, and gives back what it is left before: by a branch in code behind the trace, otherwise
// in Go, which knows from Fault.Done how many have been executed. A trace for which there is not
// enough takes exit Empty, so whoever executes it can stop at any instruction.

// refund is a branch out of a metered trace.
type refund struct {
	jump   int // leads to it
	pc     uint64
	insts  int // executed
	polled bool
}

// takeFuel takes fuel for a trace. It returns where the number of instructions is to be put.
func (c *Compiler) takeFuel() (at int) {
	if !c.Metered {
		return 0
	}
	const placeholder = 1 << 30 // needs four bytes
	c.a.MI(amd64.SUB, amd64.W64, amd64.At(ctxReg, offFuel), placeholder)
	at = c.a.Len() - 4
	c.exitOn(amd64.L, Empty, c.t.PC)
	return at
}

// done is how many instructions have been executed before the one that is compiled.
func (c *Compiler) done() int { return max(c.code.Insts-1-c.redo, 0) }

// refundOn leaves the trace if a condition holds, for guest address pc.
func (c *Compiler) refundOn(cond amd64.Cond, pc uint64) {
	c.refunds = append(c.refunds, refund{c.a.Jcc(cond), pc, c.code.Insts, c.polled})
}

// emitRefunds appends what these branches lead to, and completes takeFuel.
func (c *Compiler) emitRefunds(taken int) {
	if !c.Metered {
		return
	}
	binary.LittleEndian.PutUint32(c.a.Buf[taken:], uint32(c.code.Insts))
	for _, r := range c.refunds {
		c.a.SetRel32(r.jump, c.a.Len())
		if n := c.code.Insts - r.insts; n > 0 {
			c.a.MI(amd64.ADD, amd64.W64, amd64.At(ctxReg, offFuel), int32(n))
		}
		c.alignJump(1)
		c.polled = r.polled
		c.addExit(ir.ExitIf, r.pc, c.a.Jmp())
	}
}
