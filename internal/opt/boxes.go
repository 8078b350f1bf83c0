package opt

import "github.com/hospes-vm/hospes/internal/ir"

// A binary32 is read from a register only if it is NaN-boxed there. What a region has boxed
// itself need not be looked at; and what it is entered with is looked at ahead of loops.

// boxes finds the values that are boxed.
func boxes(r *Region) {
	reads := r.singles()
	if len(reads) == 0 {
		return
	}
	at := r.definitions()
	phis := map[ir.Value]Phi{}
	boxed := r.mem.flags.take(len(r.Code))
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			phis[p.Value] = p
			boxed[p.Value] = r.Code[p.Value].Op == ir.GetF // at first
		}
	}
	for v := range r.Code {
		boxed[v] = boxed[v] || r.boxes(ir.Value(v))
	}
	for changed := true; changed; {
		changed = false
		for v, p := range phis {
			if boxed[v] && !r.boxedPhi(p, at[v], boxed, reads[v]) {
				boxed[v], changed = false, true
			}
		}
	}
	for v, p := range phis {
		if boxed[v] {
			r.wantArgs(p, at[v], boxed)
		}
	}
	for v := range boxed {
		if boxed[v] {
			*r.fact(ir.Value(v)) |= ir.Boxed
		}
	}
	r.wantInvariants(at, reads, boxed)
}

// wantInvariants looks ahead of loops at values that are read in them, but made outside.
func (r *Region) wantInvariants(at []*Block, reads map[ir.Value]*Block, boxed []bool) {
	if r.NoLooks {
		return
	}
	for v := range boxed {
		x := ir.Value(v)
		b := reads[x]
		if b == nil || boxed[v] {
			continue
		}
		l := r.hoisted(b, at[v])
		if l == nil {
			continue
		}
		if from := r.preheader(l); from != nil {
			r.want(from, ir.WantBoxed, x)
			r.BoxedIn = append(r.BoxedIn, BoxedIn{x, l.Head})
		}
	}
}

// boxes reports whether an instruction makes a boxed value.
func (r *Region) boxes(v ir.Value) bool {
	i := &r.Code[v]
	if i.Op == ir.Float {
		k, ok := r.ConstOf(i.Args[0])
		return ok && k>>32 == 1<<32-1
	}
	return i.Op == ir.BoxS
}

// singles are the blocks that read a value as a binary32: one for each value.
func (r *Region) singles() map[ir.Value]*Block {
	reads := map[ir.Value]*Block{}
	for _, b := range r.Blocks {
		for _, v := range b.Code {
			if i := &r.Code[v]; i.Op == ir.S && reads[i.Args[0]] == nil {
				reads[i.Args[0]] = b
			}
		}
	}
	return reads
}

// boxedPhi reports whether a phi is boxed if others are: also if a look ahead of its loop makes it so,
// which is worthwhile if the loop reads it each time it goes round.
func (r *Region) boxedPhi(p Phi, b *Block, boxed []bool, read *Block) bool {
	outside, unknown := 0, 0
	for k, pred := range b.Preds {
		a := p.Args[k]
		out := b.Loop != nil && b.Loop.Head == b && !pred.Within(b.Loop)
		if out {
			outside++
		}
		switch {
		case boxed[a] || a == p.Value:
		case !out:
			return false
		default:
			unknown++
		}
	}
	return unknown == 0 || !r.NoLooks && outside == 1 && read != nil && read.Within(b.Loop) && always(b.Loop, read)
}

// wantArgs looks at what a boxed phi is where its loop is entered.
func (r *Region) wantArgs(p Phi, b *Block, boxed []bool) {
	for k := range b.Preds {
		if a := p.Args[k]; !boxed[a] && a != p.Value {
			r.want(r.preheader(b.Loop), ir.WantBoxed, a)
			return
		}
	}
}
