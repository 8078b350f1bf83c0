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
	e := evaluation{s: s, v: make([]uint64, len(t.Code))}
	for k := 1; k < len(t.Code); k++ {
		i := &t.Code[k]
		a, b, c := e.v[i.Args[0]], e.v[i.Args[1]], e.v[i.Args[2]]
		switch {
		case i.Op == Inst:
			e.pc = i.Imm
		case i.Op == GetX:
			e.v[k] = s.X[i.Imm]
		case i.Op == SetX:
			s.X[i.Imm] = a
		case i.Op == GetF:
			e.v[k] = s.F[i.Imm]
		case i.Op == SetF:
			s.F[i.Imm] = a
		case i.Op == GetFlags:
			e.v[k] = uint64(s.Flags)
		case i.Op == SetFlags:
			s.Flags = softfloat.Flags(a & 31)
		case i.Op == GetRound:
			e.v[k] = uint64(s.Round)
		case i.Op == ExitIf:
			if a != 0 {
				return Outcome{Op: ExitIf, PC: i.Imm}
			}
		case i.Op == InterpIf:
			if a != 0 {
				return Outcome{Op: Interp, PC: i.Imm}
			}
		case i.Op.Has(Ends):
			return Outcome{Op: i.Op, PC: end(i, a)}
		case i.Op.Faults():
			v, ok := e.access(i.Op, a, b, c)
			if !ok {
				return Outcome{Op: i.Op, PC: e.pc, Fault: true, Addr: a}
			}
			e.v[k] = v
		case i.Op.Has(Flags):
			e.v[k] = e.float(i, a, b, c)
		case i.Op.Has(Pure):
			e.v[k] = pure(i.Op, i.Imm, a, b, c)
		}
	}
	panic("ir: a trace without end")
}

// end is where an ending operation leads.
func end(i *Instr, a uint64) uint64 {
	switch i.Op {
	case Jump, JumpSame, Call, Ret:
		return a &^ 1
	}
	return i.Imm
}

type evaluation struct {
	s  *State
	v  []uint64
	pc uint64
}

// round is the rounding mode of i.
func (e *evaluation) round(i *Instr) softfloat.Round {
	if i.Imm == Dynamic {
		return e.s.Round
	}
	return softfloat.Round(i.Imm)
}

// float executes an operation that accrues exception flags.
func (e *evaluation) float(i *Instr, a, b, c uint64) uint64 {
	rm, fl := e.round(i), &e.s.Flags
	f, ok := floats[i.Op]
	if !ok {
		panic(fmt.Sprintf("ir: %s has no evaluation", i.Op))
	}
	return f(a, b, c, rm, fl)
}
