package riscv

import "github.com/hospes-vm/hospes/internal/ir"

// Of the control and status registers only those of floating point are lifted. What
// changes the rounding mode is left to the interpreter: translations are made for one.

// Where fcsr has the rounding mode, and how much there is of it.
const (
	frmShift = 5
	frmMask  = 7
)

// csrread is the value of register i.imm. ok is false if it is for the interpreter.
func (l *lifter) csrread(i *inst) (v ir.Value, ok bool) {
	b := &l.b
	switch i.imm {
	case csrFflags:
		return b.Emit(ir.GetFlags, 0), true
	case csrFrm:
		return b.Emit(ir.GetRound, 0), true
	case csrFcsr:
		round := b.Emit(ir.Sll, 0, b.Emit(ir.GetRound, 0), b.Const(frmShift))
		return b.Emit(ir.Or, 0, round, b.Emit(ir.GetFlags, 0)), true
	}
	return 0, false
}

// csrswap writes v and returns the old value, or any if nobody wants it.
func (l *lifter) csrswap(i *inst, v ir.Value) (old ir.Value, ok bool) {
	if old, ok = v, true; i.rd != sink {
		old, ok = l.csrread(i)
	}
	return old, ok && l.csrwrite(i, v)
}

func (l *lifter) csrset(i *inst, mask ir.Value) (old ir.Value, ok bool) {
	old, ok = l.csrread(i)
	return old, ok && l.csrwrite(i, l.b.Emit(ir.Or, 0, old, mask))
}

func (l *lifter) csrclear(i *inst, mask ir.Value) (old ir.Value, ok bool) {
	old, ok = l.csrread(i)
	return old, ok && l.csrwrite(i, l.b.Emit(ir.And, 0, old, l.b.Emit(ir.Not, 0, mask)))
}

// csrwrite writes register i.imm. It reports false if it is for the interpreter.
func (l *lifter) csrwrite(i *inst, v ir.Value) bool {
	switch i.imm {
	case csrFflags:
		l.b.Emit(ir.SetFlags, 0, v)
	case csrFrm:
		l.keepRound(v)
	case csrFcsr:
		l.keepRound(l.b.Emit(ir.Srl, 0, v, l.b.Const(frmShift)))
		l.b.Emit(ir.SetFlags, 0, v)
	default:
		return false
	}
	return true
}

// keepRound leaves the instruction to the interpreter unless the rounding mode in the low
// bits of v is the present one.
func (l *lifter) keepRound(v ir.Value) {
	b := &l.b
	round := b.Emit(ir.And, 0, v, b.Const(frmMask))
	b.Emit(ir.InterpIf, l.at, b.Emit(ir.Ne, 0, round, b.Emit(ir.GetRound, 0)))
}
