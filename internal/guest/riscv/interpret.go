package riscv

import "github.com/hospes-vm/hospes/internal/guest"

// Interpret executes the instruction at the pc as a block of its own. Unless it jumps,
// that is followed by one without instructions, which is always hot.
//
// Where the window allows less than the guest may do, it does without: translated code has
// tried that.
func (c *CPU) Interpret() guest.Exit {
	if c.retired >= c.limit {
		return guest.Exit{Kind: guest.ExitLimit}
	}
	if c.divided {
		e := c.slowly()
		for e.Kind == exitAgain {
			e = c.slowly()
		}
		return e
	}
	b := c.lone()
	if b == nil {
		return c.fetchFault()
	}
	return c.run(b)
}

// lone returns the block for Interpret. It returns nil, with c.fault set, when there is
// no code.
func (c *CPU) lone() *block {
	b := c.alone[c.pc]
	if b == nil || !c.unchanged(b) {
		return c.newAlone()
	}
	if b.gen != c.gen {
		b.gen = c.gen
		if endsBlock[b.first.op] {
			b.taken, b.fall = nil, nil
		}
	}
	return b
}

// maxAlone is the number of blocks after which Interpret forgets those it has made.
const maxAlone = 1 << 14

// newAlone makes the block for Interpret. It returns nil, with c.fault set, when there is
// no code.
func (c *CPU) newAlone() *block {
	insts := make([]inst, 2)
	var code [4]byte
	n, fault := c.as.Fetch(c.pc, code[:])
	if n < 2 || !decode(code[:n], c.pc, &insts[0]) {
		c.fault = fault
		return nil
	}
	size := insts[0].len
	b := &block{
		entry: &insts[0], first: &insts[0], n: 1, gen: c.gen,
		pc: c.pc, last: c.pc, end: c.pc + uint64(size), code: append([]byte(nil), code[:size]...),
	}
	if !endsBlock[insts[0].op] {
		insts[1] = inst{op: opNext}
		b.fall = &block{entry: &insts[1], first: &insts[1], pc: b.end, end: b.end, count: c.hot}
	}
	if c.alone == nil || len(c.alone) >= maxAlone {
		c.alone = map[uint64]*block{}
	}
	c.alone[c.pc] = b
	return b
}
