package opt

import (
	"fmt"
	"strings"

	"github.com/hospes-vm/hospes/internal/ir"
)

// String is the text form: blocks with their predecessors, phis, instructions as in a trace, and
// edges at the end; what is behind an arrow without a block is outside of the region.
//
//	region 0x1000
//	b1 0x1000 from b0 b1, loop of b1
//	v70 = phi x10 b0 v10, b1 v73
//	inst 0x1000
//	v73 = add v70, v72
//	setx v73, 10
//	exitif v75, 0x1000
//	-> b1 0x1000 (90), 0x1008 (10)
//
// Registers that are read where a region is entered, but used nowhere, are left out.
func (r *Region) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "region %#x\n", r.PC)
	uses := r.Uses()
	for _, b := range r.Blocks {
		fmt.Fprintf(&s, "b%d %#x", b.ID, b.PC)
		for n, p := range b.Preds {
			fmt.Fprintf(&s, "%s b%d", [...]string{" from", ""}[min(n, 1)], p.ID)
		}
		if b.Loop != nil {
			fmt.Fprintf(&s, ", loop of b%d", b.Loop.Head.ID)
		}
		s.WriteByte('\n')
		for _, p := range b.Phis {
			r.writePhi(&s, b, &p)
		}
		for _, v := range b.Code {
			i := &r.Code[v]
			if !b.Reads || Variable(i) < 0 || uses[v] > 0 {
				s.WriteString(i.Text(v) + "\n")
			}
		}
		writeEdges(&s, b)
	}
	return s.String()
}

func (r *Region) writePhi(s *strings.Builder, b *Block, p *Phi) {
	fmt.Fprintf(s, "v%d = phi %s", p.Value, register(Variable(&r.Code[p.Value])))
	for n, a := range p.Args {
		fmt.Fprintf(s, "%s b%d v%d", [...]string{"", ","}[min(n, 1)], b.Preds[n].ID, a)
	}
	s.WriteByte('\n')
}

func writeEdges(s *strings.Builder, b *Block) {
	for n, e := range b.Next {
		s.WriteString([...]string{"-> ", ", "}[n])
		if e.To != nil {
			fmt.Fprintf(s, "b%d ", e.To.ID)
		}
		fmt.Fprintf(s, "%#x", e.PC)
		if e.Count > 0 {
			fmt.Fprintf(s, " (%d)", e.Count)
		}
	}
	if len(b.Next) > 0 {
		s.WriteByte('\n')
	}
}

// Uses counts how often each value is an argument of an instruction or a phi.
func (r *Region) Uses() []int32 { return r.countUses(make([]int32, len(r.Code))) }

func (r *Region) countUses(n []int32) []int32 {
	clear(n)
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			for _, a := range p.Args {
				n[a]++
			}
		}
		for _, v := range b.Code {
			for _, a := range r.Code[v].Args {
				n[a]++
			}
		}
	}
	n[0] = 0
	return n
}

// countNeeds counts uses by what computes, that is without those by registers: which hold what it costs nothing to tell. Of phis
// it is not known here whether anything computes with them.
func (r *Region) countNeeds(n []int32, phis bool) []int32 {
	r.countUses(n)
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			for _, a := range p.Args {
				if !phis {
					n[a]--
				}
			}
		}
		for _, v := range b.Code {
			if i := &r.Code[v]; i.Op == ir.SetX {
				n[i.Args[0]]--
			}
		}
	}
	n[0] = 0
	return n
}
