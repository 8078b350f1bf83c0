//go:build amd64

package jit

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// The stack is accessed all the time, by way of sp. So that not each piece of code has to look whether that is in the window, all
// agree (Compiler.NearSP) that wherever one leads to another, and from one chain of a graph to the next, sp is in the window or
// up to maxFrame outside. The engine enters code with sp in the window only; elsewhere the guest is interpreted.
//
// To keep this costs next to nothing. Functions move sp by a constant, and access the stack next. An access that is made in the
// window or its guards, and has not faulted, has been in the window, which tells where sp is. What moves sp without an
// access, or writes it otherwise, is followed by a comparison where the code may be left other than by Go.

// spReg is the guest register that is the stack pointer.
const spReg = 2

// maxFrame is how far outside of the window sp may be. It leaves room for a function to move it as far as one instruction can, 2048.
const maxFrame = 1 << 12

// stackPointer is what is known of sp.
type stackPointer struct {
	v   ir.Value // what it holds; 0 where nothing has been written yet
	far bool     // it may be more than maxFrame outside of the window
}

// getSP notes that v is what sp holds. In graphs that may be an alias of another value, which tells more.
func (c *Compiler) getSP(v ir.Value) {
	if !c.NearSP {
		return
	}
	slack := int32(maxFrame)
	if c.sp.v != 0 {
		slack = c.slack(c.sp.v)
	}
	if slack <= maxSlack {
		c.farthest[v] = 1 + slack
	}
}

// setSP notes that instruction k writes v to sp. It reports false if there is a branch before the next instruction, which could not
// be left to the interpreter alone.
func (c *Compiler) setSP(k, v ir.Value) bool {
	if !c.NearSP {
		return true
	}
	c.sp = stackPointer{v, c.farSP(v)}
	if !c.sp.far {
		return true
	}
	next := slices.IndexFunc(c.t.Code[k:], func(i ir.Instr) bool {
		return i.Op == ir.Inst || i.Op == ir.ExitIf || i.Op.Has(ir.Ends)
	})
	return c.t.Code[int(k)+next].Op != ir.ExitIf
}

// farSP reports whether v, in sp, may be too far outside of the window.
func (c *Compiler) farSP(v ir.Value) bool {
	if k, ok := c.t.ConstOf(v); ok {
		return k >= c.Limit
	}
	return c.slack(v) > maxFrame
}

// lookAtSP leaves the code for the interpreter to go on at pc, when done instructions are complete, if sp is outside of the window,
// unless it is known to be near. It changes the flags.
func (c *Compiler) lookAtSP(pc uint64, done int) {
	if !c.sp.far || !c.farSP(c.sp.v) {
		return
	}
	v, r := c.sp.v, c.homes.of(spReg)
	if c.state != nil {
		c.computeLate(v)
		c.tighten(v)
		r = c.reg(v)
	}
	c.belowLimit(r)
	last := &c.interps[len(c.interps)-1]
	last.pc, last.done = pc, done
	c.farthest[v], c.sp.far = 1, false
	c.unpin()
}

// lookBehind does so for a jump to RAX, when all guest registers are where all code has them.
func (c *Compiler) lookBehind() {
	if c.sp.far && c.farSP(c.sp.v) {
		c.compareLimit(homes.of(spReg))
		c.toStub(c.a.Jcc(amd64.AE), c.Stubs.Indirect)
	}
}
