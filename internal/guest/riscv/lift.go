package riscv

import (
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// fenceTSO is fence.tso as the immediate of ir.Fence: fm, pred and succ.
const fenceTSO = 0x833

// maxTrace is the largest number of guest instructions in a trace.
const maxTrace = 64

// lifter turns guest code into traces. Straight code becomes one trace although
// branches leave it: the way on is the one that is not taken, unless the path says otherwise.
type lifter struct {
	b    ir.Builder
	at   uint64 // address of the instruction
	next uint64 // where the trace goes on behind it
	end  uint64 // of the code
	done bool   // the trace has ended
	path guest.Path
	ways int // that have been looked for in path
}

// Lift lifts the code at pc, as far as it goes on without a jump and is readable;
// the result is valid until the next call. count is the number of instructions in it,
// size that of their bytes; both are 0 if there is no valid instruction at pc.
func (l *lifter) Lift(code []byte, pc uint64, path guest.Path) (t *ir.Trace, count, size int) {
	l.b.Start(pc)
	l.next, l.end, l.done, l.path, l.ways = pc, pc+uint64(len(code)), false, path, 0
	for !l.done {
		var i inst
		at := l.next
		rest := code[min(at-pc, uint64(len(code))):]
		if len(rest) < 2 || !decode(rest, at, &i) || count == maxTrace {
			l.b.Emit(ir.Goto, at)
			break
		}
		count++
		size = int(at-pc) + int(i.len)
		l.at, l.next = at, at+uint64(i.len)
		l.b.Inst(at)
		if i.rm > 4 && i.rm != rmDynamic || !l.lift(&i) {
			l.b.Emit(ir.Interp, at)
			l.done = true
		}
	}
	return &l.b.Trace, count, size
}

// Size is that of the instruction that code begins with.
func (l *lifter) Size(code []byte) int {
	var i inst
	if !decode(code, 0, &i) {
		return 0
	}
	return int(i.len)
}

// follows reports whether the trace goes on where an instruction leads: it does so then.
func (l *lifter) follows(to uint64) bool {
	n := l.ways
	l.ways++
	if l.path>>n&1 == 0 || !goesForward(l.next, to, l.end) {
		return false
	}
	l.next = to
	return true
}

// goesForward reports whether an address is behind the next one, and before the end of what may be lifted.
func goesForward(next, to, end uint64) bool { return next < to && to < end }

// branch ends a conditional branch.
func (l *lifter) branch(cond ir.Value, to uint64) {
	next := l.next
	if !l.follows(to) {
		l.b.Emit(ir.ExitIf, to, cond)
		return
	}
	if n := &l.b.Code[cond]; n.Op == ir.NotB {
		cond = n.Args[0]
	} else {
		cond = l.b.Emit(ir.NotB, 0, cond)
	}
	l.b.Emit(ir.ExitIf, next, cond)
}

// jump ends a jump to a known address.
func (l *lifter) jump(i *inst, to uint64) {
	if !isLink(i.rd) && l.follows(to) {
		return
	}
	l.done = true
	if isLink(i.rd) {
		l.b.Emit(ir.CallTo, to, l.b.Const(l.next))
		return
	}
	l.b.Emit(ir.Goto, to)
}

// jumpTo ends a jump to a computed address. Which ones are calls and returns, the
// manual's table of hints for return-address stacks says (unprivileged specification,
// section 2.5.1); what both returns and calls counts as a call.
func (l *lifter) jumpTo(i *inst, target ir.Value) {
	if to, ok := l.b.ConstOf(target); ok { // auipc and jalr
		l.jump(i, to)
		return
	}
	l.done = true
	switch {
	case isLink(i.rd):
		l.b.Emit(ir.Call, l.next, target)
	case isLink(i.rs1):
		l.b.Emit(ir.Ret, 0, target)
	case i.rd != sink: // by a procedure linkage table
		l.b.Emit(ir.JumpSame, 0, target)
	default:
		l.b.Emit(ir.Jump, 0, target)
	}
}

// isLink reports whether r is a register for return addresses: x1 or x5.
func isLink(r uint8) bool { return r == 1 || r == 5 }

// cbomanage looks whether a cache block may be accessed, cbozero clears one.
func (l *lifter) cbomanage(addr ir.Value) { l.b.Emit(ir.LoadU8, 0, addr) }

func (l *lifter) cbozero(addr ir.Value) {
	b := &l.b
	addr = b.Emit(ir.And, 0, addr, b.Const(^uint64(cboBlock-1)))
	zero := b.Const(0)
	for off := uint64(0); off < cboBlock; off += 8 {
		b.Emit(ir.Store64, 0, b.Emit(ir.Add, 0, addr, b.Const(off)), zero)
	}
}

// ecall ends a trace with a system call.
func (l *lifter) ecall() {
	l.done = true
	l.b.Emit(ir.Ecall, l.next)
}
