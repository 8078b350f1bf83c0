package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// foldBranches makes branches whose conditions are known jumps, drops blocks that cannot be
// reached any more, and joins a block with the one behind it if that is entered from there only.
func foldBranches(r *Region) {
	folded := false
	for _, b := range r.Blocks {
		if i := &r.Code[b.Last()]; i.Op == ir.ExitIf {
			if holds, known := r.truth(i.Args[0]); known {
				r.fold(b, holds)
				folded = true
			} else if b.Next[0] == b.Next[1] && b.Next[0].To != nil {
				r.fold(b, false)
				folded = true
			}
		}
	}
	if folded {
		r.renumber()
	}
	if joined := r.join(); joined || folded {
		r.renumber()
		r.Analyse()
	}
}

// truth reports whether v is always true or always false.
func (r *Region) truth(v ir.Value) (holds, known bool) { return truthOf(&r.Code[v]) }

// truthOf is that of a comparison of a value with itself. There are no constants of type bool.
func truthOf(i *ir.Instr) (holds, known bool) {
	return i.Op == ir.Eq, (i.Op == ir.Eq || i.Op == ir.Ne) && i.Args[0] == i.Args[1]
}

func truthBit(holds bool) uint64 {
	if holds {
		return 1
	}
	return 0
}

// fold makes the branch that ends b a jump.
func (r *Region) fold(b *Block, holds bool) {
	e := b.Next[1]
	if holds {
		e = b.Next[0]
	}
	b.Next = []Edge{e}
	r.Code[b.Last()] = ir.Instr{Op: ir.Goto, Imm: e.PC}
}

// renumber puts the blocks in reverse postorder again, with the arguments of phis for the
// predecessors that are left.
func (r *Region) renumber() {
	blocks := r.Blocks
	old := make([][]*Block, len(blocks))
	for n, b := range blocks {
		old[n] = b.Preds
	}
	r.order(r.Blocks[0])
	for n, b := range blocks {
		if b.ID >= len(r.Blocks) || r.Blocks[b.ID] != b || slices.Equal(b.Preds, old[n]) {
			continue
		}
		args := r.mem.lasts.take(len(b.Phis) * len(b.Preds))
		for k := range b.Phis {
			p := &b.Phis[k]
			was := p.Args
			p.Args, args = args[:len(b.Preds):len(b.Preds)], args[len(b.Preds):]
			for m, from := range b.Preds {
				p.Args[m] = was[slices.Index(old[n], from)]
			}
		}
	}
}

// join appends blocks to those that alone lead to them. Where a region is entered, blocks stay.
// It reports whether there were any.
func (r *Region) join() (joined bool) {
	by := r.mem.values.take(len(r.Code))
	for _, b := range r.Blocks {
		for !b.Reads && len(b.Next) == 1 && r.Code[b.Last()].Op == ir.Goto {
			to := b.Next[0].To
			if to == nil || to == b || len(to.Preds) != 1 {
				break
			}
			for _, p := range to.Phis {
				by[p.Value] = p.Args[0]
			}
			b.Code = append(b.Code[:len(b.Code)-1:len(b.Code)-1], to.Code...)
			b.Next, to.Next = to.Next, nil
			for _, e := range b.Next {
				if e.To != nil {
					for k, p := range e.To.Preds {
						if p == to {
							e.To.Preds[k] = b
						}
					}
				}
			}
			to.Code, to.Preds = nil, nil
			joined = true
		}
	}
	r.Replace(by)
	return joined
}
