package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// An address has to be compared with the end of the guest's window before it is used, unless it is
// known to be in there, or close: outside are guards, where accesses fault. An access that
// does not fault tells that its address is in the window. So an address that
// grows by little from one access to the next cannot leave it unnoticed, and a loop that
// goes through memory needs one comparison before it begins.

// bounds finds the accesses that need no comparison of their own, and has addresses compared ahead of
// loops where that makes it so.
func bounds(r *Region) {
	w := &windows{r: r, index: map[ir.Value]int{}}
	w.findRoots()
	if len(w.roots) == 0 {
		return
	}
	w.solve()
	if !r.NoLooks {
		w.addGuards()
		w.solve()
	}
	for _, b := range r.Blocks {
		w.walk(b, func(v ir.Value, near bool) {
			if near {
				*r.fact(v) |= ir.Near
			}
		})
	}
}

// distance is how far outside of the window an address may be at most: up to ir.MaxNear, or far.
type distance int32

const far = distance(ir.MaxNear) + 1

// windows is the state of bounds. Addresses are roots plus constants; of roots it is known how
// far away they are.
type windows struct {
	r     *Region
	roots []ir.Value
	index map[ir.Value]int // of roots
	in    [][]distance     // by block and root, at the beginning of the block
	out   [][]distance
}

// rootOf splits an address into one that is no sum with a constant, and the constant.
func (r *Region) rootOf(v ir.Value) (root ir.Value, offset int64) {
	for {
		i := &r.Code[v]
		if i.Op != ir.Add {
			return v, offset
		}
		k, ok := r.ConstOf(i.Args[1])
		if !ok {
			return v, offset
		}
		offset += int64(k)
		v = i.Args[0]
	}
}

// plus is d for an address that differs by an offset.
func (d distance) plus(offset int64) distance {
	if offset > int64(far) || offset < -int64(far) {
		return far
	}
	return min(far, d+distance(max(offset, -offset)))
}

// findRoots finds the roots of all addresses, and those of the phis among them.
func (w *windows) findRoots() {
	var add func(v ir.Value)
	phis := map[ir.Value]Phi{}
	for _, b := range w.r.Blocks {
		for _, p := range b.Phis {
			phis[p.Value] = p
		}
	}
	add = func(v ir.Value) {
		root, _ := w.r.rootOf(v)
		if _, ok := w.index[root]; ok || w.r.Code[root].Op == ir.Const {
			return
		}
		w.index[root] = len(w.roots)
		w.roots = append(w.roots, root)
		for _, a := range phis[root].Args {
			add(a)
		}
	}
	for _, b := range w.r.Blocks {
		for _, v := range b.Code {
			if i := &w.r.Code[v]; accesses(i.Op) {
				add(i.Args[0])
			}
		}
	}
}

// accesses reports whether op accesses memory for sure, if it does not fault: sc may not.
func accesses(op ir.Op) bool { return op.Faults() && !op.Has(ir.Atomic) }

// of is how far v may be away, with what is known of roots.
func (w *windows) of(v ir.Value, known []distance) distance {
	root, offset := w.r.rootOf(v)
	n, ok := w.index[root]
	if !ok {
		return far
	}
	return known[n].plus(offset)
}

// solve computes what is known at the beginning of each block: as much as possible, by starting
// with everything.
func (w *windows) solve() {
	w.in, w.out = make([][]distance, len(w.r.Blocks)), make([][]distance, len(w.r.Blocks))
	for k := range w.in {
		w.in[k], w.out[k] = make([]distance, len(w.roots)), make([]distance, len(w.roots))
	}
	const enough = 8 // rounds; what still grows then has no end
	for round, changed := 0, true; changed; round++ {
		changed = false
		for _, b := range w.r.Blocks {
			in := w.meet(b)
			for n := range in {
				if in[n] > w.in[b.ID][n] && round > enough {
					in[n] = far
				}
			}
			if slices.Equal(in, w.in[b.ID]) && round > 0 {
				continue
			}
			changed = true
			w.in[b.ID] = in
			w.out[b.ID] = w.walk(b, nil)
		}
	}
}

// meet is what is known at the beginning of a block by what is at the ends of those before.
func (w *windows) meet(b *Block) []distance {
	in := make([]distance, len(w.roots))
	if b.Reads {
		for n := range in {
			in[n] = far
		}
		return in
	}
	for _, p := range b.Preds {
		for n, d := range w.out[p.ID] {
			in[n] = max(in[n], d)
		}
	}
	for _, p := range b.Phis {
		n, ok := w.index[p.Value]
		if !ok {
			continue
		}
		in[n] = 0
		for k, pred := range b.Preds {
			in[n] = max(in[n], w.of(p.Args[k], w.out[pred.ID]))
		}
	}
	return in
}

// walk goes through a block, and returns what is known at its end. It calls access, if
// that is not nil, with each access, and whether it is near the window for sure.
func (w *windows) walk(b *Block, access func(v ir.Value, near bool)) []distance {
	known := slices.Clone(w.in[b.ID])
	for _, v := range b.Code {
		if n, ok := w.index[v]; ok {
			known[n] = far // it is made here
		}
		i := &w.r.Code[v]
		if !accesses(i.Op) && i.Op != ir.WantWindow {
			continue
		}
		root, offset := w.r.rootOf(i.Args[0])
		n, ok := w.index[root]
		if !ok {
			continue
		}
		if access != nil && i.Op != ir.WantWindow {
			access(v, known[n].plus(offset) < far)
		}
		known[n] = min(known[n], distance(0).plus(offset))
	}
	return known
}

// guard is a comparison of v ahead of a loop.
type guard struct {
	loop *Loop
	v    ir.Value
}

// addGuards has addresses compared ahead of loops.
func (w *windows) addGuards() {
	at := w.r.definitions()
	seen := map[ir.Value]bool{}
	var guards []guard
	for _, b := range slices.Clone(w.r.Blocks) {
		w.walk(b, func(v ir.Value, near bool) {
			root, _ := w.r.rootOf(w.r.Code[v].Args[0])
			if near || seen[root] {
				return
			}
			if g, ok := w.guard(b, root, at[root]); ok {
				seen[root] = true
				guards = append(guards, g)
			}
		})
	}
	for _, g := range guards {
		if from := w.r.preheader(g.loop); from != nil {
			w.r.want(from, ir.WantWindow, g.v)
		}
	}
}

// guard is the one that makes an access in b near, whose root is defined in a block.
func (w *windows) guard(b *Block, root ir.Value, def *Block) (g guard, ok bool) {
	if l := w.r.hoisted(b, def); l != nil {
		return guard{loop: l, v: root}, true
	}
	l := def.Loop
	if l == nil || l.Head != def || !always(l, b) {
		return g, false
	}
	k := slices.IndexFunc(def.Phis, func(p Phi) bool { return p.Value == root })
	if k < 0 {
		return g, false
	}
	p := def.Phis[k]
	outside := 0
	for n, pred := range def.Preds {
		a, offset := w.r.rootOf(p.Args[n])
		if !pred.Within(l) {
			g, outside = guard{loop: l, v: p.Args[n]}, outside+1
		} else if a != root || distance(0).plus(offset) == far {
			return g, false
		}
	}
	return g, outside == 1
}
