package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// wantNarrow looks ahead of loops at what they are entered with: whether registers hold sign extensions
// of their low halves, which all that loops set them to are. Of what goes round then only the low half
// need be computed.
func wantNarrow(r *Region) {
	if r.NoLooks {
		return
	}
	list := r.narrowCandidates()
	for round := 0; len(list) > 0; round++ {
		r.narrow = list
		d := newDemand(r)
		wanted := slices.DeleteFunc(slices.Clone(list), func(p ir.Value) bool { return d.want[p]>>32 != 0 || !d.narrow(p) })
		switch {
		case len(wanted) == len(list):
			r.lookNarrow(d)
			return
		case round > 0:
			wanted = nil
		}
		list = wanted
	}
	r.narrow = nil
}

// narrowCandidates are the phis for which this may do.
func (r *Region) narrowCandidates() (list []ir.Value) {
	some := false
	for _, b := range r.Blocks {
		if b.Loop == nil || b.Loop.Head != b || b.Reads || r.preheaderOf(b.Loop) == nil {
			continue
		}
		for _, p := range b.Phis {
			if Variable(&r.Code[p.Value]) < firstF && r.mayBeNarrow(b, &p) {
				list = append(list, p.Value)
				some = some || slices.ContainsFunc(p.Args, func(a ir.Value) bool { return makesWord(r.Code[a].Op) })
			}
		}
	}
	if !some {
		return nil
	}
	return list
}

// makesWord reports whether an operation is one of a guest's instruction for words.
func makesWord(op ir.Op) bool { return op == ir.Sext32 || op >= ir.Sll32 && op <= ir.Ror32 }

// mayBeNarrow reports whether what comes round a loop may be narrow, by a short look at it.
func (r *Region) mayBeNarrow(b *Block, p *Phi) bool {
	for k, from := range b.Preds {
		i := &r.Code[p.Args[k]]
		switch {
		case !from.Within(b.Loop), i.Op == ir.GetX, extends(i.Op):
		case i.Op == ir.Const, i.Op.Has(ir.Reads), i.Op >= ir.ZextB && i.Op <= ir.Zext16:
		default:
			return false
		}
	}
	return true
}

// preheaderOf is the only block that leads to the head of a loop from outside, or nil.
func (r *Region) preheaderOf(l *Loop) (from *Block) {
	for _, p := range l.Head.Preds {
		switch {
		case p.Within(l):
		case from != nil:
			return nil
		default:
			from = p
		}
	}
	return from
}

// lookNarrow looks at the registers of r.narrow, unless it is known that they are.
func (r *Region) lookNarrow(d *demand) {
	for k := 0; k < len(r.Blocks); k++ { // more may be made
		b := r.Blocks[k]
		for _, p := range b.Phis {
			if !slices.Contains(r.narrow, p.Value) {
				continue
			}
			a := p.Args[slices.Index(b.Preds, r.preheaderOf(b.Loop))]
			if int(a) < len(d.bits) && d.narrow(a) {
				continue
			}
			r.want(r.preheader(b.Loop), ir.WantNarrow, a)
		}
	}
}

// looked reports whether what p is where a loop is entered from a block is known to be narrow.
func (r *Region) looked(b *Block, p *Phi, from *Block) bool {
	return len(r.narrow) > 0 && slices.Contains(r.narrow, p.Value) && !from.Within(b.Loop)
}
