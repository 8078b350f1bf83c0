//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// exitIf leaves the trace if a condition holds.
func (c *Compiler) exitIf(i *ir.Instr) {
	cond := c.condition(i.Args[0])
	c.alignJump(2)
	jump := c.a.Jcc(cond)
	c.cold = append(c.cold, coldPath{jump: jump, exit: c.addExit(ir.ExitIf, i.Imm, jump)})
}

// interpretIf leaves the instruction to the interpreter if a condition holds. None of
// its effects may have happened.
func (c *Compiler) interpretIf(cond amd64.Cond) {
	c.alignJump(2)
	jump := c.a.Jcc(cond)
	c.cold = append(c.cold, coldPath{jump: jump, exit: c.addExit(ir.Interp, c.pc, jump)})
}

func (c *Compiler) addExit(op ir.Op, pc uint64, jump int) int {
	c.code.Exits = append(c.code.Exits, Exit{Op: op, PC: pc, Jump: jump})
	return len(c.code.Exits) - 1
}

// alignJump keeps the displacement of the next jump, which comes behind opcode bytes,
// within a cache line: it is patched while others execute it.
func (c *Compiler) alignJump(opcode int) {
	const line = 64
	if at := (c.a.Len() + opcode) % line; at > line-4 {
		c.a.Nop(line - at)
	}
}

// end leaves the trace.
func (c *Compiler) end(i *ir.Instr) {
	switch i.Op {
	case ir.Jump, ir.Call, ir.Ret:
		r := c.reg(i.Args[0])
		c.a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offPC), r)
		c.code.Exits = append(c.code.Exits, Exit{Op: i.Op})
		c.leaveAt(len(c.code.Exits) - 1)
	default:
		c.alignJump(1)
		jump := c.a.Jmp()
		c.cold = append(c.cold, coldPath{jump: jump, exit: c.addExit(i.Op, i.Imm, jump)})
	}
}

// leave is the code of an exit that goes on at a constant address: it stays as it is
// when the jump to it is patched, for the time when that is undone.
func (c *Compiler) leave(exit int) {
	pc := c.code.Exits[exit].PC
	slot := amd64.At(ctxReg, offPC)
	if pc == uint64(int64(int32(pc))) {
		c.a.MI(amd64.MOV, amd64.W64, slot, int32(pc))
	} else {
		c.a.MovImm(amd64.RAX, pc)
		c.a.MR(amd64.MOV, amd64.W64, slot, amd64.RAX)
	}
	c.leaveAt(exit)
}

// leaveAt goes back to Go, which finds the number of the exit in the context.
func (c *Compiler) leaveAt(exit int) {
	c.a.MI(amd64.MOV, amd64.W64, amd64.At(ctxReg, offExit), int32(exit))
	c.a.JmpM(amd64.At(ctxReg, offLeave))
}

// condition emits the comparison that v is, and returns the condition of the flags.
func (c *Compiler) condition(v ir.Value) amd64.Cond {
	own := c.resolved(v)
	i := &own
	if !c.deferred[v] {
		r := c.reg(v)
		c.used(v)
		c.a.RR(amd64.TEST, amd64.W32, r, r)
		return amd64.NE
	}
	var cond amd64.Cond
	switch i.Op {
	case ir.NotB:
		return c.condition(i.Args[0]).Not()
	case ir.Eq:
		cond = amd64.E
	case ir.Ne:
		cond = amd64.NE
	case ir.Lts:
		cond = amd64.L
	case ir.Ltu:
		cond = amd64.B
	default:
		return c.floatCondition(i)
	}
	x, y := i.Args[0], i.Args[1]
	if _, isConst := c.t.ConstOf(x); isConst { // the immediate comes second
		x, y = y, x
		cond = mirrored(cond)
	}
	c.compare(x, y)
	return cond
}

// mirrored is c for exchanged operands.
func mirrored(c amd64.Cond) amd64.Cond {
	switch c {
	case amd64.L:
		return amd64.G
	case amd64.B:
		return amd64.A
	}
	return c
}

// compare emits cmp x, y.
func (c *Compiler) compare(x, y ir.Value) {
	k, isImm := c.imm32(y)
	if m, ok := c.memory(x); ok && isImm {
		c.a.MI(amd64.CMP, amd64.W64, m, k)
	} else if r := c.reg(x); isImm && k == 0 {
		c.a.RR(amd64.TEST, amd64.W64, r, r)
	} else if isImm {
		c.a.RI(amd64.CMP, amd64.W64, r, k)
	} else if m, ok := c.memory(y); ok {
		c.a.RM(amd64.CMP, amd64.W64, r, m)
	} else {
		c.a.RR(amd64.CMP, amd64.W64, r, c.reg(y))
	}
	c.used(x)
	c.used(y)
	c.unpin()
}
