package opt

import "github.com/hospes-vm/hospes/internal/ir"

// A value of which only the low half is computed (ir.Low) may be in a register where blocks begin, also
// round a loop. Where it meets a value that is no sign extension, it is extended before.

// looseRegisters finds the integer registers, by block and bit, of which only the low half is there when a block begins.
func (r *Region) looseRegisters() []uint32 {
	n := len(r.Blocks)
	l := looseness{r: r, sets: make([]wordSets, n), narrow: make([]uint32, n), loose: make([]uint32, n)}
	for k, b := range r.Blocks {
		l.findSets(b)
		if !b.Reads {
			l.narrow[k] = ^uint32(0) // at first
		}
	}
	l.solve(l.narrow, l.narrowIn)
	l.solve(l.loose, l.looseIn)
	return l.loose
}

// looseness is what is known of registers, by bit, at the beginnings of blocks: those that hold sign
// extensions of their low halves, and those that need not.
type looseness struct {
	r             *Region
	sets          []wordSets
	narrow, loose []uint32
}

// wordSets are the registers that a block sets, those that it sets to sign extensions of low halves, and to such
// that need not be; and those that are the former at its beginning for sure.
type wordSets struct{ set, narrow, loose, phis uint32 }

func (l *looseness) findSets(b *Block) {
	s := &l.sets[b.ID]
	for _, v := range b.Code {
		i := &l.r.Code[v]
		if i.Op != ir.SetX || i.Imm >= firstF {
			continue
		}
		bit := uint32(1) << i.Imm
		s.set, s.narrow, s.loose = s.set|bit, s.narrow&^bit, s.loose&^bit
		if l.r.Knows(i.Args[0], ir.Narrow) {
			s.narrow |= bit
		}
		if l.r.Knows(i.Args[0], ir.Low) {
			s.loose |= bit
		}
	}
	for _, p := range b.Phis { // which have been looked at, perhaps
		if n := Variable(&l.r.Code[p.Value]); n < firstF && l.r.Knows(p.Value, ir.Narrow) {
			s.phis |= 1 << n
		}
	}
}

// solve has what is known by block follow from what is before, until nothing changes any more.
func (l *looseness) solve(known []uint32, in func(*Block) uint32) {
	for changed := true; changed; {
		changed = false
		for k, b := range l.r.Blocks {
			if now := in(b); now != known[k] {
				known[k], changed = now, true
			}
		}
	}
}

func (l *looseness) narrowIn(b *Block) uint32 {
	in := l.narrow[b.ID]
	for _, p := range b.Preds {
		s := &l.sets[p.ID]
		in &= l.narrow[p.ID]&^s.set | s.narrow
	}
	return in | l.sets[b.ID].phis
}

func (l *looseness) looseIn(b *Block) (in uint32) {
	for _, p := range b.Preds {
		s := &l.sets[p.ID]
		in |= l.loose[p.ID]&^s.set | s.loose
	}
	return in & l.narrow[b.ID]
}
