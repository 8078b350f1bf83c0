package opt

import (
	"fmt"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Eval executes r, as the traces that it has been made of would be executed one after the other.
// What a function does that is called outside of the region, callee says. It is an error if
// the region is not left before limit guest instructions have begun, or if a variable does
// not hold what a phi or a block says that it holds. Where what a loop wants of integers is not so, it
// ends with that.
func (r *Region) Eval(s *ir.State, limit int, callee func(*ir.State)) (ir.Outcome, error) {
	return r.EvalObserved(s, limit, callee, nil)
}

// EvalObserved is Eval. Where somebody may observe the guest's state, it calls observed, if that
// is not nil, with the address of the guest instruction that is about to be executed.
func (r *Region) EvalObserved(s *ir.State, limit int, callee func(*ir.State), observed func(pc uint64)) (ir.Outcome, error) {
	e := evaluation{Evaluation: ir.NewEvaluation(s, len(r.Code)), r: r, limit: limit, observed: observed}
	var from *Block
	b := r.Blocks[0]
	for {
		if err := e.enter(b, from); err != nil {
			return ir.Outcome{}, fmt.Errorf("b%d: %w", b.ID, err)
		}
		edge, out, err := e.block(b)
		if err != nil || edge == nil {
			return out, err
		}
		from, b = b, edge.To
		if b.Reads {
			callee(s)
			e.forget()
		}
	}
}

// evaluation executes a region.
type evaluation struct {
	*ir.Evaluation
	r     *Region
	limit int // of guest instructions still to come
	vars  [MaxVars]uint64

	pc       uint64 // of the guest instruction
	observed func(pc uint64)
}

// enter begins a block.
func (e *evaluation) enter(b, from *Block) error {
	values := make([]uint64, len(b.Phis))
	for k, p := range b.Phis {
		a := p.Args[predIndex(b, from)]
		if values[k] = e.Values[a]; !e.r.Knows(p.Value, ir.Low) && Variable(&e.r.Code[p.Value]) < NumRegs {
			values[k] = e.held(a)
		}
	}
	for k, p := range b.Phis {
		e.Values[p.Value] = values[k]
		if n := Variable(&e.r.Code[p.Value]); *e.variable(n) != e.held(p.Value) {
			return fmt.Errorf("v%d is %#x, but %s %#x", p.Value, values[k], register(n), *e.variable(n))
		}
	}
	for n, v := range b.In {
		if v != 0 && !b.Reads && *e.variable(n) != e.held(v) {
			return fmt.Errorf("%s should be v%d, %#x, but is %#x", register(n), v, e.Values[v], *e.variable(n))
		}
	}
	return nil
}

// held is what a register is if it holds v.
func (e *evaluation) held(v ir.Value) uint64 {
	if !e.r.Knows(v, ir.Low) {
		return e.Values[v]
	}
	return uint64(int64(int32(e.Values[v])))
}

// step executes an instruction. What are compared as low halves may be anything above.
func (e *evaluation) step(i *ir.Instr, v ir.Value) (ir.Outcome, bool) {
	if i.Op.Info().Result == ir.Bool && e.r.Knows(v, ir.Low) {
		x, y := e.Values[i.Args[0]], e.Values[i.Args[1]]
		e.Values[v] = ir.Compute(i.Op, i.Imm, uint64(int64(int32(x))), uint64(int64(int32(y))), 0)
		return ir.Outcome{}, false
	}
	return e.Step(i, v)
}

// predIndex is the index of from among b's predecessors. Where both edges of a block lead to b, phis
// have the same argument for both.
func predIndex(b, from *Block) int {
	for k, p := range b.Preds {
		if p == from {
			return k
		}
	}
	return 0
}

// variable is where a variable is kept.
func (e *evaluation) variable(n int) *uint64 {
	switch {
	case n < firstF:
		return &e.State.X[n]
	case n < NumRegs:
		return &e.State.F[n-firstF]
	}
	return &e.vars[n]
}

// forget loses all values but constants, and variables that are no guest registers.
func (e *evaluation) forget() {
	for v := range e.Values {
		if _, isConst := e.r.ConstOf(ir.Value(v)); !isConst {
			e.Values[v] = lost
		}
	}
	for n := range e.vars {
		e.vars[n] = lost
	}
}

// lost is what nobody may see.
const lost = 0x1057_1057_1057_1057

// block executes the code of b. It returns the edge that b is left by, or how the region is.
func (e *evaluation) block(b *Block) (*Edge, ir.Outcome, error) {
	for _, v := range b.Code {
		i := &e.r.Code[v]
		switch {
		case i.Op == ir.GetX, i.Op == ir.GetF:
			e.Values[v] = *e.variable(Variable(i))
			continue
		case i.Op == ir.SetX, i.Op == ir.SetF:
			*e.variable(Variable(i)) = e.held(i.Args[0])
			continue
		case i.Op == ir.Inst:
			if e.limit--; e.limit < 0 {
				return nil, ir.Outcome{}, fmt.Errorf("not left in time")
			}
			e.pc = i.Imm
		}
		if e.observed != nil {
			e.observe(b, i)
		}
		if x := e.Values[i.Args[0]]; i.Op == ir.WantNarrow && uint64(int64(int32(x))) != x {
			return nil, ir.Outcome{Op: ir.WantNarrow, PC: e.pc}, nil
		}
		out, left := e.step(i, v)
		if i.Op != ir.ExitIf && i.Op != ir.Goto {
			switch {
			case left && i.Op.Has(ir.Ends) && len(b.Next) > 0: // a call
				return &b.Next[0], out, nil
			case left:
				return nil, out, nil
			}
			continue
		}
		edge, op := &b.Next[0], i.Op
		if !left {
			edge, op = &b.Next[1], ir.Goto
		}
		if edge.To != nil {
			return edge, out, nil
		}
		return nil, ir.Outcome{Op: op, PC: edge.PC}, nil
	}
	return nil, ir.Outcome{}, fmt.Errorf("b%d has no end", b.ID)
}

// observe calls observed if the state may be observed by i, the next instruction of b: also by an interrupt, where
// a loop goes back.
func (e *evaluation) observe(b *Block, i *ir.Instr) {
	back := func(n int) bool { return b.Next[n].To != nil && b.Next[n].To.ID <= b.ID }
	switch {
	case i.Op == ir.Goto && back(0):
		e.observed(b.Next[0].PC)
	case i.Op == ir.ExitIf:
		if b.Next[0].To == nil || b.Next[1].To == nil || back(0) || back(1) && !b.Next[0].To.Cold {
			e.observed(e.pc)
		}
	case i.Op.Observes() && !i.Op.Has(ir.Ends):
		e.observed(e.pc)
	}
}
