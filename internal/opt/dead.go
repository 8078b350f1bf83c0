package opt

import "github.com/hospes-vm/hospes/internal/ir"

// vars is a set of variables.
type vars [MaxVars / 64]uint64

func (s *vars) add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s *vars) remove(n int)   { s[n/64] &^= 1 << (n % 64) }
func (s *vars) has(n int) bool { return s[n/64]>>(n%64)&1 != 0 }

func (s *vars) union(t vars) {
	for k := range s {
		s[k] |= t[k]
	}
}

// guestVars are the variables that are seen wherever the guest's state is.
var guestVars = vars{0: ^uint64(0)}

// dropDead removes writes of variables that nobody sees, and what is computed for them only.
func dropDead(g *ir.Graph) {
	in := make([]vars, len(g.Chains)) // live at the beginning
	for changed := true; changed; {
		changed = false
		for n := len(g.Chains) - 1; n >= 0; n-- {
			if live := liveness(g.Chains[n], in, nil); live != in[n] {
				in[n], changed = live, true
			}
		}
	}
	longest := 0
	for _, c := range g.Chains {
		longest = max(longest, len(c.Code))
	}
	p := compacter{dead: make([]bool, longest), uses: make([]int32, longest), to: make([]ir.Value, longest)}
	for _, c := range g.Chains {
		dead := p.dead[:len(c.Code)]
		clear(dead)
		liveness(c, in, dead)
		p.compact(c, dead)
	}
}

// liveness returns the variables that are live at the beginning of a chain, with those at the
// beginnings of all; it marks writes that are dead.
func liveness(c *ir.Chain, in []vars, dead []bool) (live vars) {
	way := len(c.Ways) - 1 // the last one at or before k
	for k := len(c.Code) - 1; k > 0; k-- {
		i := &c.Code[k]
		switch n := Variable(i); i.Op {
		case ir.GetX, ir.GetF:
			live.add(n)
		case ir.SetX, ir.SetF:
			if dead != nil && !live.has(n) {
				dead[k] = true
			}
			live.remove(n)
		default:
			switch {
			case way >= 0 && c.Ways[way].From == ir.Value(k):
				w := &c.Ways[way]
				way--
				live.union(in[w.To])
				if w.Back || i.Op != ir.Goto && i.Op != ir.ExitIf {
					live.union(guestVars)
				}
			case i.Op.Observes() || i.Op.Has(ir.Flags) || i.Op == ir.S || i.Op == ir.H: // host code may leave the latter to the interpreter
				live.union(guestVars)
			}
		}
	}
	return live
}

// compacter has what compact needs.
type compacter struct {
	dead []bool
	uses []int32
	to   []ir.Value
}

// compact removes instructions of a chain that are dead, and those whose values nobody uses.
func (p *compacter) compact(c *ir.Chain, dead []bool) {
	uses, to := p.uses[:len(c.Code)], p.to
	clear(uses)
	for k := len(c.Code) - 1; k > 0; k-- {
		i := &c.Code[k]
		unused := uses[k] == 0 && (i.Op.Has(ir.Pure) || i.Op == ir.GetX || i.Op == ir.GetF)
		if dead[k] || unused {
			dead[k] = true
			continue
		}
		for _, a := range i.Args {
			uses[a]++
		}
	}
	to[0] = 0
	kept, origins := c.Code[:1], c.Origins[:1]
	for k := 1; k < len(c.Code); k++ {
		if dead[k] {
			continue
		}
		i := c.Code[k]
		for n, a := range i.Args {
			i.Args[n] = to[a]
		}
		to[k] = ir.Value(len(kept))
		c.Facts[to[k]] = c.Facts[k]
		kept, origins = append(kept, i), append(origins, c.Origins[k])
	}
	c.Code, c.Facts, c.Origins = kept, c.Facts[:len(kept)], origins
	for k := range c.Ways {
		c.Ways[k].From = to[c.Ways[k].From]
	}
}
