//go:build amd64

package jit

import (
	"math/bits"
	"slices"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Where values are. A value may be in a host register, be what a guest register's place
// in the context holds, be spilled, or be a constant; any of them is enough.

// temps are the registers for intermediate integers, xtemps those for floating-point
// numbers.
var (
	temps  = []amd64.Reg{amd64.RCX, amd64.RAX, amd64.RDX}
	xtemps = []amd64.Reg{amd64.X12, amd64.X13, amd64.X14, amd64.X15}
)

// noSlot means that a value is in no place in memory.
const noSlot = 0xff

// where is the location of a value.
type where struct {
	reg   amd64.Reg // NoReg if in none
	slot  uint8     // variable whose place in the context holds it, see slot, or noSlot
	spill uint8     // index in Context.Spill, or noSlot
	left  uint16    // uses to come
}

// alloc is the state of registers while a trace is compiled.
type alloc struct {
	at       []where              // by value
	inReg    [32]ir.Value         // what each host register holds
	inSlot   [maxVars]ir.Value    // what each variable's place holds
	spills   [numSpills]ir.Value  // what each spill slot holds
	spilled  uint64               // those that may hold something, by bit
	present  [256]bool            // by operation: there is one
	alias    []ir.Value           // by value: another one that is the same, or 0
	boxed    []bool               // by value: the register's upper half is all ones
	farthest []int32              // by value: 1 + how far outside of the window the address is at most; 0 if it is not known
	pinned   [32]bool             // registers that the current instruction needs
	read     [maxVars / 64]uint64 // variables whose places it reads, by bit
	homes    *homeTable
	temps    []amd64.Reg // registers for intermediate integers
	xtemps   []amd64.Reg
	state    *state // in chains of graphs
}

func (c *Compiler) startAlloc() {
	n := len(c.t.Code)
	c.alias, c.boxed, c.farthest = zeroed(c.alias, n), zeroed(c.boxed, n), zeroed(c.farthest, n)
	c.present = [256]bool{}
	c.at = slices.Grow(c.at[:0], n)[:n]
	for v := range c.at {
		c.at[v] = where{reg: amd64.NoReg, slot: noSlot, spill: noSlot}
	}
	for k := range c.t.Code {
		i := &c.t.Code[k]
		c.present[i.Op] = true
		args := &i.Args
		c.at[args[0]].left++ // of no value, too, which nobody asks for
		c.at[args[1]].left++
		c.at[args[2]].left++
	}
	c.at[0].left = 0
	c.temps, c.xtemps, c.state = temps, xtemps, nil
	c.inReg, c.inSlot, c.spills, c.spilled = [32]ir.Value{}, [maxVars]ir.Value{}, [numSpills]ir.Value{}, 0
}

// used notes a use of v.
func (c *Compiler) used(v ir.Value) { c.at[v].left-- }

// same says that v is nothing but x, which has one use less and those of v.
func (c *Compiler) same(v, x ir.Value) {
	c.alias[v] = x
	c.at[x].left += c.at[v].left - 1
	if c.state != nil {
		c.graph.virtuals.same(v, x)
	}
}

// put says that r holds v from now on.
func (c *Compiler) put(v ir.Value, r amd64.Reg) {
	c.clobber(r)
	c.inReg[r] = v
	c.at[v].reg = r
}

// clobber forgets what r holds; it is about to be changed.
func (c *Compiler) clobber(r amd64.Reg) {
	old := c.inReg[r]
	if old == 0 {
		return
	}
	c.inReg[r] = 0
	if c.at[old].reg != r {
		return
	}
	c.at[old].reg = amd64.NoReg
	if c.state == nil {
		return
	}
	if other := slices.Index(c.inReg[:], old); other >= 0 { // several variables hold it
		c.at[old].reg = amd64.Reg(other)
	}
}

// reg brings v into a register, which stays pinned.
func (c *Compiler) reg(v ir.Value) amd64.Reg {
	w := &c.at[v]
	if w.reg == amd64.NoReg {
		r := c.tempFor(v)
		c.load(r, v)
		c.put(v, r)
	}
	c.pinned[w.reg] = true
	return w.reg
}

// load copies v into r.
func (c *Compiler) load(r amd64.Reg, v ir.Value) {
	w := &c.at[v]
	switch k, isConst := c.t.ConstOf(v); {
	case isConst:
		c.a.MovImm(r, k)
	case w.reg != amd64.NoReg:
		c.move(r, w.reg)
	default:
		c.fetch(r, w.memory())
	}
}

// move copies a register to one of the same kind.
func (c *Compiler) move(dst, src amd64.Reg) {
	switch {
	case dst == src:
	case dst.IsX():
		c.a.RR(amd64.MOVAPS, amd64.W64, dst, src)
	default:
		c.a.RR(amd64.MOV, amd64.W64, dst, src)
	}
}

// fetch loads a value from the context, deposit stores one there.
func (c *Compiler) fetch(r amd64.Reg, m amd64.Mem) {
	if r.IsX() {
		c.a.RM(amd64.MOVSD, amd64.W64, r, m)
	} else {
		c.a.RM(amd64.MOV, amd64.W64, r, m)
	}
}

func (c *Compiler) deposit(m amd64.Mem, r amd64.Reg) {
	if r.IsX() {
		c.a.MR(amd64.MOVSD, amd64.W64, m, r)
	} else {
		c.a.MR(amd64.MOV, amd64.W64, m, r)
	}
}

// memory is where a value is that is in no register.
func (w *where) memory() amd64.Mem {
	if w.slot != noSlot {
		return slot(uint64(w.slot))
	}
	return spill(int(w.spill))
}

// memory returns where v is in memory, if it is in no register. It stays there until the current instruction ends,
// even if nobody needs it any more: else what has to leave a register for the result might be stored over it before it is read.
func (c *Compiler) memory(v ir.Value) (m amd64.Mem, ok bool) {
	w := &c.at[v]
	if _, isConst := c.t.ConstOf(v); isConst || w.reg != amd64.NoReg {
		return m, false
	}
	if w.slot != noSlot {
		c.read[w.slot/64] |= 1 << (w.slot % 64)
	}
	return w.memory(), true
}

// temp returns a register for an integer, xtemp one for a floating-point number.
func (c *Compiler) temp() amd64.Reg  { return c.tempOf(c.temps) }
func (c *Compiler) xtemp() amd64.Reg { return c.tempOf(c.xtemps) }

// tempFor returns a register for a value like v.
func (c *Compiler) tempFor(v ir.Value) amd64.Reg { return c.tempOf(c.tempsFor(v)) }

func (c *Compiler) tempsFor(v ir.Value) []amd64.Reg {
	if isFloat(c.t.Type(v)) {
		return c.xtemps
	}
	return c.temps
}

// isFloat reports whether values of a type live in floating-point registers.
func isFloat(t ir.Type) bool { return t == ir.F64 || t == ir.F32 || t == ir.F16 }

// tempOf returns one of several registers, pinned. Its content is saved if it is the
// only place of a value that is still needed.
func (c *Compiler) tempOf(temps []amd64.Reg) amd64.Reg {
	best := c.cheapest(temps)
	if best == amd64.NoReg {
		panic("jit: an instruction that needs more registers than there are")
	}
	c.vacate(best)
	c.pinned[best] = true
	return best
}

// regUnless is the register that v is in, or NoReg where an instruction takes it from memory.
func (c *Compiler) regUnless(isMem bool, v ir.Value) amd64.Reg {
	if isMem {
		return amd64.NoReg
	}
	return c.reg(v)
}

// cheapest is one of several registers that costs least to take, or NoReg if all are pinned.
func (c *Compiler) cheapest(temps []amd64.Reg) amd64.Reg {
	best := amd64.NoReg
	least := 0
	for _, r := range temps {
		if c.pinned[r] {
			continue
		}
		if k := c.cost(r); best == amd64.NoReg || k < least {
			best, least = r, k
		}
	}
	return best
}

// needsSaving reports whether r has what is nowhere else, and is needed.
func (c *Compiler) needsSaving(r amd64.Reg) bool {
	if r == amd64.NoReg {
		return true
	}
	v := c.inReg[r]
	return v != 0 && c.at[v].reg == r && c.needed(v) && c.onlyIn(v) && (c.state == nil || !c.isElsewhere(v, r))
}

// isElsewhere reports whether another register than r has v, in a graph.
func (c *Compiler) isElsewhere(v ir.Value, r amd64.Reg) bool {
	return slices.ContainsFunc(c.temps, func(o amd64.Reg) bool { return o != r && c.inReg[o] == v })
}

// cost is what it costs to take r for something else.
func (c *Compiler) cost(r amd64.Reg) int {
	v := c.inReg[r]
	switch {
	case v == 0 || c.at[v].reg != r || !c.needed(v):
		return 0
	case c.state != nil: // what is used last
		n := int(c.distance(v))
		if n < never && c.onlyIn(v) { // else it is stored anyway, sooner or later
			n -= 2
		}
		return never + 1 - n
	case c.onlyIn(v):
		return 2
	}
	return 1
}

// vacate saves what r holds, if need be, and clobbers it.
func (c *Compiler) vacate(r amd64.Reg) {
	if v := c.inReg[r]; c.needsSaving(r) && !c.forget(v, r) {
		if t := c.spare(v); t != amd64.NoReg {
			c.move(t, r)
			c.put(v, t)
		} else {
			c.save(v, r)
		}
	}
	c.clobber(r)
}

// spare is a register of a graph's that v can go to, or NoReg.
func (c *Compiler) spare(v ir.Value) amd64.Reg {
	if c.state == nil {
		return amd64.NoReg
	}
	return c.freeTemp(c.tempsFor(v))
}

// onlyIn reports whether v is nowhere but in its register.
func (c *Compiler) onlyIn(v ir.Value) bool {
	_, isConst := c.t.ConstOf(v)
	if isConst && c.state != nil && c.state.holds[v] > 0 {
		_, isConst = c.imm32(v) // side tables have no others
	}
	w := &c.at[v]
	return !isConst && w.slot == noSlot && w.spill == noSlot
}

// save spills v, which is in r. A slot becomes free at the end of an instruction that
// uses its value for the last time.
func (c *Compiler) save(v ir.Value, r amd64.Reg) {
	if c.keep(v, r) {
		return
	}
	for n, old := range c.spills {
		if old == 0 {
			c.spills[n] = v
			c.spilled |= 1 << n
			c.at[v].spill = uint8(n)
			c.deposit(spill(n), r)
			return
		}
	}
	panic(errTooLarge)
}

// claim makes r, one of temps, free for the current instruction.
func (c *Compiler) claim(r amd64.Reg) {
	c.vacate(r)
	c.pinned[r] = true
}

// unpin ends an instruction, or what uses its operands.
func (c *Compiler) unpin() {
	c.pinned, c.read = [32]bool{}, [maxVars / 64]uint64{}
	for set := c.spilled; set != 0; set &= set - 1 {
		n := bits.TrailingZeros64(set)
		if v := c.spills[n]; v != 0 && !c.needed(v) {
			c.at[v].spill = noSlot
			c.spills[n] = 0
		}
		if c.spills[n] == 0 {
			c.spilled &^= 1 << n
		}
	}
}

// leaveHome saves what home h holds before it is overwritten.
func (c *Compiler) leaveHome(h amd64.Reg) {
	v := c.inReg[h]
	if v == 0 || c.at[v].left == 0 || !c.onlyIn(v) {
		c.clobber(h)
		return
	}
	r := c.freeTemp(c.tempsFor(v))
	if r == amd64.NoReg {
		c.save(v, h)
		c.clobber(h)
		return
	}
	c.move(r, h)
	c.inReg[h] = 0
	c.put(v, r)
}

// free ends the use of r, a register of temps, within an instruction.
func (c *Compiler) free(r amd64.Reg) {
	c.clobber(r)
	c.pinned[r] = false
}

// freeTemp is one of several registers that nobody needs, or NoReg.
func (c *Compiler) freeTemp(temps []amd64.Reg) amd64.Reg {
	for _, r := range temps {
		if v := c.inReg[r]; !c.pinned[r] && (v == 0 || c.at[v].reg != r || !c.needed(v)) {
			return r
		}
	}
	return amd64.NoReg
}
