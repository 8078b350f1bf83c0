package opt

import "github.com/hospes-vm/hospes/internal/ir"

// JoinTrace is join for a trace, whose values are numbered anew. It returns t if there is nothing to join, else a trace that is
// valid until m is used again. Ways out stay as they are, in number and order.
func (m *Memory) JoinTrace(t *ir.Trace) *ir.Trace {
	if !loadsBytes(t) {
		return t
	}
	m.reset()
	n := len(t.Code)
	r := &Region{PC: t.PC, Code: append(m.instrs.room(2*n), t.Code...), mem: m}
	b := &Block{PC: t.PC, Code: m.lasts.room(n + 8)}
	for v := range n - 1 {
		b.Code = append(b.Code, ir.Value(v+1))
	}
	r.Blocks = []*Block{b}
	join(r)
	m.endPass()
	if len(r.Code) == n {
		return t
	}
	return r.trace(b)
}

// loadsBytes reports whether a trace may load numbers byte by byte.
func loadsBytes(t *ir.Trace) bool {
	loads, ors := 0, 0
	for k := range t.Code {
		switch t.Code[k].Op {
		case ir.LoadU8, ir.LoadU16, ir.LoadU32:
			loads++
		case ir.Or:
			ors++
		}
	}
	return loads > 1 && ors > 0
}

// trace is the trace that a block is. A constant stands before its first use.
func (r *Region) trace(b *Block) *ir.Trace {
	t := &ir.Trace{PC: r.PC, Code: r.mem.instrs.room(len(r.Code) + 1)[:1]}
	t.Code[0] = ir.Instr{}
	number := r.mem.values.take(len(r.Code))
	var put func(v ir.Value)
	put = func(v ir.Value) {
		if number[v] != 0 {
			return
		}
		i := r.Code[v]
		for n, a := range i.Args {
			if a != 0 && number[a] == 0 && r.Code[a].Op == ir.Const {
				put(a)
			}
			i.Args[n] = number[a]
		}
		number[v] = ir.Value(len(t.Code))
		t.Code = append(t.Code, i)
	}
	for _, v := range b.Code {
		if r.Code[v].Op != ir.Const {
			put(v)
		}
	}
	return t
}
