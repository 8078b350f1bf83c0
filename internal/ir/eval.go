package ir

import (
	"fmt"

	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Memory is the guest memory of an evaluation. The functions report whether the
// access is allowed; what they move are the low size bytes of a value.
type Memory interface {
	Load(addr uint64, size int) (uint64, bool)
	Store(addr uint64, size int, v uint64) bool
}

// State is what an evaluation works on.
type State struct {
	X, F  [32]uint64
	Round softfloat.Round // of the mode Dynamic
	Flags softfloat.Flags
	Mem   Memory

	// The reservation of LR; Reserved is its size, 0 if there is none.
	ResAddr, ResValue uint64
	Reserved          int
}

// Outcome is how a trace was left.
type Outcome struct {
	Op    Op     // the operation that left it, Interp for InterpIf; that of the access for a fault
	PC    uint64 // where to go on; for a fault the instruction's address
	Fault bool
	Addr  uint64 // that the access was for
}

// Eval executes t, whose definition it is. A fault leaves the state as it was before
// the guest instruction's faulting operation.
func Eval(t *Trace, s *State) Outcome {
	e := NewEvaluation(s, len(t.Code))
	for k := 1; k < len(t.Code); k++ {
		if out, left := e.Step(&t.Code[k], Value(k)); left {
			return out
		}
	}
	panic("ir: a trace without end")
}

// Evaluation executes instructions one by one.
type Evaluation struct {
	State  *State
	Values []uint64 // what values are: floating-point numbers as bits, truth values as 0 or 1
	PC     uint64   // of the guest instruction
}

// NewEvaluation has room for so many values.
func NewEvaluation(s *State, values int) *Evaluation {
	return &Evaluation{State: s, Values: make([]uint64, values)}
}

// Step executes i, which makes v. It reports how a trace is left by it, if it is.
func (e *Evaluation) Step(i *Instr, v Value) (out Outcome, left bool) {
	s := e.State
	a, b, c := e.Values[i.Args[0]], e.Values[i.Args[1]], e.Values[i.Args[2]]
	switch {
	case i.Op == Inst:
		e.PC = i.Imm
	case i.Op == GetX:
		e.Values[v] = s.X[i.Imm]
	case i.Op == SetX:
		s.X[i.Imm] = a
	case i.Op == GetF:
		e.Values[v] = s.F[i.Imm]
	case i.Op == SetF:
		s.F[i.Imm] = a
	case i.Op == GetFlags:
		e.Values[v] = uint64(s.Flags)
	case i.Op == SetFlags:
		s.Flags = softfloat.Flags(a & 31)
	case i.Op == GetRound:
		e.Values[v] = uint64(s.Round)
	case i.Op == ExitIf:
		return Outcome{Op: ExitIf, PC: i.Imm}, a != 0
	case i.Op == InterpIf:
		return Outcome{Op: Interp, PC: i.Imm}, a != 0
	case i.Op.Has(Ends):
		return Outcome{Op: i.Op, PC: end(i, a)}, true
	case i.Op.Faults():
		x, ok := e.access(i.Op, a, b, c)
		if !ok {
			return Outcome{Op: i.Op, PC: e.PC, Fault: true, Addr: a}, true
		}
		e.Values[v] = x
	case i.Op.Has(Flags):
		e.Values[v] = e.float(i, a, b, c)
	case i.Op.Has(Pure):
		e.Values[v] = Compute(i.Op, i.Imm, a, b, c)
	}
	return Outcome{}, false
}

// end is where an ending operation leads.
func end(i *Instr, a uint64) uint64 {
	switch i.Op {
	case Jump, JumpSame, Call, Ret:
		return a &^ 1
	}
	return i.Imm
}

// round is the rounding mode of i.
func (e *Evaluation) round(i *Instr) softfloat.Round {
	if i.Imm == Dynamic {
		return e.State.Round
	}
	return softfloat.Round(i.Imm)
}

// float executes an operation that accrues exception flags.
func (e *Evaluation) float(i *Instr, a, b, c uint64) uint64 {
	rm, fl := e.round(i), &e.State.Flags
	f, ok := floats[i.Op]
	if !ok {
		panic(fmt.Sprintf("ir: %s has no evaluation", i.Op))
	}
	return f(a, b, c, rm, fl)
}
