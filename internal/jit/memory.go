//go:build amd64

package jit

import (
	"math"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// access is what an instruction does with memory: bits of a page table's entry.
type access int32

const (
	reads  access = 1
	writes access = 2 // or reads and writes: what can be written can be read
	looks  access = 8 // at code
)

// accessOf is what an operation does with memory.
func accessOf(op ir.Op) access {
	if op.Has(ir.Writes) {
		return writes
	}
	return reads
}

// address is guest memory at v, which op, a load or a store, accesses next, for an address within the
// window or its guards: anything else is left to the interpreter, unless that is known.
func (c *Compiler) address(v ir.Value, op ir.Op, known ir.Fact) amd64.Mem {
	var disp int32
	at, last := v, v
	switch {
	case c.deferred[v]:
		var sum ir.Instr
		c.resolve(&sum, v)
		at, last = sum.Args[0], sum.Args[0]
		disp, _ = c.imm32(sum.Args[1])
		c.used(sum.Args[1])
	case c.state != nil && c.graph.virtuals.is[v]:
		sum := &c.state.left[v]
		at = sum.Args[0]
		disp, _ = c.imm32(sum.Args[1])
	}
	if k, ok := c.t.ConstOf(at); ok && !c.Detours {
		if k += uint64(disp); k < min(c.Limit, math.MaxInt32) {
			c.usedAddress(last)
			m := c.fixed(int32(k), accessOf(op))
			c.watch(op, amd64.At(amd64.NoReg, int32(k)), m)
			return m
		}
	}
	c.chance()
	if known&ir.Near == 0 || c.Table || c.Detours {
		c.bound(at)
	}
	r := c.reg(at)
	c.usedAddress(last)
	c.withinPage(r, disp, int32(op.Info().Size))
	m := c.place(r, disp, accessOf(op))
	c.watch(op, amd64.At(r, disp), m)
	c.accessed(at, disp)
	return m
}

// usedAddress notes a use of v, which may not be computed.
func (c *Compiler) usedAddress(v ir.Value) {
	c.used(v)
	if c.state != nil {
		c.release(v)
	}
}

// place is host memory for guest address r + disp, in the window or its guards.
func (c *Compiler) place(r amd64.Reg, disp int32, how access) amd64.Mem {
	switch {
	case c.Table, c.Detours:
	case c.Direct:
		return amd64.At(r, disp)
	default:
		return amd64.AtIndex(baseReg, r, 1, disp)
	}
	t := c.temp()
	c.sum(t, r, disp)
	if c.Detours {
		c.a.RI(amd64.SAR, amd64.W64, t, pageShift-3)
		c.a.RI(amd64.AND, amd64.W64, t, -8)
		c.a.RM(amd64.ADD, amd64.W64, t, amd64.At(ctxReg, offDetours))
		c.entry(t, amd64.At(t, 0), how)
	} else {
		c.a.RI(amd64.SAR, amd64.W64, t, pageShift)
		c.entry(t, amd64.AtIndex(baseReg, t, 8, 0), how)
	}
	if !c.isTemp(r) {
		return amd64.AtIndex(t, r, 1, disp)
	}
	// Other operands may need the register.
	c.a.RR(amd64.ADD, amd64.W64, t, r)
	c.pinned[r] = false
	return amd64.At(t, disp)
}

// sum computes r + disp.
func (c *Compiler) sum(dst, r amd64.Reg, disp int32) {
	if disp == 0 {
		c.a.RR(amd64.MOV, amd64.W64, dst, r)
	} else {
		c.a.RM(amd64.LEA, amd64.W64, dst, amd64.At(r, disp))
	}
}

// withinPage leaves the instruction to the interpreter if a detour for size bytes at r + disp
// would have to lead to two pages.
func (c *Compiler) withinPage(r amd64.Reg, disp, size int32) {
	if !c.Detours || size == 1 {
		return
	}
	t := c.temp()
	c.sum(t, r, disp)
	c.a.RI(amd64.AND, amd64.W32, t, 1<<pageShift-1)
	c.a.RI(amd64.CMP, amd64.W32, t, 1<<pageShift-size)
	c.interpretIf(amd64.A)
	c.free(t)
}

// fixed is host memory for a constant guest address.
func (c *Compiler) fixed(addr int32, how access) amd64.Mem {
	switch {
	case c.Direct:
		return amd64.At(amd64.NoReg, addr)
	case !c.Table:
		return amd64.At(baseReg, addr)
	}
	t := c.temp()
	c.entry(t, amd64.At(baseReg, addr>>pageShift*8), how)
	return amd64.At(t, addr)
}

// Entries of the page table are for pages of 1<<pageShift bytes; the bits below are flags.
const pageShift = 12

// entry looks up in the page table what to add to an address. The instruction is left
// to the interpreter if the entry does not allow the access.
func (c *Compiler) entry(dst amd64.Reg, at amd64.Mem, how access) {
	c.a.RM(amd64.MOV, amd64.W64, dst, at)
	c.a.RI(amd64.TEST, amd64.W8, dst, int32(how))
	c.interpretIf(amd64.E)
	c.a.RI(amd64.AND, amd64.W64, dst, -1<<pageShift)
}

// maxDisp is the greatest displacement in an address: with maxSlack and the size of an
// access it stays within mem.Guard.
const (
	maxDisp  = 1 << 14
	maxSlack = ir.MaxNear
)

// bound leaves the instruction to the interpreter unless the guest address v is in the
// window. What it is computed from by adding little need only be there once in a trace.
// Where the interrupt word is up, nothing is in the window, unless the limit is in a register.
func (c *Compiler) bound(v ir.Value) {
	if k, ok := c.t.ConstOf(v); ok && k < c.Limit || c.Unbounded && !c.Detours || c.slack(v) <= maxSlack {
		return
	}
	c.belowLimit(c.reg(v))
	c.farthest[v] = 1
}

// belowLimit leaves the instruction to the interpreter unless the guest address in r is below the limit.
func (c *Compiler) belowLimit(r amd64.Reg) {
	c.compareLimit(r)
	c.interpretIf(amd64.AE)
}

// compareLimit compares r with the limit, which may be 0 where the interrupt word is up.
func (c *Compiler) compareLimit(r amd64.Reg) {
	if c.AtLimit && (c.graph == nil || c.polled) { // loops of graphs look at the word one way or the other
		c.a.RR(amd64.CMP, amd64.W64, r, baseReg)
	} else {
		c.a.RM(amd64.CMP, amd64.W64, r, amd64.At(ctxReg, offLimit))
		c.polled = true
	}
}

// accessed notes that there has been an access at v + disp when what comes next is executed: so that is in the window.
func (c *Compiler) accessed(v ir.Value, disp int32) {
	if far := 1 + max(disp, -disp); c.farthest[v] == 0 || c.farthest[v] > far {
		c.farthest[v] = far
	}
}

// slack is how far v may be outside of the window, or more than maxSlack.
func (c *Compiler) slack(v ir.Value) int32 {
	slack := int32(0)
	for slack <= maxSlack {
		if x := c.alias[v]; x != 0 {
			v = x
		}
		if near := c.farthest[v]; near > 0 {
			return slack + near - 1
		}
		i := &c.t.Code[v]
		if i.Op != ir.Add {
			break
		}
		k, ok := c.imm32(i.Args[1])
		if !ok || k < -maxSlack || k > maxSlack {
			break
		}
		slack += max(k, -k)
		v = i.Args[0]
	}
	return maxSlack + 1
}

// mayFault notes that the next host instruction may fault.
func (c *Compiler) mayFault() {
	c.code.Faults = append(c.code.Faults, Fault{Offset: c.a.Len(), PC: c.pc, Late: c.where(), Done: c.done()})
}

func (c *Compiler) loadFrom(v ir.Value, i *ir.Instr) {
	halves := i.Op == ir.Load64 && c.loadsHalves(i.Args[0])
	m := c.address(i.Args[0], i.Op, c.known(v))
	dst := c.dest(v, 0)
	if halves {
		c.loadHalves(dst, m)
		c.put(v, dst)
		return
	}
	switch i.Op {
	case ir.LoadU8:
		c.mayFault()
		c.a.RM(amd64.MOVZX8, amd64.W32, dst, m)
	case ir.LoadU16:
		c.mayFault()
		c.a.RM(amd64.MOVZX16, amd64.W32, dst, m)
	case ir.LoadU32:
		c.mayFault()
		c.a.RM(amd64.MOV, amd64.W32, dst, m)
	default:
		c.loadExtended(dst, width(i.Op), m)
	}
	c.put(v, dst)
}

func (c *Compiler) store(at ir.Value, i *ir.Instr) {
	c.stored(i.Args[0], int64(i.Op.Info().Size))
	m := c.address(i.Args[0], i.Op, c.known(at))
	w := amd64.Width(i.Op.Info().Size)
	v := i.Args[1]
	if k, ok := c.imm32(v); ok {
		c.mayFault()
		c.a.MI(amd64.MOV, w, m, truncated(k, w))
	} else if c.deferred[v] { // the bits of a floating-point register
		bits := c.resolved(v)
		c.tighten(bits.Args[0])
		r := c.reg(bits.Args[0])
		c.mayFault()
		if w == amd64.W32 {
			c.a.MR(amd64.MOVSS, amd64.W32, m, r)
		} else {
			c.a.MR(amd64.MOVSD, amd64.W64, m, r)
		}
		c.used(bits.Args[0])
	} else {
		r := c.reg(v)
		c.mayFault()
		c.a.MR(amd64.MOV, w, m, r)
	}
	c.used(v)
}

// truncated is an immediate of a width.
func truncated(k int32, w amd64.Width) int32 {
	switch w {
	case amd64.W8:
		return int32(int8(k))
	case amd64.W16:
		return int32(int16(k))
	}
	return k
}
