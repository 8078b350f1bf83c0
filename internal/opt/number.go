package opt

import "github.com/hospes-vm/hospes/internal/ir"

// number has values computed once that are computed several times in a block, or that a guest register
// holds. Values of other blocks that no register holds are computed again: that costs less
// than a place to keep them.
func number(r *Region) {
	if r.mem.same == nil {
		r.mem.same = map[ir.Instr]int32{}
	}
	clear(r.mem.same)
	n := numbering{r: r, by: r.mem.values.take(len(r.Code)), last: r.mem.same, list: make([]made, 1)}
	for _, b := range r.Blocks {
		n.block(b)
	}
	r.Replace(n.by)
}

// numbering is the state of number.
type numbering struct {
	r    *Region
	by   []ir.Value
	last map[ir.Instr]int32 // index in list of the last value that is the same
	list []made
	regs [NumRegs]ir.Value
}

// maxSame is how many equal values of different blocks are remembered.
const maxSame = 4

// made is a value and its block, and the index of the last value before that is the same.
type made struct {
	v    ir.Value
	b    *Block
	last int32
}

func (n *numbering) find(v ir.Value) ir.Value {
	for n.by[v] != 0 {
		v = n.by[v]
	}
	return v
}

func (n *numbering) block(b *Block) {
	for k, v := range b.In {
		n.regs[k] = n.find(v)
	}
	kept := b.Code[:0]
	for _, v := range b.Code {
		i := &n.r.Code[v]
		for k, a := range i.Args {
			i.Args[k] = n.find(a)
		}
		if k := Variable(i); k >= 0 && k < NumRegs && !b.Reads {
			n.regs[k] = i.Args[0]
		}
		if i.Op.Has(ir.Pure) && i.Op != ir.Const && !n.folds(i) {
			if x := n.same(i, v, b); x != 0 {
				n.by[v] = x
				continue
			}
		}
		kept = append(kept, v)
	}
	b.Code = kept
}

// same is a value that v, of block b, need not be computed beside, or 0.
func (n *numbering) same(i *ir.Instr, v ir.Value, b *Block) ir.Value {
	key := *i
	if x, y := key.Args[0], key.Args[1]; i.Op.Has(ir.Commutes) && x > y {
		key.Args[0], key.Args[1] = y, x
	}
	last := n.last[key]
	var first ir.Value
	for k, count := last, 0; k != 0 && count < maxSame; k, count = n.list[k].last, count+1 {
		if m := &n.list[k]; m.b == b || n.held(m.v) {
			first = m.v
		}
	}
	if first == 0 {
		n.last[key] = int32(len(n.list))
		n.list = append(n.list, made{v, b, last})
	}
	return first
}

// held reports whether a register holds v.
func (n *numbering) held(v ir.Value) bool {
	for _, x := range n.regs {
		if x == v {
			return true
		}
	}
	return false
}

// folds reports whether i is better made where it is used, as part of what uses it: a comparison, an
// address, an index.
func (n *numbering) folds(i *ir.Instr) bool {
	if i.Op.Info().Result == ir.Bool {
		return true
	}
	k, ok := n.r.ConstOf(i.Args[1])
	switch i.Op {
	case ir.Add:
		return ok && short(k)
	case ir.Sll:
		return ok && k <= 3
	}
	return false
}
