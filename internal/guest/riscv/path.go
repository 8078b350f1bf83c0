package riscv

import (
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// mostly is how many times as often as the other one a way has to have been taken for a trace to go there, and leastSeen how often
// at least.
const mostly, leastSeen = 4, 8

// Path is the path that execution takes mostly through code at pc. Nobody counts branches, but blocks are counted: a branch has not been
// taken, or has been, at most as often as the block on that way has been executed.
func (c *CPU) Path(pc uint64, code []byte) (path guest.Path) {
	end := pc + uint64(len(code))
	for at, n, count := pc, 0, 0; count < maxTrace && n < 64; count++ {
		var i inst
		rest := code[min(at-pc, uint64(len(code))):]
		if len(rest) < 2 || !decode(rest, at, &i) {
			break
		}
		next := at + uint64(i.len)
		at = next
		switch {
		case isBranch(i.op):
			if goesForward(next, i.imm, end) && c.mostlyTaken(i.imm, next) {
				path |= 1 << n
				at = i.imm
			}
			n++
		case i.op == opJal && !isLink(i.rd) && goesForward(next, i.imm, end) && c.seen(i.imm) > 0 && !c.isFunction(i.imm, code[i.imm-pc:]):
			path |= 1 << n
			at = i.imm
			n++
		case endsBlock[i.op]:
			return path
		}
	}
	return path
}

// isFunction reports whether a library function is at pc, for which there is better than its code.
func (c *CPU) isFunction(pc uint64, code []byte) bool {
	f, _ := c.Function(pc, code)
	return f != ir.NoFunction
}

// isBranch reports whether an operation is a conditional branch.
func isBranch(op uint16) bool { return op >= opBeq && op <= opBgeu }

// mostlyTaken reports whether a branch has been, as far as is known.
func (c *CPU) mostlyTaken(to, next uint64) bool {
	taken := c.seen(to)
	return taken >= leastSeen && c.seen(next)*mostly < taken
}

// seen is how often a block has been executed, until it was hot.
func (c *CPU) seen(pc uint64) uint32 {
	if b := c.cache.blocks.Get(pc); b != nil && b.gen == c.gen {
		return b.count
	}
	return 0
}
