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
	w := &windows{r: r, at: r.definitions(), number: r.mem.numbers.take(len(r.Code))}
	w.findRoots()
	if len(w.roots) == 0 {
		return
	}
	w.solve()
	if !r.NoLooks && w.addGuards() {
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
type distance uint16

const far = distance(ir.MaxNear) + 1

// windows is the state of bounds. Addresses are roots plus constants; of roots it is known how
// far away they are.
type windows struct {
	r      *Region
	at     []*Block   // by value: where it is made
	number []int32    // by value: of a root its number, plus 1
	roots  []ir.Value // by number; first those that count in several blocks
	shared int        // so many

	events  [][]event  // by block, in order
	in, out []distance // by block and shared root, at the beginning and at the end of the block
	dirty   []bool     // by block: more is known of what leads to it than it has been given
	known   []distance // by root, for walk
}

// event is what tells something of a root: it is made here, or something is accessed that is so far away.
type event struct {
	v      ir.Value // the access; 0 if the root is made or looked at
	root   int32    // its number
	offset distance
	made   bool
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
	var local []ir.Value
	for _, b := range w.r.Blocks {
		for _, v := range b.Code {
			if i := &w.r.Code[v]; accesses(i.Op) {
				if root, _ := w.r.rootOf(i.Args[0]); w.at[root] == b && !w.isPhi(root) {
					local = append(local, root)
				} else {
					w.share(root)
				}
			}
		}
	}
	w.shared = len(w.roots)
	for _, root := range local {
		w.add(root)
	}
}

// add gives a root a number. It reports whether it had none.
func (w *windows) add(root ir.Value) bool {
	if w.number[root] != 0 || w.r.Code[root].Op == ir.Const {
		return false
	}
	w.roots = append(w.roots, root)
	w.number[root] = int32(len(w.roots))
	return true
}

// share adds a root that counts in several blocks, with those that it may be.
func (w *windows) share(root ir.Value) {
	if !w.add(root) || !w.isPhi(root) {
		return
	}
	for _, p := range w.at[root].Phis {
		if p.Value == root {
			for _, a := range p.Args {
				from, _ := w.r.rootOf(a)
				w.share(from)
			}
		}
	}
}

// isPhi reports whether a value is a phi.
func (w *windows) isPhi(v ir.Value) bool {
	return Variable(&w.r.Code[v]) >= 0 && !w.at[v].Reads
}

// accesses reports whether op accesses memory for sure, if it does not fault: sc may not.
func accesses(op ir.Op) bool { return op.Faults() && !op.Has(ir.Atomic) }

// of is how far v may be away, with what is known of shared roots.
func (w *windows) of(v ir.Value, known []distance) distance {
	root, offset := w.r.rootOf(v)
	n := int(w.number[root])
	if n == 0 || n > w.shared {
		return far
	}
	return known[n-1].plus(offset)
}

// findEvents finds what tells something of roots.
func (w *windows) findEvents() {
	w.events = make([][]event, len(w.r.Blocks))
	list := w.r.mem.events.room(len(w.number) / 2)
	for k, b := range w.r.Blocks {
		begin := len(list)
		for _, v := range b.Code {
			if int(v) < len(w.number) && w.number[v] != 0 {
				list = append(list, event{root: w.number[v] - 1, made: true})
			}
			i := &w.r.Code[v]
			if !accesses(i.Op) && i.Op != ir.WantWindow {
				continue
			}
			root, offset := w.r.rootOf(i.Args[0])
			if n := w.number[root]; n != 0 {
				e := event{v: v, root: n - 1, offset: distance(0).plus(offset)}
				if i.Op == ir.WantWindow {
					e.v = 0
				}
				list = append(list, e)
			}
		}
		w.events[k] = list[begin:]
	}
}

// row is the part for a block of what is known by block and shared root.
func (w *windows) row(all []distance, b *Block) []distance {
	return all[b.ID*w.shared : (b.ID+1)*w.shared]
}

// solve computes what is known at the beginning of each block: as much as possible, by starting
// with everything.
func (w *windows) solve() {
	w.findEvents()
	size := len(w.r.Blocks) * w.shared
	m := w.r.mem
	w.in, w.out = m.windows.take(size), m.windows.take(size)
	w.known, w.dirty = m.windows.take(len(w.roots)), m.flags.take(len(w.r.Blocks))
	in := m.windows.take(w.shared)
	const enough = 8 // rounds; what still grows then has no end
	for round, changed := 0, true; changed; round++ {
		changed = false
		for _, b := range w.r.Blocks {
			if round > 0 && !w.dirty[b.ID] {
				continue
			}
			w.dirty[b.ID] = false
			w.meet(b, in)
			old := w.row(w.in, b)
			for n := range in {
				if in[n] > old[n] && round > enough {
					in[n] = far
				}
			}
			if slices.Equal(in, old) && round > 0 {
				continue
			}
			copy(old, in)
			known := w.walk(b, nil)
			if out := w.row(w.out, b); !slices.Equal(out, known) {
				copy(out, known)
				changed = true
				for _, e := range b.Next {
					if e.To != nil {
						w.dirty[e.To.ID] = true
					}
				}
			}
		}
	}
}

// meet finds what is known at the beginning of a block by what is at the ends of those before.
func (w *windows) meet(b *Block, in []distance) {
	if b.Reads {
		for n := range in {
			in[n] = far
		}
		return
	}
	clear(in)
	for _, p := range b.Preds {
		for n, d := range w.row(w.out, p) {
			in[n] = max(in[n], d)
		}
	}
	for _, p := range b.Phis {
		n := int(w.number[p.Value])
		if n == 0 {
			continue
		}
		in[n-1] = 0
		for k, pred := range b.Preds {
			in[n-1] = max(in[n-1], w.of(p.Args[k], w.row(w.out, pred)))
		}
	}
}

// walk goes through a block, and returns what is known of shared roots at its end. It calls access, if
// that is not nil, with each access, and whether it is near the window for sure.
func (w *windows) walk(b *Block, access func(v ir.Value, near bool)) []distance {
	known := w.known
	copy(known, w.row(w.in, b))
	for k := range w.events[b.ID] {
		e := &w.events[b.ID][k]
		if e.made {
			known[e.root] = far
			continue
		}
		if access != nil && e.v != 0 {
			access(e.v, known[e.root].plus(int64(e.offset)) < far)
		}
		known[e.root] = min(known[e.root], e.offset)
	}
	return known[:w.shared]
}

// guard is a comparison of v ahead of a loop.
type guard struct {
	loop *Loop
	v    ir.Value
}

// addGuards has addresses compared ahead of loops. It reports whether there are any.
func (w *windows) addGuards() bool {
	seen := make([]bool, w.shared)
	var guards []guard
	for _, b := range w.r.Blocks {
		w.walk(b, func(v ir.Value, near bool) {
			root, _ := w.r.rootOf(w.r.Code[v].Args[0])
			n := int(w.number[root]) - 1
			if near || n >= w.shared || seen[n] {
				return
			}
			if g, ok := w.guard(b, root, w.at[root]); ok {
				seen[n] = true
				guards = append(guards, g)
			}
		})
	}
	added := false
	for _, g := range guards {
		if from := w.r.preheader(g.loop.Head.Loop); from != nil { // loops are found anew where one gets a preheader
			w.r.want(from, ir.WantWindow, g.v)
			added = true
		}
	}
	return added
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
