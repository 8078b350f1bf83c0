//go:build amd64

package jit

import (
	"cmp"
	"slices"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// chooseHomes gives homes to the variables of a graph: those that they have outside, unless others need them so
// much more that it pays to move both each time the graph is entered and left.
func chooseHomes(g *ir.Graph) homeTable {
	t := homes
	h := homeChoice{g: g, t: &t}
	for _, ch := range g.Chains {
		if ch.Entered {
			h.crossings += 2 * ch.Weight
		}
	}
	h.choose(false)
	h.choose(true)
	return t
}

// homeChoice is the state of chooseHomes.
type homeChoice struct {
	g         *ir.Graph
	t         *homeTable
	crossings uint64 // how often the graph is entered and left, about
}

// choose distributes the homes for integers, or for floating-point numbers.
func (h *homeChoice) choose(float bool) {
	var with, without []int // a home outside; the most used first
	for n, v := range h.g.Vars {
		switch {
		case (v.Type == ir.F64) != float:
		case homes.of(uint64(n)) != amd64.NoReg:
			with = append(with, n)
		case v.Weight > 0:
			without = append(without, n)
		}
	}
	byWeight := func(a, b int) int { return cmp.Compare(h.g.Vars[b].Weight, h.g.Vars[a].Weight) }
	slices.SortStableFunc(with, byWeight)
	slices.SortStableFunc(without, byWeight)
	for k, n := range without {
		if k == len(with) {
			return
		}
		other := with[len(with)-1-k]
		moves := h.crossings
		if n < ir.GuestVars {
			moves *= 2
		}
		if h.g.Vars[n].Weight <= h.g.Vars[other].Weight+moves {
			return
		}
		h.t[n], h.t[other] = h.t[other], amd64.RAX
	}
}

// Home is a variable and the host register it lives in.
type Home struct {
	Variable uint64
	Reg      amd64.Reg
}

// HomesOf lists the variables that have homes in the code of g.
func HomesOf(g *ir.Graph) (list []Home) {
	t := chooseHomes(g)
	for n := range uint64(maxVars) {
		if h := t.of(n); h != amd64.NoReg {
			list = append(list, Home{n, h})
		}
	}
	return list
}
