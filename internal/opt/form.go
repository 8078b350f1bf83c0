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
	Ways  []Way
}

// Way is a way out of a trace that leads to another source of the same region. Of a call by
// CallTo it leads to the function, which is inlined; of a Ret, Jump, JumpSame or Call, which
// go to a computed address, to where they are expected to go.
type Way struct {
	From  ir.Value // the instruction
	To    int      // index of the source
	Count uint64   // how often it has been taken, about
}

// Form makes a region of sources; it is entered at the beginning of the first.
func Form(sources []Source) (*Region, error) {
	f := &former{r: &Region{PC: sources[0].Trace.PC, Code: make([]ir.Instr, 1), Vars: NumRegs}, starts: make([]*Block, len(sources))}
	entry := f.entry()
	for n := range sources {
		f.starts[n] = &Block{PC: sources[n].Trace.PC}
	}
	for n := range sources {
		if err := f.source(&sources[n], f.starts[n]); err != nil {
			return nil, err
		}
	}
	entry.Next = []Edge{{To: f.starts[0], PC: f.r.PC}}
	f.r.order(entry)
	f.r.Analyse()
	f.rename()
	return f.r, nil
}

// former makes a region.
type former struct {
	r      *Region
	starts []*Block          // by source
	regs   [NumRegs]ir.Value // of the entry
}

// entry makes the block that reads all guest registers.
func (f *former) entry() *Block {
	b := &Block{PC: f.r.PC}
	for n := 1; n < NumRegs; n++ {
		f.regs[n] = f.r.New(getVar(n))
		b.Code = append(b.Code, f.regs[n])
	}
	b.Code = append(b.Code, f.r.New(ir.Instr{Op: ir.Goto, Imm: f.r.PC}))
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
		way := slices.IndexFunc(s.Ways, func(w Way) bool { return w.From == ir.Value(k) })
		edge := Edge{PC: i.Imm}
		if way >= 0 {
			w := s.Ways[way]
			if w.To < 0 || w.To >= len(f.starts) {
				return fmt.Errorf("a way to source %d", w.To)
			}
			edge = Edge{To: f.starts[w.To], PC: f.starts[w.To].PC, Count: w.Count}
		}
		switch {
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
	leaves := &Block{PC: b.PC}
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
		regs := f.regs
		if k > 0 {
			if len(b.Preds) == 1 {
				regs = outs[b.Preds[0].ID]
			}
			for _, p := range b.Phis {
				regs[Variable(&r.Code[p.Value])] = p.Value
			}
		}
		b.In = regs
		outs[k] = f.walk(b, regs, by)
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

// walk goes through a block with what registers hold, and returns what they hold at its end. A
// read is replaced by that.
func (f *former) walk(b *Block, regs [NumRegs]ir.Value, by []ir.Value) [NumRegs]ir.Value {
	if b.ID == 0 {
		return regs
	}
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

// written are the registers that are written anywhere.
func (r *Region) written() (set [NumRegs]bool) {
	for k := range r.Code {
		if i := &r.Code[k]; i.Op == ir.SetX || i.Op == ir.SetF {
			set[Variable(i)] = true
		}
	}
	return set
}
