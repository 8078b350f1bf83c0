package opt

import "github.com/hospes-vm/hospes/internal/ir"

// Memory is what regions are made in, one after the other: none may be used any more when the next
// one is formed.
type Memory struct {
	instrs arena[ir.Instr]
	blocks arena[Block]
	lasts  arena[ir.Value] // lists of values that stay
	lists  arena[*Block]   // likewise, of blocks

	// Until the end of a pass.
	values    arena[ir.Value]
	numbers   arena[int32]
	words     arena[uint64]
	flags     arena[bool]
	bits      arena[bitFact]
	contents  arena[content]
	windows   arena[distance]
	events    arena[event]
	registers arena[[NumRegs]ir.Value]
	places    arena[*Block]
	phis      arena[*Phi]
	pool      map[uint64]ir.Value
	same      map[ir.Instr]int32
}

// reset makes all memory free, endPass that of a pass.
func (m *Memory) reset() {
	m.instrs.reset()
	m.blocks.reset()
	m.lasts.reset()
	m.lists.reset()
	m.endPass()
}

func (m *Memory) endPass() {
	m.values.reset()
	m.numbers.reset()
	m.words.reset()
	m.flags.reset()
	m.bits.reset()
	m.contents.reset()
	m.windows.reset()
	m.events.reset()
	m.registers.reset()
	m.places.reset()
	m.phis.reset()
	clear(m.pool)
	clear(m.same)
}

// arena is memory that is given away in pieces, and becomes free all at once.
type arena[T any] struct{ all, free []T }

// take returns n elements, all zero.
func (a *arena[T]) take(n int) []T {
	if n > len(a.free) {
		a.all = make([]T, max(n, 2*len(a.all), 64))
		a.free = a.all
	}
	s := a.free[:n:n]
	a.free = a.free[n:]
	clear(s)
	return s
}

// room returns an empty list that n elements can be appended to, not all of them zero.
func (a *arena[T]) room(n int) []T {
	if n > len(a.free) {
		return a.take(n)[:0]
	}
	s := a.free[:0:n]
	a.free = a.free[n:]
	return s
}

func (a *arena[T]) reset() { a.free = a.all }
