package opt

import (
	"fmt"
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Source is a piece of a region: a trace, and where its ways out lead that stay in the region.
// What is left out leads outside.
type Source struct {
	Trace *ir.Trace
	Guest []byte // the guest code of the trace, for views
	Ways  []Way
	Count uint64 // how often it has been executed, about; 0 of all sources: nobody has counted
}

// Way is a way out of a trace that leads to another source of the same region. Of a call by
// CallTo it leads to the function, which is inlined; of a Ret, Jump, JumpSame or Call, which
// go to a computed address, to where they are expected to go: of a Jump there may be several.
type Way struct {
	From   ir.Value // the instruction
	To     int      // index of the source
	Count  uint64   // how often it has been taken, about
	Return bool     // it is a call, of a function that is not in the region, and returns there
}

// Form makes a region of sources; it is entered at the beginning of the first.
func Form(sources []Source) (*Region, error) { return new(Memory).Form(sources) }

// Form makes a region in m.
func (m *Memory) Form(sources []Source) (*Region, error) {
	m.reset()
	size := 1
	for n := range sources {
		size += len(sources[n].Trace.Code)
	}
	f := &former{
		r:      &Region{PC: sources[0].Trace.PC, Code: m.instrs.room(2 * size)[:1], Vars: NumRegs, mem: m},
		starts: m.lists.take(len(sources)), code: m.lasts.room(size + size/4),
	}
	f.r.Code[0] = ir.Instr{}
	for n := range sources {
		f.starts[n] = f.block(sources[n].Trace.PC, sources[n].Count)
		f.r.Counted = f.r.Counted || sources[n].Count > 0
	}
	for n := range sources {
		if err := f.source(&sources[n], f.starts[n]); err != nil {
			return nil, err
		}
	}
	f.r.order(f.entry(f.starts[0], entries(sources)))
	f.r.Analyse()
	f.r.rename()
	m.endPass()
	return f.r, nil
}

// entries is how often the first source has been executed, but not by way of another.
func entries(sources []Source) uint64 {
	n := sources[0].Count
	for _, s := range sources {
		for _, w := range s.Ways {
			if w.To == 0 {
				n -= min(w.Count, n)
			}
		}
	}
	return n
}

// former makes a region.
type former struct {
	r      *Region
	starts []*Block   // by source
	code   []ir.Value // of all blocks
	open   *Block     // the one that is being filled
	begin  int        // where its code begins
}

// entry makes a block that reads guest registers and goes on at another one, count times: rename has
// it read those that are needed.
func (f *former) entry(to *Block, count uint64) *Block {
	b := f.block(to.PC, count)
	b.Reads, b.Next = true, []Edge{{To: to, PC: to.PC, Count: count}}
	f.put(b, ir.Instr{Op: ir.Goto, Imm: to.PC})
	return b
}

// block makes a block.
func (f *former) block(pc, count uint64) *Block {
	b := &f.r.mem.blocks.take(1)[0]
	b.PC, b.Count = pc, count
	return b
}

// getVar is the instruction that reads variable n, which is a guest register.
func getVar(n int) ir.Instr {
	if n < firstF {
		return ir.Instr{Op: ir.GetX, Imm: uint64(n)}
	}
	return ir.Instr{Op: ir.GetF, Imm: uint64(n - firstF)}
}

// source makes blocks of a trace, which begins with b. Reads of registers stay as they are.
func (f *former) source(s *Source, b *Block) error {
	t := s.Trace
	at := f.r.mem.values.take(len(t.Code)) // values of the region by those of the trace
	pc := t.PC
	for k := 1; k < len(t.Code); k++ {
		i := t.Code[k]
		for n, a := range i.Args {
			i.Args[n] = at[a]
		}
		edge, returns, err := f.edge(s, ir.Value(k))
		if err != nil {
			return err
		}
		switch {
		case returns:
			f.put(b, i)
			b.Next = []Edge{{To: f.entry(edge.To, edge.Count), PC: edge.PC, Count: edge.Count}}
		case i.Op == ir.ExitIf:
			f.put(b, i)
			next := f.block(nextPC(t, k), b.Count-min(edge.Count, b.Count))
			b.Next = []Edge{edge, {To: next, PC: next.PC, Count: next.Count}}
			b = next
		case i.Op == ir.Goto || i.Op == ir.CallTo && edge.To != nil:
			f.put(b, ir.Instr{Op: ir.Goto, Imm: edge.PC})
			b.Next = []Edge{edge}
		case i.Op.Has(ir.Ends) && edge.To != nil:
			f.expect(b, i, pc, f.edges(s, ir.Value(k), edge))
		default:
			if i.Op == ir.Inst {
				pc = i.Imm
			}
			at[k] = f.put(b, i)
		}
	}
	return nil
}

// edge is where instruction v of a source leads, and whether only after a call.
func (f *former) edge(s *Source, v ir.Value) (e Edge, returns bool, err error) {
	n := slices.IndexFunc(s.Ways, func(w Way) bool { return w.From == v })
	if n < 0 {
		return Edge{PC: s.Trace.Code[v].Imm}, false, nil
	}
	w := &s.Ways[n]
	if w.To < 0 || w.To >= len(f.starts) {
		return e, false, fmt.Errorf("a way to source %d", w.To)
	}
	to := f.starts[w.To]
	return Edge{To: to, PC: to.PC, Count: w.Count}, w.Return, nil
}

// edges are where a computed jump is expected to lead, first among them.
func (f *former) edges(s *Source, v ir.Value, first Edge) []Edge {
	list := []Edge{first}
	for _, w := range s.Ways {
		if to := f.starts[w.To]; w.From == v && to != first.To {
			list = append(list, Edge{To: to, PC: to.PC, Count: w.Count})
		}
	}
	return list
}

// put appends an instruction to a block, which is empty or the one that put had last.
func (f *former) put(b *Block, i ir.Instr) ir.Value {
	v := f.r.New(i)
	if b != f.open {
		f.open, f.begin = b, len(f.code)
	}
	f.code = append(f.code, v)
	b.Code = f.code[f.begin:len(f.code):len(f.code)]
	return v
}

// expect ends b with the computed jump at pc, which is expected to take one of some edges; another block has it for
// when it does not. Bit 0 of the address, which does not count, is not expected to be set, so it is cleared there alone.
func (f *former) expect(b *Block, i ir.Instr, pc uint64, edges []Edge) {
	to, cleared := f.uncleared(i.Args[0])
	rest := b.Count
	for n, e := range edges {
		rest -= min(e.Count, rest)
		next := f.block(pc, rest)
		other := Edge{To: next, PC: pc, Count: rest}
		if len(edges) == 1 { // it comes next
			f.leadsTo(b, ir.Ne, to, e.PC)
			b.Next = []Edge{other, e}
		} else {
			f.leadsTo(b, ir.Eq, to, e.PC)
			b.Next = []Edge{e, other}
		}
		b = next
		b.Cold = n == len(edges)-1
	}
	if cleared {
		mask := f.put(b, ir.Instr{Op: ir.Const, Imm: clearing})
		i.Args[0] = f.put(b, ir.Instr{Op: ir.And, Args: [3]ir.Value{to, mask}})
	}
	f.put(b, i)
}

const clearing = ^uint64(1) // of bit 0

// uncleared is the value of which v is all but bit 0, if it is one's.
func (f *former) uncleared(v ir.Value) (of ir.Value, cleared bool) {
	i := &f.r.Code[v]
	if i.Op != ir.And {
		return v, false
	}
	for n, a := range i.Args[:2] {
		if k, ok := f.r.ConstOf(a); ok && k == clearing {
			return i.Args[1-n], true
		}
	}
	return v, false
}

// leadsTo ends a block with a comparison of an address.
func (f *former) leadsTo(b *Block, how ir.Op, address ir.Value, pc uint64) {
	expected := f.put(b, ir.Instr{Op: ir.Const, Imm: pc})
	is := f.put(b, ir.Instr{Op: how, Args: [3]ir.Value{address, expected}})
	f.put(b, ir.Instr{Op: ir.ExitIf, Args: [3]ir.Value{is}})
}

// nextPC is the address of the guest instruction behind the one that t.Code[k] belongs to.
func nextPC(t *ir.Trace, k int) uint64 {
	for _, i := range t.Code[k+1:] {
		if i.Op == ir.Inst || i.Op == ir.Goto {
			return i.Imm
		}
	}
	return 0
}
