package riscv

import (
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

// irqStep is the bit of the interrupt word that ends a Step.
const irqStep = 1 << 30

func init() { execTable[opStep] = execStep }

// stepped is a block of one instruction for Step: in front of that stands an operation that
// raises the interrupt word, upon which the loop ends at the next block boundary.
type stepped struct {
	block
	insts    [3]inst
	writable bool // the guest could write to it without a system call

	access guest.Access // of the instruction; Addr is what is to be added to register rs1
	rs1    uint8
	mask   uint64 // of the address
}

// numStepped is how many blocks Step keeps, a power of two.
const numStepped = 1 << 12

// Step executes one instruction. A reservation of lr outlives that.
func (c *CPU) Step() guest.Exit {
	if c.stale.Load() && c.stale.Swap(false) {
		c.gen++
	}
	if c.IRQ().Bits()&^irqFlush != 0 {
		return guest.Exit{Kind: guest.ExitInterrupt}
	}
	if c.retired >= c.limit {
		return guest.Exit{Kind: guest.ExitLimit}
	}
	b := c.step()
	if b == nil {
		return c.fetchFault()
	}
	b.taken, b.fall, c.single = nil, nil, &b.block
	exit := c.run(&b.block)
	for exit.Kind == guest.ExitHot { // code has been flushed, and it would have begun once more
		exit = c.run(&b.block)
	}
	c.single = nil
	c.IRQ().Lower(irqStep)
	return exit
}

func execStep(c *CPU, _ *inst) {
	c.single = nil
	c.IRQ().Raise(irqStep)
}

// step returns the block for Step. It returns nil, with c.fault set, when there is no code.
func (c *CPU) step() *stepped {
	if c.steps == nil {
		c.steps = new([numStepped]*stepped)
	}
	b := c.steps[c.pc>>1%numStepped]
	if b == nil || b.pc != c.pc {
		return c.newStep()
	}
	if b.gen == c.gen && !b.writable {
		return b
	}
	if c.writable(c.pc) == b.writable && c.unchanged(&b.block) {
		b.gen = c.gen
		return b
	}
	return c.newStep()
}

// newStep makes the block for Step. It returns nil, with c.fault set, when there is no code.
func (c *CPU) newStep() *stepped {
	var code [4]byte
	n, fault := c.as.FetchThrough(c.pc, code[:])
	b := &stepped{writable: c.writable(c.pc)}
	b.insts[0] = inst{op: opStep}
	if n < 2 || !decode(code[:n], c.pc, &b.insts[1]) {
		c.fault = fault
		return nil
	}
	b.insts[2] = inst{op: opNext}
	size := b.insts[1].len
	b.block = block{
		entry: &b.insts[0], first: &b.insts[1], n: 1, pc: c.pc, last: c.pc, end: c.pc + uint64(size), gen: c.gen,
		code: append([]byte(nil), code[:size]...),
	}
	b.findAccess()
	c.steps[c.pc>>1%numStepped] = b
	return b
}

// findAccess notes what the instruction accesses.
func (b *stepped) findAccess() {
	in := &b.insts[1]
	if in.op < firstOp {
		return
	}
	row, a := &rows[in.op-firstOp], &b.access
	a.Write, a.Read = row.Kind&encoding.Store != 0, row.Kind&encoding.Load != 0
	a.Addr, b.rs1, b.mask = in.imm, in.rs1, ^uint64(0)
	switch {
	case a.Write:
		a.Size = uint64(writes(in))
		if in.op == opCboZero {
			b.mask = ^uint64(cboBlock - 1)
		}
	case a.Read: // field funct3 has the logarithm of the size, and the sign
		a.Size = 1 << (row.Match >> 12 & 3)
	}
}

// Access implements guest.CPU.
func (c *CPU) Access() (a guest.Access) {
	if b := c.step(); b != nil && b.access.Size > 0 {
		a = b.access
		a.Addr = (a.Addr + c.r[b.rs1]) & b.mask
	}
	return a
}
