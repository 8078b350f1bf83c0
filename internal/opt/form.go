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
}

// Way is a way out of a trace that leads to another source of the same region. Of a call by
// CallTo it leads to the function, which is inlined; of a Ret, Jump, JumpSame or Call, which
// go to a computed address, to where they are expected to go.
type Way struct {
	From   ir.Value // the instruction
	To     int      // index of the source
	Count  uint64   // how often it has been taken, about
	Return bool     // it is a call, of a function that is not in the region, and returns there
}

// Form makes a region of sources; it is entered at the beginning of the first.
func Form(sources []Source) (*Region, error) {
	f := &former{r: &Region{PC: sources[0].Trace.PC, Code: make([]ir.Instr, 1), Vars: NumRegs}, starts: make([]*Block, len(sources))}
	for n := range sources {
		f.starts[n] = &Block{PC: sources[n].Trace.PC}
	}
	for n := range sources {
		if err := f.source(&sources[n], f.starts[n]); err != nil {
			return nil, err
		}
	}
	f.r.order(f.entry(f.starts[0]))
	f.r.Analyse()
	f.rename()
	return f.r, nil
}

// former makes a region.
type former struct {
	r      *Region
	starts []*Block // by source
}

// entry makes a block that reads all guest registers and goes on at another one.
func (f *former) entry(to *Block) *Block {
	b := &Block{PC: to.PC, Reads: true, Next: []Edge{{To: to, PC: to.PC}}}
	for n := 1; n < NumRegs; n++ {
		b.In[n] = f.put(b, getVar(n))
	}
	f.put(b, ir.Instr{Op: ir.Goto, Imm: to.PC})
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
	at := make([]ir.Value, len(t.Code)) // values of the region by those of the trace
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
			b.Next = []Edge{{To: f.entry(edge.To), PC: edge.PC, Count: edge.Count}}
		case i.Op == ir.ExitIf:
			f.put(b, i)
			next := &Block{PC: nextPC(t, k)}
			b.Next = []Edge{edge, {To: next, PC: next.PC}}
			b = next
		case i.Op == ir.Goto || i.Op == ir.CallTo && edge.To != nil:
			f.put(b, ir.Instr{Op: ir.Goto, Imm: edge.PC})
			b.Next = []Edge{edge}
		case i.Op.Has(ir.Ends) && edge.To != nil:
			f.expect(b, i, edge)
		default:
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

// put appends an instruction to a block.
func (f *former) put(b *Block, i ir.Instr) ir.Value {
	v := f.r.New(i)
	b.Code = append(b.Code, v)
	return v
}

// expect ends b with a computed jump that is expected to take an edge; another block has it for
// when it does not. Bit 0 of the address does not count.
func (f *former) expect(b *Block, i ir.Instr, edge Edge) {
	even := f.put(b, ir.Instr{Op: ir.Const, Imm: ^uint64(1)})
	to := f.put(b, ir.Instr{Op: ir.And, Args: [3]ir.Value{i.Args[0], even}})
	expected := f.put(b, ir.Instr{Op: ir.Const, Imm: edge.PC})
	other := f.put(b, ir.Instr{Op: ir.Ne, Args: [3]ir.Value{to, expected}})
	f.put(b, ir.Instr{Op: ir.ExitIf, Args: [3]ir.Value{other}})
	leaves := &Block{PC: b.PC, Cold: true}
	f.put(leaves, i)
	b.Next = []Edge{{To: leaves}, edge}
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

// rename makes the reads of registers values.
func (f *former) rename() {
	r := f.r
	written := r.written()
	for _, b := range r.Blocks[1:] {
		if len(b.Preds) == 1 {
			continue
		}
		for n := 1; n < NumRegs; n++ {
			if written[n] {
				b.Phis = append(b.Phis, Phi{Value: r.New(getVar(n)), Args: make([]ir.Value, len(b.Preds))})
			}
		}
	}
	by := make([]ir.Value, len(r.Code))
	outs := make([][NumRegs]ir.Value, len(r.Blocks))
	for k, b := range r.Blocks {
		if b.Reads {
			outs[k] = b.In
			continue
		}
		b.In = outs[b.idom.ID]
		for _, p := range b.Phis {
			b.In[Variable(&r.Code[p.Value])] = p.Value
		}
		outs[k] = f.walk(b, by)
	}
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			for k, pred := range b.Preds {
				p.Args[k] = outs[pred.ID][Variable(&r.Code[p.Value])]
			}
		}
	}
	r.Replace(by)
}

// walk goes through a block, and returns what registers hold at its end. Reads are replaced
// by that.
func (f *former) walk(b *Block, by []ir.Value) [NumRegs]ir.Value {
	regs := b.In
	kept := b.Code[:0]
	for _, v := range b.Code {
		i := &f.r.Code[v]
		switch n := Variable(i); i.Op {
		case ir.GetX, ir.GetF:
			by[v] = regs[n]
			continue
		case ir.SetX, ir.SetF:
			regs[n] = i.Args[0]
			if x := by[i.Args[0]]; x != 0 {
				regs[n] = x
			}
		}
		kept = append(kept, v)
	}
	b.Code = kept
	return regs
}

// written are the registers that are not the same everywhere.
func (r *Region) written() (set [NumRegs]bool) {
	for _, b := range r.Blocks[1:] {
		if b.Reads {
			return allRegs
		}
		for _, v := range b.Code {
			if i := &r.Code[v]; i.Op == ir.SetX || i.Op == ir.SetF {
				set[Variable(i)] = true
			}
		}
	}
	return set
}

var allRegs = func() (set [NumRegs]bool) {
	for n := 1; n < NumRegs; n++ {
		set[n] = true
	}
	return set
}()
