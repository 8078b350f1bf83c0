package opt

import (
	"math/bits"

	"github.com/hospes-vm/hospes/internal/ir"
)

// renamer makes the reads of guest registers values, with phis for the registers that are read
// behind a place where their values meet. Sets of registers have a bit for each variable.
type renamer struct {
	r      *Region
	reads  []uint64 // by block: registers that it reads before it writes them
	writes []uint64 // by block: those that it writes; a block that Reads may find anything in all
	meets  []uint64 // by block: those whose values meet at its beginning
	live   []uint64 // by block: those that are read behind its beginning, before they are written
	outs   [][NumRegs]ir.Value
	by     []ir.Value // by value: what is in the place of a read
}

// rename makes the reads of registers values.
func (r *Region) rename() {
	n := len(r.Blocks)
	sets := r.mem.words.take(4 * n)
	s := renamer{r: r, reads: sets[:n], writes: sets[n : 2*n], meets: sets[2*n : 3*n], live: sets[3*n:], outs: r.mem.registers.take(n)}
	s.findUses()
	s.findLive()
	s.findMeets()
	s.addPhis()
	s.by = r.mem.values.take(len(r.Code))
	for k, b := range r.Blocks {
		if b.Reads {
			s.outs[k] = b.In
			continue
		}
		b.In = s.outs[b.idom.ID]
		for n := range registers(s.meets[k]) {
			b.In[n] = 0
		}
		for _, p := range b.Phis {
			b.In[Variable(&r.Code[p.Value])] = p.Value
		}
		s.walk(b, &s.outs[k])
	}
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			n := Variable(&r.Code[p.Value])
			for k, pred := range b.Preds {
				p.Args[k] = s.outs[pred.ID][n]
			}
		}
	}
	r.Replace(s.by)
}

// registers are the members of a set.
func registers(set uint64) func(yield func(n int) bool) {
	return func(yield func(n int) bool) {
		for ; set != 0; set &= set - 1 {
			if !yield(bits.TrailingZeros64(set)) {
				return
			}
		}
	}
}

// findUses finds what blocks read and write.
func (s *renamer) findUses() {
	for k, b := range s.r.Blocks {
		if b.Reads {
			s.writes[k] = ^uint64(0)
			continue
		}
		for _, v := range b.Code {
			switch i := &s.r.Code[v]; i.Op {
			case ir.GetX, ir.GetF:
				s.reads[k] |= 1 << Variable(i) &^ s.writes[k]
			case ir.SetX, ir.SetF:
				s.writes[k] |= 1 << Variable(i)
			}
		}
	}
}

// findLive finds what is read behind the beginnings of blocks.
func (s *renamer) findLive() {
	for changed := true; changed; {
		changed = false
		for k := len(s.r.Blocks) - 1; k >= 0; k-- {
			live := s.reads[k] | s.liveOut(s.r.Blocks[k])&^s.writes[k]
			if live != s.live[k] {
				s.live[k], changed = live, true
			}
		}
	}
}

// liveOut is what is read behind the end of a block.
func (s *renamer) liveOut(b *Block) (live uint64) {
	for _, e := range b.Next {
		if e.To != nil {
			live |= s.live[e.To.ID]
		}
	}
	return live
}

// findMeets finds where values of registers meet: at the ends of ways from where they are written, and
// from where they meet, that the blocks before do not dominate. Cooper, Harvey, Kennedy: A Simple,
// Fast Dominance Algorithm, 2001.
func (s *renamer) findMeets() {
	for changed := true; changed; {
		changed = false
		for k, b := range s.r.Blocks {
			if len(b.Preds) < 2 || b.Reads {
				continue
			}
			meets := s.meets[k]
			for _, from := range b.Preds {
				for ; from != b.idom; from = from.idom {
					meets |= s.writes[from.ID] | s.meets[from.ID]
				}
			}
			if meets &^= 1; meets != s.meets[k] { // x0 is no variable
				s.meets[k], changed = meets, true
			}
		}
	}
}

// addPhis makes phis, and has entries read registers: those that are needed.
func (s *renamer) addPhis() {
	r := s.r
	for k, b := range r.Blocks {
		if b.Reads {
			last := b.Last()
			b.Code = b.Code[:0]
			for n := range registers(s.liveOut(b)) {
				b.In[n] = r.New(getVar(n))
				b.Code = append(b.Code, b.In[n])
			}
			b.Code = append(b.Code, last)
			continue
		}
		need := s.meets[k] & s.live[k]
		count, preds := bits.OnesCount64(need), len(b.Preds)
		b.Phis = make([]Phi, 0, count)
		args := r.mem.lasts.take(count * preds)
		for n := range registers(need) {
			b.Phis = append(b.Phis, Phi{Value: r.New(getVar(n)), Args: args[:preds:preds]})
			args = args[preds:]
		}
	}
}

// walk goes through a block, and finds what registers hold at its end. Reads are replaced by that.
func (s *renamer) walk(b *Block, regs *[NumRegs]ir.Value) {
	*regs = b.In
	kept := b.Code[:0]
	for _, v := range b.Code {
		i := &s.r.Code[v]
		switch n := Variable(i); i.Op {
		case ir.GetX, ir.GetF:
			s.by[v] = regs[n]
			continue
		case ir.SetX, ir.SetF:
			regs[n] = i.Args[0]
			if x := s.by[i.Args[0]]; x != 0 {
				regs[n] = x
			}
		}
		kept = append(kept, v)
	}
	b.Code = kept
}
