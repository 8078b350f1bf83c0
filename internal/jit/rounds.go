//go:build amd64

package jit

import (
	"math"
	"math/bits"
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// What is loose at the end of a chain may stay so where the next one begins, so that nobody looks at it each time a loop goes
// round. What a loop is entered with may be anything: a NaN that is not canonical is not one that stands for another. So such a
// chain is compiled more than once: as it mostly begins, and in versions for what does not fit, as for the first time round.

// versions is how often a chain may be compiled: the first is as it mostly begins, and the last with all numbers exact.
const versions = 4

// maxVersions is the size of code from which on no more than these two are made.
const maxVersions = 1 << 16

// entry is what there is when a chain begins: in which ways variables are loose.
type entry struct {
	words  uint32               // integer registers: ir.Chain.Loose
	floats [maxVars / 64]uint64 // floating-point variables that are, by bit
	fix    [maxVars]ir.Fix      // of these
}

// exact is the entry of code outside of graphs.
var exact entry

// allows is in which ways variable n may be loose.
func (e *entry) allows(n int) ir.Fix {
	if n < firstF {
		return ir.Fix(e.words>>n&1) * ir.FixSign
	}
	return e.fix[n]
}

// versionOf returns the code of a chain that is gone on with, as starts are numbered, and what that begins with.
func (c *Compiler) versionOf(to int) (version int, e *entry) {
	s := c.graph
	all := s.entries[versions*to:][:versions]
	fit := c.fitting(&all[0])
	k := 0
	for k < versions && (k > 0 && !s.asked[versions*to+k] || all[k].floats != fit.floats) {
		k++
	}
	if k == versions {
		k = c.newVersion(to, &fit)
	}
	s.asked[versions*to+k] = true
	return versions*to + k, &all[k]
}

// newVersion is a version of a chain for what fits, or at least not for more.
func (c *Compiler) newVersion(to int, fit *entry) (best int) {
	s := c.graph
	best = versions - 1
	for k := 1; k < versions-1 && fit.floats != exact.floats; k++ {
		e := &s.entries[versions*to+k]
		switch {
		case s.asked[versions*to+k]:
			if e.within(fit) && e.count() > s.entries[versions*to+best].count() {
				best = k
			}
		case c.a.Len()-c.code.Start < maxVersions:
			*e = *fit
			return k
		}
	}
	return best
}

// within reports whether no more is loose than at f.
func (e *entry) within(f *entry) bool {
	return e.floats[0]&^f.floats[0]|e.floats[1]&^f.floats[1] == 0
}

// count is how many floating-point variables are loose.
func (e *entry) count() int { return bits.OnesCount64(e.floats[0]) + bits.OnesCount64(e.floats[1]) }

// exact is the code of a chain that wants all floating-point variables to be exact, as starts are numbered.
func (s *graphState) exact(to int) int {
	version := versions * to
	if s.entries[version].floats != exact.floats {
		version += versions - 1
	}
	s.asked[version] = true
	return version
}

// fitting is what of e fits: the variables that either are loose so, or can be taken for it.
func (c *Compiler) fitting(e *entry) (fit entry) {
	fit = *e
	for k, set := range e.floats {
		for ; set != 0; set &= set - 1 {
			n := 64*k + bits.TrailingZeros64(set)
			v := c.state.cur[n]
			is := c.state.fix(uint64(n)) | c.state.sure[v]
			if c.boxed[v] {
				is |= ir.FixBox
			}
			if e.fix[n]&^is != 0 {
				fit.set(n, 0)
			}
		}
	}
	return fit
}

// isSure says that v, a number of which kind the bit tells, is no NaN but the canonical one.
func (c *Compiler) isSure(v ir.Value, single bool) {
	if c.state != nil {
		c.state.sure[v] |= nanFix(single)
	}
}

func nanFix(single bool) ir.Fix {
	if single {
		return ir.FixNaN32
	}
	return ir.FixNaN64
}

// rounds is the state of finding the entries of chains.
type rounds struct {
	c       *Compiler
	chains  []*ir.Chain
	preds   [][]passage // by chain
	demands [][maxVars]ir.Fix
	values  []delivery // by value of the chain in work
}

// passage is a way from one chain to another, with what it delivers.
type passage struct {
	from, to int
	back     bool
	ignored  [maxVars / 64]uint64 // variables, by bit, of which it does not count: they are written each time the loop goes round
	kept     [maxVars / 64]uint64 // variables that have not been written when it is taken
	out      []delivery           // by variable; of those that have been written
}

// delivery is what a variable holds: in which ways it is loose, and in which it may be taken to be. If from is not 0, it is as
// variable from is where the chain begins.
type delivery struct {
	is, may ir.Fix
	from    uint8
}

// findEntries finds what chains begin with. It need not be what they get in the end: that is seen when they are compiled.
func (c *Compiler) findEntries() {
	s := c.graph
	s.entries = zeroed(s.entries, versions*len(s.g.Chains))
	s.asked = zeroed(s.asked, len(s.entries))
	floats := false
	for n, ch := range s.g.Chains {
		for k := range versions {
			s.entries[versions*n+k].words = ch.Loose
		}
		for k := range ch.Code {
			floats = floats || ch.Code[k].Op == ir.SetF
		}
	}
	if !floats {
		return
	}
	count := len(s.g.Chains)
	r := &rounds{c: c, chains: s.g.Chains, preds: make([][]passage, count), demands: make([][maxVars]ir.Fix, count)}
	for n := range r.chains {
		r.read(n)
	}
	r.spread()
	r.ignore()
	r.solve()
}

// read finds what chain n delivers by each way, and what it wants of what it begins with.
func (r *rounds) read(n int) {
	ch := r.chains[n]
	r.values = zeroed(r.values, len(ch.Code))
	var out [maxVars]delivery
	kept := [maxVars / 64]uint64{^uint64(0), ^uint64(0)}
	for k := 1; k < len(ch.Code); k++ {
		i := &ch.Code[k]
		for at, a := range i.Args {
			if from := r.values[a].from; from != 0 {
				r.demands[n][from] |= ^tolerates(i, at)
			}
		}
		if i.Op == ir.SetF {
			v := variable(i)
			out[v] = r.values[i.Args[0]]
			kept[v/64] &^= 1 << (v % 64)
		} else if isFloat(i.Op.Info().Result) {
			r.values[k] = r.makes(ch, i)
		}
		if w := ch.Way(ir.Value(k)); w != nil && !r.chains[w.To].Entered {
			r.preds[w.To] = append(r.preds[w.To], passage{from: n, to: w.To, back: w.Back, kept: kept, out: slices.Clone(out[:])})
		}
	}
}

// makes is what instruction i makes.
func (r *rounds) makes(ch *ir.Chain, i *ir.Instr) (d delivery) {
	const single = ir.FixNaN32 | ir.FixBox
	switch x := i.Args[0]; i.Op {
	case ir.GetF:
		return delivery{from: uint8(variable(i))}
	case ir.S, ir.BoxS:
		return r.values[x]
	case ir.FsgnjS, ir.FsgnjD:
		if i.Args[1] == x {
			return r.values[x]
		}
	case ir.Float:
		if k, isConst := ch.ConstOf(x); isConst && !math.IsNaN(math.Float64frombits(k)) {
			d.may = ir.FixNaN64
		}
		return d
	case ir.FaddD, ir.FsubD, ir.FmulD, ir.FdivD, ir.FsqrtD, ir.F32ToF64:
		return delivery{is: ir.FixNaN64, may: ir.FixNaN64}
	case ir.FmaD, ir.FminD, ir.FmaxD, ir.FminmD, ir.FmaxmD, ir.I32ToF64, ir.U32ToF64, ir.I64ToF64, ir.U64ToF64:
		return delivery{may: ir.FixNaN64}
	case ir.FaddS, ir.FsubS, ir.FmulS, ir.FdivS, ir.FsqrtS, ir.F64ToF32:
		return delivery{is: single, may: single}
	case ir.FmaS, ir.FminS, ir.FmaxS, ir.FminmS, ir.FmaxmS, ir.I32ToF32, ir.U32ToF32, ir.I64ToF32, ir.U64ToF32:
		return delivery{is: ir.FixBox, may: single}
	}
	if i.Op.Info().Result == ir.F32 {
		d = delivery{is: ir.FixBox, may: ir.FixBox}
	}
	return d
}

// spread has chains want what those want to which they hand it on untouched, unless these are seldom executed.
func (r *rounds) spread() {
	for changed := true; changed; {
		changed = false
		for to := range r.preds {
			for _, p := range r.preds[to] {
				if 2*r.chains[to].Weight < r.chains[p.from].Weight {
					continue
				}
				for n, fix := range r.demands[to] {
					if had := r.demands[p.from][n]; p.kept[n/64]>>(n%64)&1 != 0 && fix&^had != 0 {
						r.demands[p.from][n], changed = had|fix, true
					}
				}
			}
		}
	}
}

// ignore finds, for each loop, the variables that are written whenever it goes round: what it is entered with is another matter.
func (r *rounds) ignore() {
	for head := range r.preds {
		in := r.body(head)
		if in == nil {
			continue
		}
		around := r.untouched(head, in)
		for k := range r.preds[head] {
			if p := &r.preds[head][k]; !in[p.from] {
				p.ignored = [maxVars / 64]uint64{^around[0], ^around[1]}
			}
		}
	}
}

// body are the chains of the loop with a head, or nil.
func (r *rounds) body(head int) (in []bool) {
	var found []int
	for _, p := range r.preds[head] {
		if p.back {
			found = append(found, p.from)
		}
	}
	if found == nil {
		return nil
	}
	in = make([]bool, len(r.chains))
	in[head] = true
	for len(found) > 0 {
		n := found[len(found)-1]
		found = found[:len(found)-1]
		if in[n] {
			continue
		}
		in[n] = true
		for _, p := range r.preds[n] {
			found = append(found, p.from)
		}
	}
	return in
}

// untouched are the variables that may still be what they were when a loop goes round.
func (r *rounds) untouched(head int, in []bool) (around [maxVars / 64]uint64) {
	at := make([][maxVars / 64]uint64, len(r.chains)) // where chains begin
	at[head] = [maxVars / 64]uint64{^uint64(0), ^uint64(0)}
	for changed := true; changed; {
		changed = false
		for n := range r.preds {
			for _, p := range r.preds[n] {
				if !in[n] || !in[p.from] {
					continue
				}
				for k := range around {
					more := at[p.from][k] & p.kept[k]
					if n == head {
						around[k] |= more
					} else if more&^at[n][k] != 0 {
						at[n][k] |= more
						changed = true
					}
				}
			}
		}
	}
	return around
}

// solve finds what chains begin with, until nothing changes any more.
func (r *rounds) solve() {
	const maxTurns = 10
	known := make([][maxVars / 64]uint64, len(r.chains)) // variables of which it is known, by bit
	s := r.c.graph
	for changed, turn := true, 0; changed && turn < maxTurns; turn++ {
		changed = false
		for n, ch := range r.chains {
			for v := firstF; v < len(s.g.Vars) && !ch.Entered; v++ {
				fix, ok := r.begins(n, v, known)
				if e, bit := &s.entries[versions*n], uint64(1)<<(v%64); ok && (fix != e.fix[v] || known[n][v/64]&bit == 0) {
					changed = true
					known[n][v/64] |= bit
					e.set(v, fix)
				}
			}
		}
	}
}

// set has variable n be loose.
func (e *entry) set(n int, fix ir.Fix) {
	e.fix[n] = fix
	e.floats[n/64] &^= 1 << (n % 64)
	if fix != 0 {
		e.floats[n/64] |= 1 << (n % 64)
	}
}

// begins is in which ways variable v may be loose where chain n begins.
func (r *rounds) begins(n, v int, known [][maxVars / 64]uint64) (fix ir.Fix, ok bool) {
	all := delivery{may: ^ir.Fix(0)}
	for k := range r.preds[n] {
		p := &r.preds[n][k]
		if p.ignored[v/64]>>(v%64)&1 != 0 {
			continue
		}
		d := p.out[v]
		if p.kept[v/64]>>(v%64)&1 != 0 {
			d.from = uint8(v)
		}
		if from := d.from; from != 0 {
			if !r.chains[p.from].Entered && known[p.from][from/64]>>(from%64)&1 == 0 {
				continue
			}
			fix := r.c.graph.entries[versions*p.from].fix[from]
			d = delivery{is: fix, may: fix}
		}
		all.is, all.may, ok = all.is|d.is, all.may&d.may, true
	}
	fix = all.is & all.may
	if fix&ir.FixNaN64 != 0 && fix != ir.FixNaN64 || fix&r.demands[n][v] != 0 {
		fix = 0
	}
	return fix, ok
}
