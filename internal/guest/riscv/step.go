package riscv

import (
	"github.com/hospes-vm/hospes/internal/guest"
)

// irqStep is the bit of the interrupt word that ends a Step.
const irqStep = 1 << 30

func init() { execTable[opStep] = execStep }

// Step executes one instruction. It runs as a block of its own, which is in no cache:
// in front of it stands an operation that raises the interrupt word, upon which the
// loop ends at the next block boundary. A reservation of lr outlives that.
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
	var code [4]byte
	n, fault := c.as.Fetch(c.pc, code[:])
	insts := make([]inst, 3)
	insts[0] = inst{op: opStep}
	if n < 2 || !decode(code[:n], c.pc, &insts[1]) {
		c.fault = fault
		return c.fetchFault()
	}
	insts[2] = inst{op: opNext}
	c.single = &block{entry: &insts[0], first: &insts[1], n: 1, pc: c.pc, last: c.pc, end: c.pc + uint64(insts[1].len), gen: c.gen}
	exit := c.Run()
	c.single = nil
	c.IRQ().Lower(irqStep)
	return exit
}

func execStep(c *CPU, _ *inst) {
	c.single = nil
	c.IRQ().Raise(irqStep)
}
