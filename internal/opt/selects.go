package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// chooseValues makes branches around a few cheap operations choices: guests without an instruction for that
// branch where a host's compiler would not, and where branches may go either way each time, the
// host mostly guesses wrong.
func chooseValues(r *Region) {
	for n := len(r.Blocks) - 1; n >= 0; n-- { // inner ones first
		s := selection{r: r, from: r.Blocks[n], at: map[[2]ir.Value]ir.Value{}}
		if s.find() && s.collect() {
			s.apply()
		}
	}
	r.renumber()
	r.Analyse()
}

// What choices may cost: operations that are always executed then, and choices.
const (
	maxChosenOps = 3
	maxChoices   = 2
)

// selection is a branch and what is on its two ways, which meet in a block: if it is taken, and if not.
// A way may be just an edge.
type selection struct {
	r    *Region
	from *Block
	arms [2]*Block // or nil
	to   *Block

	sets  []int                    // registers that are written
	pairs [][2]ir.Value            // what differs between both ways
	at    map[[2]ir.Value]ir.Value // the values of choices
	outs  [2][NumRegs]ir.Value     // what registers are at the ends of both ways
}

// find looks at the blocks.
func (s *selection) find() bool {
	if len(s.from.Next) != 2 || biased(s.from.Next[0].Count, s.from.Next[1].Count) {
		return false
	}
	taken, other := s.from.Next[0].To, s.from.Next[1].To
	if taken == nil || other == nil || taken == other {
		return false
	}
	first, second := s.arm(taken), s.arm(other)
	switch {
	case second != nil && second.Next[0].To == taken:
		s.arms, s.to = [2]*Block{nil, second}, taken
	case first != nil && first.Next[0].To == other:
		s.arms, s.to = [2]*Block{first, nil}, other
	case first != nil && second != nil && first.Next[0].To == second.Next[0].To:
		s.arms, s.to = [2]*Block{first, second}, first.Next[0].To
	default:
		return false
	}
	return s.to.ID > s.from.ID && !s.to.Reads
}

// biased reports whether a branch mostly goes one way.
func biased(taken, not uint64) bool { return max(taken, not) > 9*min(taken, not) }

// arm is b if that may be executed always.
func (s *selection) arm(b *Block) *Block {
	if len(b.Preds) != 1 || b.Reads || len(b.Phis) > 0 || len(b.Next) != 1 || b.Next[0].To == nil {
		return nil
	}
	ops := 0
	for _, v := range b.Code[:len(b.Code)-1] {
		switch i := &s.r.Code[v]; {
		case i.Op == ir.Inst || i.Op == ir.Const:
		case i.Op == ir.SetX && Variable(i) < NumRegs:
		case i.Op.Has(ir.Pure) && !i.Op.Has(ir.Rare) && !costly(i.Op):
			ops++
		default:
			return nil
		}
	}
	if ops > maxChosenOps {
		return nil
	}
	return b
}

// costly reports whether an operation takes the host more than one cycle or so.
func costly(op ir.Op) bool { return op == ir.Mul || op >= ir.MulhSs && op <= ir.RemU32 }

// collect finds what there is to choose from.
func (s *selection) collect() bool {
	before := s.r.out(s.from)
	for n, b := range s.arms {
		s.outs[n] = before
		if b == nil {
			continue
		}
		for _, v := range b.Code {
			if i := &s.r.Code[v]; i.Op == ir.SetX {
				k := Variable(i)
				s.outs[n][k] = i.Args[0]
				if !slices.Contains(s.sets, k) {
					s.sets = append(s.sets, k)
				}
			}
		}
	}
	for _, k := range s.sets {
		if !s.pair(s.outs[0][k], s.outs[1][k]) {
			return false
		}
	}
	for _, p := range s.to.Phis {
		if !s.pair(p.Args[s.pred(0)], p.Args[s.pred(1)]) {
			return false
		}
	}
	return len(s.pairs) <= maxChoices
}

// pred is the number of the predecessor in which a way ends.
func (s *selection) pred(n int) int {
	if s.arms[n] == nil {
		return slices.Index(s.to.Preds, s.from)
	}
	return slices.Index(s.to.Preds, s.arms[n])
}

// pair adds what is to be chosen from, unless both are the same. It reports false if there is no choice of such values.
func (s *selection) pair(x, y ir.Value) bool {
	switch {
	case x == 0 || y == 0:
		return false
	case x == y || slices.Contains(s.pairs, [2]ir.Value{x, y}):
		return true
	}
	s.pairs = append(s.pairs, [2]ir.Value{x, y})
	return s.r.Type(x) == ir.I64
}

// apply has the branch's block do what is on both ways, and choose.
func (s *selection) apply() {
	b, last := s.from, s.from.Last()
	b.Code = b.Code[:len(b.Code)-1]
	for _, arm := range s.arms {
		if arm == nil {
			continue
		}
		for _, v := range arm.Code {
			if s.r.Code[v].Op.Has(ir.Pure) {
				b.Code = append(b.Code, v)
			}
		}
	}
	for _, p := range s.pairs {
		s.at[p] = s.put(ir.Instr{Op: ir.Choose, Args: [3]ir.Value{s.condition(s.r.Code[last].Args[0]), p[0], p[1]}})
	}
	for _, k := range s.sets {
		s.put(ir.Instr{Op: ir.SetX, Imm: uint64(k), Args: [3]ir.Value{s.chosen(s.outs[0][k], s.outs[1][k])}})
	}
	e := Edge{To: s.to, PC: s.from.Next[0].PC}
	if s.arms[0] != nil {
		e.PC = s.arms[0].Next[0].PC
	}
	s.r.Code[last] = ir.Instr{Op: ir.Goto, Imm: e.PC}
	b.Code, b.Next = append(b.Code, last), []Edge{e}
	s.join()
}

func (s *selection) put(i ir.Instr) ir.Value {
	v := s.r.New(i)
	s.from.Code = append(s.from.Code, v)
	return v
}

// condition is c for one choice: comparisons are best made where they are used.
func (s *selection) condition(c ir.Value) ir.Value {
	if i := s.r.Code[c]; i.Op.Has(ir.Pure) {
		return s.put(i)
	}
	return c
}

// chosen is x if the branch would be taken, else y.
func (s *selection) chosen(x, y ir.Value) ir.Value {
	if x == y {
		return x
	}
	return s.at[[2]ir.Value{x, y}]
}

// join has the block where both ways meet come behind the branch's.
func (s *selection) join() {
	first, second := s.pred(0), s.pred(1)
	for k := range s.to.Phis {
		p := &s.to.Phis[k]
		p.Args[first] = s.chosen(p.Args[first], p.Args[second])
		p.Args = slices.Delete(p.Args, second, second+1)
	}
	s.to.Preds[first] = s.from
	s.to.Preds = slices.Delete(s.to.Preds, second, second+1)
	for _, arm := range s.arms {
		if arm != nil {
			arm.Next, arm.Preds = nil, nil
		}
	}
}
