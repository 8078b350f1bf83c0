package opt

import (
	"fmt"
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Lower makes chains of a region. Where a chain uses a value of another one, it reads a variable
// that holds it: a guest register, if one does when the chain begins, else a variable
// that is made for it.
func Lower(r *Region) (*ir.Graph, error) {
	size := len(r.Code)
	byValue := r.mem.numbers.take(3 * size)
	room := 0
	for _, b := range r.Blocks {
		room += 1 + len(b.Code)*3/2 // constants are made where they are used
	}
	l := &lowering{
		r: r, chains: r.chains(), chainOf: make([]int, len(r.Blocks)), extra: r.Vars > NumRegs, loose: r.looseRegisters(),
		home: byValue[:size], def: byValue[size : 2*size], entry: byValue[2*size:], at: r.mem.values.take(size),
		code: make([]ir.Instr, 0, room), facts: make([]ir.Fact, 0, room), origins: make([]ir.Value, 0, room),
	}
	l.define()
	if err := l.findHomes(); err != nil {
		return nil, err
	}
	chains := make([]ir.Chain, len(l.chains))
	g := &ir.Graph{PC: r.PC, Chains: make([]*ir.Chain, len(chains))}
	for n := range chains {
		g.Chains[n] = &chains[n]
		l.chain(n, &chains[n])
	}
	dropDead(g)
	g.Vars = l.vars(g)
	return g, nil
}

// lowering is the state of Lower.
type lowering struct {
	r       *Region
	chains  [][]*Block
	chainOf []int    // by block
	extra   bool     // there are phis of variables made by passes
	loose   []uint32 // by block: see looseRegisters
	def     []int32  // by value: the chain that makes it, plus 1; negative if that begins with it, as a phi
	home    []int32  // by value: the variable made for it, or 0
	entry   []int32  // by value: the guest register that holds it where the chain in work begins, or 0

	c     *ir.Chain  // that is being made
	head  *Block     // that it begins with
	at    []ir.Value // its values by those of the region
	start int        // where it begins in what follows, which is of all chains

	code    []ir.Instr
	facts   []ir.Fact
	origins []ir.Value
}

// define notes where values are made.
func (l *lowering) define() {
	for n, blocks := range l.chains {
		for k, b := range blocks {
			l.chainOf[b.ID] = n
			for _, v := range b.Code {
				l.def[v] = int32(n + 1)
			}
			if k == 0 {
				for _, p := range b.Phis {
					l.def[p.Value] = -int32(n + 1)
				}
			}
		}
	}
}

// enter finds what variables hold where a chain begins; leave ends that.
func (l *lowering) enter(n int) {
	head := l.chains[n][0]
	for k := len(head.In) - 1; k > 0; k-- {
		l.entry[head.In[k]] = int32(k)
	}
	for _, p := range head.Phis {
		l.entry[p.Value] = int32(Variable(&l.r.Code[p.Value]))
	}
}

func (l *lowering) leave(n int) {
	head := l.chains[n][0]
	for _, v := range head.In {
		l.entry[v] = 0
	}
	for _, p := range head.Phis {
		l.entry[p.Value] = 0
	}
}

// used calls f with each value that a chain uses, those that variables made by passes are set to included.
func (l *lowering) used(n int, f func(v ir.Value)) {
	for _, b := range l.chains[n] {
		for _, v := range b.Code {
			for _, a := range l.r.Code[v].Args {
				if a != 0 {
					f(a)
				}
			}
		}
		if l.extra {
			l.sets(b, func(_ int, v ir.Value) { f(v) })
		}
	}
}

// sets calls f with each variable made by a pass that is set at the end of b, to be a phi, and to what.
func (l *lowering) sets(b *Block, f func(variable int, v ir.Value)) {
	for _, e := range b.Next {
		if e.To == nil {
			continue
		}
		at := slices.Index(e.To.Preds, b)
		for _, p := range e.To.Phis {
			if n := Variable(&l.r.Code[p.Value]); n >= NumRegs {
				f(n, p.Args[at])
			}
		}
	}
}

// findHomes makes variables for values that no guest register holds where they are needed.
func (l *lowering) findHomes() (err error) {
	for n := range l.chains {
		l.enter(n)
		l.used(n, func(v ir.Value) {
			if _, isConst := l.r.ConstOf(v); isConst || !l.reads(n, v) || l.holder(v) != 0 {
				return
			}
			made, ok := l.r.NewVar()
			if !ok {
				err = fmt.Errorf("too many variables")
			}
			l.home[v] = int32(made)
		})
		l.leave(n)
	}
	return err
}

// holder is a variable that holds v at the beginning of the chain in work, or 0.
func (l *lowering) holder(v ir.Value) int {
	if h := l.home[v]; h != 0 {
		return int(h)
	}
	return int(l.entry[v])
}

// chain makes a chain.
func (l *lowering) chain(n int, c *ir.Chain) {
	blocks := l.chains[n]
	*c = ir.Chain{Trace: ir.Trace{PC: blocks[0].PC}, Weight: l.r.weight(blocks[0]), Entered: blocks[0].Reads, Loose: l.loose[blocks[0].ID]}
	l.c, l.head, l.start = c, blocks[0], len(l.code)
	l.put(ir.Instr{}, 0)
	l.readAll(n)
	for _, p := range blocks[0].Phis { // what other chains need of it
		if h := l.home[p.Value]; h != 0 {
			if l.at[p.Value] == 0 {
				l.read(p.Value, Variable(&l.r.Code[p.Value]))
			}
			l.write(int(h), p.Value)
		}
	}
	for k, b := range blocks {
		var next *Block
		if k+1 < len(blocks) {
			next = blocks[k+1]
		}
		l.block(b, next)
	}
	c.Code, c.Facts, c.Origins = slices.Clip(l.code[l.start:]), slices.Clip(l.facts[l.start:]), slices.Clip(l.origins[l.start:])
	for _, v := range c.Origins {
		l.at[v] = 0
	}
}

// readAll reads what a chain needs from variables.
func (l *lowering) readAll(n int) {
	l.enter(n)
	l.used(n, func(v ir.Value) {
		k, isConst := l.r.ConstOf(v)
		switch {
		case l.at[v] != 0:
		case !isConst && l.reads(n, v):
			l.read(v, l.entryHolder(n, v))
		case isConst && !short(k):
			if h := l.holder(v); h != 0 {
				l.read(v, h)
			}
		}
	})
	l.leave(n)
}

// reads reports whether v is read from a variable at the beginning of a chain.
func (l *lowering) reads(n int, v ir.Value) bool { return l.def[v] != int32(n+1) }

// entryHolder is the variable to read v from: for a phi of the chain its own.
func (l *lowering) entryHolder(n int, v ir.Value) int {
	if l.def[v] == -int32(n+1) {
		return Variable(&l.r.Code[v])
	}
	return l.holder(v)
}

// read makes v what a variable holds.
func (l *lowering) read(v ir.Value, variable int) {
	op := ir.GetX
	if isFloat(l.r.Type(v)) {
		op = ir.GetF
		variable -= firstF
	}
	l.at[v] = l.put(ir.Instr{Op: op, Imm: uint64(variable)}, v)
	l.know(v)
}

// know copies what is known of v.
func (l *lowering) know(v ir.Value) {
	for _, b := range l.r.BoxedIn {
		if b.Value == v && b.Head.Dominates(l.head) {
			l.facts[l.start+int(l.at[v])] |= ir.Boxed
		}
	}
	if int(v) < len(l.r.Facts) {
		l.facts[l.start+int(l.at[v])] |= l.r.Facts[v]
	}
}

// write sets a variable to v.
func (l *lowering) write(variable int, v ir.Value) {
	op := ir.SetX
	if isFloat(l.r.Type(v)) {
		op = ir.SetF
		variable -= firstF
	}
	l.put(ir.Instr{Op: op, Imm: uint64(variable), Args: [3]ir.Value{l.value(v)}}, v)
}

// put appends an instruction to the chain, which is there for one of the region.
func (l *lowering) put(i ir.Instr, origin ir.Value) ir.Value {
	l.code, l.origins, l.facts = append(l.code, i), append(l.origins, origin), append(l.facts, 0)
	return ir.Value(len(l.code) - 1 - l.start)
}

// isFloat reports whether values of a type live in floating-point registers.
func isFloat(t ir.Type) bool { return t == ir.F64 || t == ir.F32 || t == ir.F16 }

// value is v in the chain.
func (l *lowering) value(v ir.Value) ir.Value {
	if v == 0 {
		return 0
	}
	k, isConst := l.r.ConstOf(v)
	switch {
	case isConst && short(k):
		return l.put(ir.Instr{Op: ir.Const, Imm: k}, v)
	case isConst && l.at[v] == 0:
		l.at[v] = l.put(ir.Instr{Op: ir.Const, Imm: k}, v)
	}
	return l.at[v]
}

// short reports whether a constant can be part of the instruction that uses it. Others are made once in
// a chain, unless a variable holds them when it begins.
func short(k uint64) bool { return uint64(int64(int32(k))) == k }

// block appends a block to the chain; next is the one that comes behind it there, or nil.
func (l *lowering) block(b *Block, next *Block) {
	for k, v := range b.Code {
		i := l.r.Code[v]
		if i.Op == ir.Const {
			continue // made where it is used
		}
		if k == len(b.Code)-1 {
			if l.extra {
				l.sets(b, l.write)
			}
			l.end(b, next, v)
			return
		}
		if l.at[v] == 0 {
			for n, a := range i.Args {
				i.Args[n] = l.value(a)
			}
			l.at[v] = l.put(i, v)
			l.know(v)
		}
		if h := l.home[v]; h != 0 {
			l.write(int(h), v)
		}
	}
}

// end ends a block with its last instruction.
func (l *lowering) end(b *Block, next *Block, v ir.Value) {
	i := l.r.Code[v]
	for n, a := range i.Args {
		i.Args[n] = l.value(a)
	}
	switch i.Op {
	case ir.ExitIf:
		taken, other := b.Next[0], b.Next[1]
		if next != nil && taken.To == next {
			taken, other = other, taken
			i.Args[0] = l.put(ir.Instr{Op: ir.NotB, Args: [3]ir.Value{i.Args[0]}}, v)
		}
		i.Imm = taken.PC
		l.way(b, l.put(i, v), taken)
		if next == nil {
			l.way(b, l.put(ir.Instr{Op: ir.Goto, Imm: other.PC}, v), other)
		}
	case ir.Goto:
		if next == nil {
			i.Imm = b.Next[0].PC
			l.way(b, l.put(i, v), b.Next[0])
		}
	default:
		from := l.put(i, v)
		for _, e := range b.Next { // where a call returns to
			l.way(b, from, e)
		}
	}
}

// way notes where an instruction of the chain leads.
func (l *lowering) way(b *Block, from ir.Value, e Edge) {
	if e.To != nil {
		l.c.Ways = append(l.c.Ways, ir.Way{From: from, To: l.chainOf[e.To.ID], Back: e.To.ID <= b.ID})
	}
}

// vars describes the variables.
func (l *lowering) vars(g *ir.Graph) []ir.Var {
	vars := make([]ir.Var, l.r.Vars)
	for n := range vars {
		vars[n].Type = ir.I64
		if n >= firstF && n < NumRegs {
			vars[n].Type = ir.F64
		}
	}
	for _, c := range g.Chains {
		set := make([]bool, l.r.Vars)
		for k := range c.Code {
			i := &c.Code[k]
			n := Variable(i)
			if n < 0 {
				continue
			}
			v := &vars[n]
			if i.Op == ir.SetX || i.Op == ir.SetF {
				v.Set = true
				if set[n] { // the last one counts
					continue
				}
				set[n] = true
			}
			v.Weight += c.Weight
			if i.Op == ir.GetF || i.Op == ir.SetF {
				v.Type = ir.F64
			}
		}
	}
	return vars
}

// weight is how often a block is executed, about: by loops if there are no counts.
func (r *Region) weight(b *Block) uint64 {
	if r.Counted {
		return b.Count + 1
	}
	w := uint64(1)
	for range min(b.Depth(), 5) {
		w *= 10
	}
	return w
}
