//go:build amd64

package jit

import (
	"math/bits"
	"slices"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Within a chain of a graph, values live in any registers. A write of a variable emits nothing: it says
// which value the variable holds from there on, and that value is kept somewhere. Variables are in their
// homes where a chain begins, and are moved there where it goes on to another one. Where the guest's
// state is looked at in between, side tables say where it is.

// state is what variables hold in the chain that is compiled.
type state struct {
	cur   [maxVars]ir.Value    // by variable: 0 if it is in its place in the context, and nothing has been done with it
	used  [maxVars / 64]uint64 // variables of which cur is not 0, or has not been, by bit
	holds []uint16             // by value: how many variables hold it, and values that are not computed from it
	uses  [][]int32            // by value: where it is used, in order
	order []int32              // what these are parts of
	hint  []amd64.Reg          // by value: the home where it will have to be at last; RAX is none
	k     int32                // the instruction that is compiled
	loose []ir.Fix             // by value: in which ways what is there stands for it
	sure  []ir.Fix             // by value: it can be taken to be loose in these ways, too
	begun *entry
	left  []ir.Instr    // by value: what is not computed
	made  []bool        // by value: it has been computed with another one: see product
	now   []ir.Recovery // for use in where
}

// allTemps are the registers for values in graphs, allXtemps those for floating-point numbers. The one that is missing is
// for moves from memory to memory.
var (
	allTemps  = []amd64.Reg{amd64.RAX, amd64.RCX, amd64.RDX, amd64.R13, amd64.R12, amd64.R11, amd64.R10, amd64.R9, amd64.R8, amd64.RDI, amd64.RSI, amd64.R14, amd64.RBX}
	allXtemps = []amd64.Reg{
		amd64.X12, amd64.X13, amd64.X14, amd64.X7, amd64.X6, amd64.X5, amd64.X4, amd64.X3, amd64.X2, amd64.X1, amd64.X0,
		amd64.X11, amd64.X10, amd64.X9, amd64.X8,
	}
)

const mover = amd64.X15

// startState begins a chain: variables with homes are there. code is its instructions, behind which stand those that
// read these variables.
func (c *Compiler) startState(count int, begun *entry) {
	s, n := &c.graph.state, len(c.t.Code)
	s.cur, s.used, s.begun = [maxVars]ir.Value{}, begun.floats, begun
	s.used[0] |= uint64(begun.words)
	s.sure, s.holds, s.loose, s.uses, s.left, s.made = zeroed(s.sure, n), zeroed(s.holds, n), zeroed(s.loose, n), zeroed(s.uses, n), zeroed(s.left, n), zeroed(s.made, n)
	c.findVirtual(count)
	s.order = zeroed(s.order, 3*count)
	free := s.order
	for v := range s.uses {
		left := int(c.at[v].left)
		s.uses[v], free = free[:0:left], free[left:]
	}
	c.state, c.temps, c.xtemps = s, allTemps, allXtemps
	for k := range count {
		i := &c.t.Code[k]
		if isSet(i) && c.homes.of(variable(i)) == amd64.NoReg {
			continue // which takes a value wherever it is
		}
		at := c.graph.virtuals.computedAt(int32(k))
		for _, a := range i.Args {
			if a != 0 {
				s.uses[a] = append(s.uses[a], at)
			}
		}
	}
	for _, uses := range s.uses {
		slices.Sort(uses)
	}
	c.findHints()
	for v := ir.Value(count); int(v) < len(c.t.Code); v++ {
		n := variable(&c.t.Code[v])
		s.loose[v] = s.fix(n)
		if n == spReg {
			c.getSP(v)
		}
		c.hold(n, v)
		c.put(v, c.homes.of(n))
	}
}

// fix is in which ways what variable n holds is loose. Where no guest register is to be known, a lower half will do.
func (s *state) fix(n uint64) ir.Fix {
	switch v := s.cur[n]; {
	case v == 0:
		return s.begun.allows(int(n))
	case n >= ir.GuestVars:
		return s.loose[v] &^ ir.FixSign
	default:
		return s.loose[v]
	}
}

// zeroed is memory for n elements, that of s if it suffices.
func zeroed[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// findHints finds the values that variables with homes have at last, and what these are computed from in place.
func (c *Compiler) findHints() {
	s := c.state
	s.hint = zeroed(s.hint, len(c.t.Code))
	var seen [maxVars]bool
	for k := len(c.t.Code) - 1; k > 0; k-- {
		i := &c.t.Code[k]
		x := i.Args[0]
		switch {
		case x == 0 || s.hint[x] != amd64.RAX:
		case isSet(i) && !seen[variable(i)]:
			s.hint[x] = c.homes[variable(i)]
			seen[variable(i)] = true
		case !isSet(i) && len(s.uses[x]) == 1 && s.hint[k].IsX() == isFloat(c.t.Type(x)):
			s.hint[x] = s.hint[k]
		}
	}
}

// hinted is the home where v will have to be at last, if nothing is in it, or NoReg.
func (c *Compiler) hinted(v ir.Value) amd64.Reg {
	if c.state == nil {
		return amd64.NoReg
	}
	h := c.state.hint[v]
	if old := c.inReg[h]; h == amd64.RAX || c.pinned[h] || old != 0 && c.at[old].reg == h && c.needed(old) {
		return amd64.NoReg
	}
	return h
}

// homeReads are reads of all variables that have homes.
func (c *Compiler) homeReads() (code []ir.Instr) {
	for n := range uint64(maxVars) {
		if h := c.homes.of(n); h.IsX() {
			code = append(code, ir.Instr{Op: ir.GetF, Imm: n - firstF})
		} else if h != amd64.NoReg {
			code = append(code, ir.Instr{Op: ir.GetX, Imm: n})
		}
	}
	return code
}

// variable is the number of the variable that i reads or writes.
func variable(i *ir.Instr) uint64 {
	if i.Op == ir.GetF || i.Op == ir.SetF {
		return firstF + i.Imm
	}
	return i.Imm
}

// isSet reports whether i writes a variable.
func isSet(i *ir.Instr) bool { return i.Op == ir.SetX || i.Op == ir.SetF }

// hold says that variable n holds v from now on.
func (c *Compiler) hold(n uint64, v ir.Value) {
	s := c.state
	old := s.cur[n]
	s.cur[n] = v
	s.used[n/64] |= 1 << (n % 64)
	s.holds[v]++
	if old != 0 {
		s.holds[old]--
		c.release(old)
	}
}

// getState is get for a graph.
func (c *Compiler) getState(v ir.Value, n uint64) {
	fix := c.state.fix(n)
	if n >= ir.GuestVars && c.known(v)&ir.Low != 0 {
		fix = ir.FixSign
	}
	if held := c.state.cur[n]; held != 0 {
		c.state.loose[held] |= fix
		c.boxed[held] = c.boxed[held] || c.boxed[v]
		c.alias[v] = held
		c.graph.virtuals.same(v, held)
		c.at[held].left += c.at[v].left
		c.state.uses[held] = append(c.state.uses[held], c.state.uses[v]...)
		slices.Sort(c.state.uses[held])
		return
	}
	c.state.loose[v] = fix
	c.inSlot[n] = v
	c.at[v].slot = uint8(n)
	c.hold(n, v)
}

// setState is set for a graph.
func (c *Compiler) setState(n uint64, v ir.Value) {
	if _, isConst := c.t.ConstOf(v); isConst {
		if _, ok := c.imm32(v); !ok {
			c.reg(v)
		}
	}
	c.used(v)
	c.hold(n, v)
}

// needed reports whether v is used later, or a variable holds it.
func (c *Compiler) needed(v ir.Value) bool {
	return c.at[v].left > 0 || c.state != nil && c.state.holds[v] > 0
}

// distance is how far away the next use of v is, in instructions.
func (c *Compiler) distance(v ir.Value) int32 {
	uses := c.state.uses[v]
	k, _ := slices.BinarySearch(uses, c.state.k+1)
	switch {
	case k < len(uses):
		return uses[k] - c.state.k
	case c.at[v].left > 0: // where what it is for is computed
		return 1
	}
	for n, held := range c.state.cur {
		if held == v && c.homes.of(uint64(n)) != amd64.NoReg {
			return min(int32(len(c.t.Code))-c.state.k, never-1)
		}
	}
	return never
}

// never is the distance of a use that does not need a register.
const never = 1 << 14

// keep stores v, which is in r, in the place of a variable that holds it. It reports false if there is
// none, or if that place has what is needed, if only by the current instruction.
func (c *Compiler) keep(v ir.Value, r amd64.Reg) bool {
	if c.state == nil || c.state.holds[v] == 0 {
		return false
	}
	for n, held := range c.state.cur {
		if held != v || c.inSlot[n] != 0 && c.inSlot[n] != v && c.needed(c.inSlot[n]) || c.read[n/64]>>(n%64)&1 != 0 {
			continue
		}
		c.deposit(slot(uint64(n)), r)
		c.fill(n, v)
		return true
	}
	return false
}

// fill says that the place of variable n has v now.
func (c *Compiler) fill(n int, v ir.Value) {
	if old := c.inSlot[n]; old != 0 && c.at[old].slot == uint8(n) {
		c.at[old].slot = noSlot
	}
	c.inSlot[n] = v
	c.at[v].slot = uint8(n)
}

// settled reports whether variable n is where it is at the beginning of chains with homes t, and as there:
// as e allows.
func (c *Compiler) settled(n int, t *homeTable, e *entry) bool {
	v, h := c.state.cur[n], t.of(uint64(n))
	if c.fixFor(n, e) != 0 {
		return false
	}
	if h != amd64.NoReg {
		return v != 0 && c.inReg[h] == v
	}
	return v == 0 || c.inSlot[n] == v
}

// fixFor is what is to be done with variable n for a place that begins with e.
func (c *Compiler) fixFor(n int, e *entry) ir.Fix { return c.state.fix(uint64(n)) &^ e.allows(n) }

// where says where the guest's registers are, as far as they are not where chains begin with them.
func (c *Compiler) where() Span {
	s := c.state
	if s == nil {
		return c.late
	}
	s.now = s.now[:0]
	for set := s.used[0]; set != 0; set &= set - 1 {
		if n := bits.TrailingZeros64(set); !c.settled(n, c.homes, &exact) {
			s.now = append(s.now, c.recovery(n))
		}
	}
	late := &c.code.States.Late
	if last := (*late)[c.late.Start:c.late.End]; !slices.Equal(last, s.now) {
		c.late.Start = len(*late)
		*late = append(*late, s.now...)
		c.late.End = len(*late)
	}
	return c.late
}

// recovery says where guest register n is.
func (c *Compiler) recovery(n int) ir.Recovery {
	v := c.state.cur[n]
	if c.graph.virtuals.is[v] {
		r := c.computation(v)
		r.Register = uint8(n)
		return r
	}
	r := ir.Recovery{Register: uint8(n), Fix: c.state.fix(uint64(n))}
	w := &c.at[v]
	switch k, ok := c.imm32(v); {
	case v == 0:
		r.From = ir.InPlace
	case w.reg != amd64.NoReg:
		r.From, r.N = ir.InHost, int32(w.reg)
	case w.slot != noSlot:
		r.From, r.N = ir.InVariable, int32(w.slot)
	case w.spill != noSlot:
		r.From, r.N = ir.InSpill, int32(w.spill)
	case ok:
		r.From, r.N = ir.IsConst, k
	default:
		panic("jit: a guest register that is nowhere")
	}
	return r
}

// settle moves variables to where chains begin with them, as e allows; what else is needed stays.
func (c *Compiler) settle(e *entry) {
	c.tightenFor(e)
	for _, m := range c.moves(c.homes, e) {
		if m.to.reg == amd64.NoReg {
			c.rescue(c.inSlot[m.variable])
		} else {
			c.rescue(c.inReg[m.to.reg])
		}
	}
	moves := c.moves(c.homes, e)
	c.emitMoves(moves)
	for _, m := range moves {
		if m.to.reg != amd64.NoReg {
			c.clobber(m.to.reg)
		}
	}
	for n, v := range c.state.cur {
		if v == 0 {
			continue
		}
		if h := c.homes.of(uint64(n)); h == amd64.NoReg {
			c.fill(n, v)
		} else if c.inReg[h] != v {
			c.inReg[h] = v
			c.at[v].reg = h
		}
	}
}

// rescue spills v, whose place is about to be overwritten, if it is needed and no variable holds it.
func (c *Compiler) rescue(v ir.Value) {
	if v == 0 || c.at[v].left == 0 || c.state.holds[v] > 0 || c.at[v].spill != noSlot {
		return
	}
	r := c.at[v].reg
	if r == amd64.NoReg {
		r = mover
		c.fetch(mover, c.at[v].memory())
	}
	c.save(v, r)
}

// moves are what brings variables to where they are with homes t: those that chains have, or guest registers to where
// all code has them. They may be loose there as e allows.
func (c *Compiler) moves(t *homeTable, e *entry) (list []move) {
	words := c.state.used
	if t == &homes {
		words = [maxVars / 64]uint64{words[0] | homeSet}
	}
	s := c.graph
	start := len(s.moves)
	for k, set := range words {
		for ; set != 0; set &= set - 1 {
			n := 64*k + bits.TrailingZeros64(set)
			if c.settled(n, t, e) {
				continue
			}
			m := move{variable: n, to: location{reg: t.of(uint64(n)), at: slot(uint64(n)).Disp}}
			m.from, m.fix = c.location(n), c.fixFor(n, e)
			s.moves = append(s.moves, m)
		}
	}
	return slices.Clip(s.moves[start:])
}

// location is a place of a value: a register, or, if that is NoReg, memory in the context; or a constant.
type location struct {
	reg     amd64.Reg
	at      int32
	k       int32
	isConst bool
}

// location is where variable n is.
func (c *Compiler) location(n int) location {
	v := c.state.cur[n]
	if v == 0 {
		return location{reg: amd64.NoReg, at: slot(uint64(n)).Disp}
	}
	w := &c.at[v]
	k, ok := c.imm32(v)
	switch {
	case w.reg != amd64.NoReg:
		return location{reg: w.reg}
	case w.slot != noSlot || w.spill != noSlot:
		return location{reg: amd64.NoReg, at: w.memory().Disp}
	case ok:
		return location{k: k, isConst: true}
	}
	panic("jit: a variable that is nowhere")
}

// same reports whether the places are the same.
func (l location) same(m location) bool {
	return !l.isConst && !m.isConst && l.reg == m.reg && (l.reg != amd64.NoReg || l.at == m.at)
}

// move is a move of a variable.
type move struct {
	variable int
	from, to location
	fix      ir.Fix // to be done with it
}

// emitMoves emits moves that happen at once, as it were. It changes no other registers than mover, and no flags unless
// values are to be fixed.
func (c *Compiler) emitMoves(moves []move) {
	c.graph.left = append(c.graph.left[:0], moves...)
	moves = c.graph.left
	c.canonicalMoves(moves)
	for len(moves) > 0 {
		k := slices.IndexFunc(moves, func(m move) bool {
			return !slices.ContainsFunc(moves, func(o move) bool { return o.variable != m.variable && o.from.same(m.to) })
		})
		if k < 0 { // a cycle
			from, saved := moves[0].from, location{reg: amd64.NoReg, at: scratch.Disp}
			c.emitMove(saved, from, 0)
			for n := range moves {
				if moves[n].from.same(from) {
					moves[n].from = saved
				}
			}
			continue
		}
		c.emitMove(moves[k].to, moves[k].from, moves[k].fix)
		moves = slices.Delete(moves, k, k+1)
	}
}

func (c *Compiler) emitMove(to, from location, fix ir.Fix) {
	if fix == ir.FixSign {
		c.extendMove(to, from)
		return
	}
	if fix != 0 {
		r := from.reg
		if r == amd64.NoReg {
			r = mover
			c.fetch(r, amd64.At(ctxReg, from.at))
		}
		c.fix(r, fix)
		from = location{reg: r}
	}
	switch {
	case to.reg != amd64.NoReg && from.isConst:
		c.a.MovImm(to.reg, uint64(int64(from.k)))
	case from.isConst:
		c.a.MI(amd64.MOV, amd64.W64, amd64.At(ctxReg, to.at), from.k)
	case to.reg != amd64.NoReg && from.reg != amd64.NoReg:
		c.move(to.reg, from.reg)
	case to.reg != amd64.NoReg:
		c.fetch(to.reg, amd64.At(ctxReg, from.at))
	case from.reg != amd64.NoReg:
		c.deposit(amd64.At(ctxReg, to.at), from.reg)
	default:
		c.fetch(mover, amd64.At(ctxReg, from.at))
		c.deposit(amd64.At(ctxReg, to.at), mover)
	}
}

// extendMove moves the lower half of an integer, sign-extended. Where it was, it may be extended, too.
func (c *Compiler) extendMove(to, from location) {
	switch {
	case to.reg != amd64.NoReg && from.reg != amd64.NoReg:
		c.a.RR(amd64.MOVSXD, amd64.W64, to.reg, from.reg)
	case to.reg != amd64.NoReg:
		c.a.RM(amd64.MOVSXD, amd64.W64, to.reg, amd64.At(ctxReg, from.at))
	case from.reg != amd64.NoReg:
		c.a.RR(amd64.MOVSXD, amd64.W64, from.reg, from.reg)
		c.deposit(amd64.At(ctxReg, to.at), from.reg)
	default:
		c.deposit(saved, amd64.RCX)
		c.a.RM(amd64.MOVSXD, amd64.W64, amd64.RCX, amd64.At(ctxReg, from.at))
		c.deposit(amd64.At(ctxReg, to.at), amd64.RCX)
		c.fetch(amd64.RCX, saved)
	}
}
