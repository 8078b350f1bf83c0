package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// dropWrites removes writes of guest registers that nobody sees: the register is written again
// before the state is looked at, and no block begins with the value in it that it needs.
func dropWrites(r *Region) {
	w := writes{r: r, in: make([]vars, len(r.Blocks)), reads: make([]vars, len(r.Blocks))}
	w.findReads()
	for changed := true; changed; {
		changed = false
		for n := len(r.Blocks) - 1; n >= 0; n-- {
			if live := w.live(r.Blocks[n], nil); live != w.in[n] {
				w.in[n], changed = live, true
			}
		}
	}
	dead := r.mem.flags.take(len(r.Code))
	some := false
	lost := make([]vars, len(r.Blocks)) // by block: what registers do not hold at its end any more
	for _, b := range r.Blocks {
		w.lost = false
		if w.live(b, dead); !w.lost {
			continue
		}
		some = true
		kept := b.Code[:0]
		for _, v := range b.Code {
			if !dead[v] {
				kept = append(kept, v)
			}
			if i := &r.Code[v]; i.Op == ir.SetX || i.Op == ir.SetF {
				if n := Variable(i); dead[v] {
					lost[b.ID].add(n)
				} else {
					lost[b.ID].remove(n)
				}
			}
		}
		b.Code = kept
	}
	if some {
		r.forget(lost)
	}
}

// writes is the state of dropWrites.
type writes struct {
	r     *Region
	in    []vars // by block: variables that are live at its beginning
	reads []vars // by block: variables that it reads there
	lost  bool   // live has found a write that is dead
}

// findReads finds what blocks read: phis, and values of other blocks that registers hold at the
// beginning of a chain.
func (w *writes) findReads() {
	made := w.r.mem.numbers.take(len(w.r.Code)) // by value: the last chain that makes it or has looked for it
	for n, blocks := range w.r.chains() {
		chain := int32(n + 1)
		for _, b := range blocks {
			for _, p := range b.Phis {
				w.reads[b.ID].add(Variable(&w.r.Code[p.Value]))
				made[p.Value] = chain
			}
			for _, v := range b.Code {
				for _, a := range w.r.Code[v].Args {
					if a == 0 || made[a] == chain {
						continue
					}
					made[a] = chain
					if k := slices.Index(blocks[0].In[:], a); k > 0 {
						w.reads[blocks[0].ID].add(k)
					}
				}
				made[v] = chain
			}
		}
	}
}

// live returns what is live at the beginning of b, and adds writes that are dead to dead, if that is
// not nil.
func (w *writes) live(b *Block, dead []bool) (live vars) {
	for _, e := range b.Next {
		if e.To == nil || e.To.Reads || e.To.ID <= b.ID {
			live.union(guestVars)
		} else {
			live.union(w.in[e.To.ID])
		}
	}
	for k := len(b.Code) - 1; k >= 0; k-- {
		v := b.Code[k]
		switch i := &w.r.Code[v]; {
		case i.Op == ir.SetX || i.Op == ir.SetF:
			n := Variable(i)
			if dead != nil && n < NumRegs && !live.has(n) {
				dead[v], w.lost = true, true
			}
			live.remove(n)
		case i.Op == ir.ExitIf || i.Op == ir.Goto:
		case i.Op.Observes():
			live.union(guestVars)
		}
	}
	live.union(w.reads[b.ID])
	return live
}

// forget notes that registers do not hold what blocks begin with where writes have been removed.
func (r *Region) forget(lost []vars) {
	for changed := true; changed; {
		changed = false
		for _, b := range r.Blocks {
			out := r.out(b)
			for _, e := range b.Next {
				if e.To == nil || e.To.Reads {
					continue
				}
				for n, v := range e.To.In {
					if v != 0 && (out[n] == 0 || lost[b.ID].has(n)) {
						e.To.In[n], changed = 0, true
					}
				}
			}
		}
	}
}
