package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// fact returns what is known of a value, to be added to.
func (r *Region) fact(v ir.Value) *ir.Fact {
	for int(v) >= len(r.Facts) {
		r.Facts = append(r.Facts, 0)
	}
	return &r.Facts[v]
}

// Knows reports whether all of f is known of a value.
func (r *Region) Knows(v ir.Value, f ir.Fact) bool { return int(v) < len(r.Facts) && r.Facts[v]&f == f }

// preheader is the block that leads to the head of a loop from outside, and only there, or nil if
// there are several ways into it. It is made if need be.
func (r *Region) preheader(l *Loop) *Block {
	var from *Block
	for _, p := range l.Head.Preds {
		switch {
		case p.Within(l):
		case from != nil:
			return nil
		default:
			from = p
		}
	}
	if from == nil || len(from.Next) == 1 && r.Code[from.Last()].Op == ir.Goto {
		return from
	}
	k := slices.IndexFunc(from.Next, func(e Edge) bool { return e.To == l.Head })
	return r.split(from, k)
}

// split puts a block on the way k from a block.
func (r *Region) split(from *Block, k int) *Block {
	e := &from.Next[k]
	to := e.To
	b := &Block{PC: to.PC, Preds: []*Block{from}, Next: []Edge{{To: to, PC: to.PC, Count: e.Count}}, In: to.In, Count: e.Count}
	b.Code = []ir.Value{r.New(ir.Instr{Op: ir.Goto, Imm: to.PC})}
	at := slices.Index(to.Preds, from)
	for _, p := range to.Phis {
		if n := Variable(&r.Code[p.Value]); n < NumRegs {
			b.In[n] = p.Args[at]
		}
	}
	to.Preds[at], e.To = b, b
	r.Blocks = slices.Insert(r.Blocks, to.ID, b)
	for n, b := range r.Blocks {
		b.ID = n
	}
	r.Analyse()
	return b
}

// want has the beginning of a loop rely on what op says of v: looked at where the loop is entered, by
// the first instruction of it, as it were.
func (r *Region) want(from *Block, op ir.Op, v ir.Value) {
	pc := r.New(ir.Instr{Op: ir.Inst, Imm: from.Next[0].PC})
	look := r.New(ir.Instr{Op: op, Args: [3]ir.Value{v}})
	from.Code = slices.Insert(from.Code, len(from.Code)-1, pc, look)
}

// hoisted is the outermost loop around b that v is defined before, or nil. Where a loop that it
// begins with could be left without b being executed, it is not.
func (r *Region) hoisted(b *Block, def *Block) (out *Loop) {
	for l := b.Loop; l != nil && !def.Within(l); l = l.Outer {
		if !always(l, b) {
			break
		}
		out = l
	}
	return out
}

// always reports whether b is executed each time a loop goes round.
func always(l *Loop, b *Block) bool {
	for _, p := range l.Head.Preds {
		if p.Within(l) && !b.Dominates(p) {
			return false
		}
	}
	return true
}

// definitions are the blocks of values.
func (r *Region) definitions() []*Block {
	at := r.mem.places.take(len(r.Code))
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			at[p.Value] = b
		}
		for _, v := range b.Code {
			at[v] = b
		}
	}
	return at
}
