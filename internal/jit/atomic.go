//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Atomic operations are the host's, all of them in sequential order, which is more than
// the guest asks for. What is misaligned is the interpreter's, which makes a trap of it.

// atomic compiles an atomic operation on memory.
func (c *Compiler) atomic(v ir.Value, i *ir.Instr) {
	c.aligned(i)
	switch op := i.Op; {
	case op == ir.Lr32 || op == ir.Lr64:
		c.loadReserved(v, i)
	case op == ir.Sc32 || op == ir.Sc64:
		c.storeConditional(v, i)
	case op >= ir.AmoCas8 && op <= ir.AmoCas64:
		c.compareAndSwap(v, i)
	case op <= ir.AmoSwap64:
		c.exchange(v, i, amd64.XCHG)
	case op >= ir.AmoAdd8 && op <= ir.AmoAdd64:
		c.exchange(v, i, amd64.XADD)
	default:
		c.combine(v, i)
	}
}

// aligned leaves the instruction to the interpreter unless the address is aligned.
func (c *Compiler) aligned(i *ir.Instr) {
	if size := i.Op.Info().Size; size > 1 {
		c.a.RI(amd64.TEST, amd64.W8, c.reg(i.Args[0]), int32(size-1))
		c.interpretIf(amd64.NE)
	}
}

// atAddress is memory at the address of an atomic operation, without displacement.
func (c *Compiler) atAddress(i *ir.Instr) amd64.Mem {
	c.bound(i.Args[0])
	r := c.reg(i.Args[0])
	m := c.place(r, 0, accessOf(i.Op))
	c.watch(i.Op, amd64.At(r, 0), m)
	return m
}

func width(op ir.Op) amd64.Width { return amd64.Width(op.Info().Size) }

// signExtend extends what is in r.
func (c *Compiler) signExtend(r amd64.Reg, w amd64.Width) {
	switch w {
	case amd64.W8:
		c.a.RR(amd64.MOVSX8, amd64.W64, r, r)
	case amd64.W16:
		c.a.RR(amd64.MOVSX16, amd64.W64, r, r)
	case amd64.W32:
		c.a.RR(amd64.MOVSXD, amd64.W64, r, r)
	}
}

// loadExtended loads w bytes, sign-extended: what atomic operations return.
func (c *Compiler) loadExtended(r amd64.Reg, w amd64.Width, m amd64.Mem) {
	c.mayFault()
	switch w {
	case amd64.W8:
		c.a.RM(amd64.MOVSX8, amd64.W64, r, m)
	case amd64.W16:
		c.a.RM(amd64.MOVSX16, amd64.W64, r, m)
	case amd64.W32:
		c.a.RM(amd64.MOVSXD, amd64.W64, r, m)
	default:
		c.a.RM(amd64.MOV, amd64.W64, r, m)
	}
}

// exchange compiles the operations that the host has as one instruction.
func (c *Compiler) exchange(v ir.Value, i *ir.Instr, op amd64.Op) {
	m := c.atAddress(i)
	w := width(i.Op)
	t := c.temp()
	c.load(t, i.Args[1])
	c.mayFault()
	if op != amd64.XCHG { // which is atomic without
		c.a.Lock()
	}
	c.a.MR(op, w, m, t)
	c.signExtend(t, w)
	c.used(i.Args[0])
	c.used(i.Args[1])
	c.put(v, t)
}

// combine compiles the other operations as a loop. The operand is in memory unless it is
// in a register: there are only as many as the loop needs.
func (c *Compiler) combine(v ir.Value, i *ir.Instr) {
	c.claim(amd64.RAX)
	w := width(i.Op)
	m := c.atAddress(i)
	t := c.temp()
	operand := spill(numSpills)
	c.load(t, i.Args[1])
	c.signExtend(t, w)
	c.a.MR(amd64.MOV, amd64.W64, operand, t)
	c.loadExtended(amd64.RAX, w, m)
	loop := c.a.Len()
	c.a.RR(amd64.MOV, amd64.W64, t, amd64.RAX)
	switch n := (i.Op - ir.AmoSwap8) / 4; n {
	case 2:
		c.a.RM(amd64.AND, amd64.W64, t, operand)
	case 3:
		c.a.RM(amd64.OR, amd64.W64, t, operand)
	case 4:
		c.a.RM(amd64.XOR, amd64.W64, t, operand)
	default:
		c.a.RM(amd64.CMP, amd64.W64, t, operand)
		keep := [...]amd64.Cond{amd64.L, amd64.G, amd64.B, amd64.A}[n-5]
		c.a.CMovM(keep.Not(), amd64.W64, t, operand)
	}
	c.mayFault()
	c.a.Lock()
	c.a.MR(amd64.CMPXCHG, w, m, t)
	done := c.a.JccShort(amd64.E)
	c.signExtend(amd64.RAX, w)
	c.a.SetRel8(c.a.JmpShort(), loop)
	c.a.SetRel8(done, c.a.Len())
	c.used(i.Args[0])
	c.used(i.Args[1])
	c.put(v, amd64.RAX)
}

// compareAndSwap compiles AMOCAS; RAX has what is expected, then what was there.
func (c *Compiler) compareAndSwap(v ir.Value, i *ir.Instr) {
	c.claim(amd64.RAX)
	w := width(i.Op)
	c.load(amd64.RAX, i.Args[1])
	m, replacement := c.atAddress(i), c.reg(i.Args[2])
	c.mayFault()
	c.a.Lock()
	c.a.MR(amd64.CMPXCHG, w, m, replacement)
	c.signExtend(amd64.RAX, w)
	c.used(i.Args[0])
	c.used(i.Args[1])
	c.used(i.Args[2])
	c.put(v, amd64.RAX)
}

// loadReserved compiles LR: the reservation is the address and the value.
func (c *Compiler) loadReserved(v ir.Value, i *ir.Instr) {
	w := width(i.Op)
	m := c.atAddress(i)
	t := c.temp()
	c.loadExtended(t, w, m)
	// Only now: if that faults, the reservation is what it was.
	c.a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offResAddr), c.reg(i.Args[0]))
	c.a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offResValue), t)
	c.a.MI(amd64.MOV, amd64.W64, amd64.At(ctxReg, offReserved), int32(w))
	c.used(i.Args[0])
	c.put(v, t)
}

// storeConditional compiles SC: it stores if the value is still the reserved one.
func (c *Compiler) storeConditional(v ir.Value, i *ir.Instr) {
	c.claim(amd64.RAX)
	w := width(i.Op)
	m := c.atAddress(i)
	reserved := amd64.At(ctxReg, offReserved)
	c.a.RM(amd64.CMP, amd64.W64, c.at[i.Args[0]].reg, amd64.At(ctxReg, offResAddr))
	value := c.reg(i.Args[1]) // which leaves the flags as they are
	c.a.RM(amd64.MOV, amd64.W64, amd64.RAX, amd64.At(ctxReg, offResValue))
	otherAddr := c.a.JccShort(amd64.NE)
	c.a.MI(amd64.CMP, amd64.W64, reserved, int32(w))
	otherSize := c.a.JccShort(amd64.NE)
	c.mayFault()
	c.a.Lock()
	c.a.MR(amd64.CMPXCHG, w, m, value)
	c.a.SetRel8(otherAddr, c.a.Len())
	c.a.SetRel8(otherSize, c.a.Len()) // with "not equal" in the flags, all three ways
	c.a.MI(amd64.MOV, amd64.W64, reserved, 0)
	c.a.Set(amd64.NE, amd64.RAX)
	c.a.RR(amd64.MOVZX8, amd64.W32, amd64.RAX, amd64.RAX)
	c.used(i.Args[0])
	c.used(i.Args[1])
	c.put(v, amd64.RAX)
}
