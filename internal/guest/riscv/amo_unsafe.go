package riscv

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
)

// object returns the host address of a naturally aligned object for atomic
// access. Misalignment traps before anything else.
func (c *CPU) object(addr uint64, size int, access mem.Prot) unsafe.Pointer {
	if addr&uint64(size-1) != 0 {
		raiseMisaligned(addr)
	}
	if addr-mem.MinAddr < c.window && !c.divided {
		return unsafe.Add(c.base, addr)
	}
	return c.mem.Pointer(addr, size, access)
}

func (c *CPU) word(addr uint64) *uint32 { return (*uint32)(c.object(addr, 4, mem.Read|mem.Write)) }
func (c *CPU) long(addr uint64) *uint64 { return (*uint64)(c.object(addr, 8, mem.Read|mem.Write)) }

// signExtend extends the low size bytes of v.
func signExtend(v uint64, size int) uint64 {
	shift := 64 - 8*size
	return uint64(int64(v<<shift) >> shift)
}

// loadReserved is lr: it remembers address and value for storeConditional.
func (c *CPU) loadReserved(addr uint64, size int) uint64 {
	p := c.object(addr, size, mem.Read)
	var v uint64
	if size == 4 {
		v = signExtend(uint64(atomic.LoadUint32((*uint32)(p))), 4)
	} else {
		v = atomic.LoadUint64((*uint64)(p))
	}
	c.reg.ResAddr, c.reg.ResValue, c.reg.Reserved = addr, v, uint64(size)
	return v
}

// storeConditional is sc: 0 if it stored, else 1. It succeeds when memory holds
// what lr saw there, even if it changed in between: other writers cannot be
// watched. The reservation ends in any case; when the store faults, with the trap, so
// that it is there if there is none and the instruction is executed again.
func (c *CPU) storeConditional(addr, v uint64, size int) uint64 {
	if c.reg.Reserved != uint64(size) || c.reg.ResAddr != addr {
		c.reg.Reserved = 0
		if addr&uint64(size-1) != 0 {
			raiseMisaligned(addr)
		}
		return 1
	}
	var stored bool
	if size == 4 {
		stored = atomic.CompareAndSwapUint32(c.word(addr), uint32(c.reg.ResValue), uint32(v))
	} else {
		stored = atomic.CompareAndSwapUint64(c.long(addr), c.reg.ResValue, v)
	}
	c.reg.Reserved = 0
	return b2u(!stored)
}

// The common operations have host instructions.

func (c *CPU) amoSwap32(addr, v uint64) uint64 {
	return uint64(int32(atomic.SwapUint32(c.word(addr), uint32(v))))
}

func (c *CPU) amoSwap64(addr, v uint64) uint64 { return atomic.SwapUint64(c.long(addr), v) }

func (c *CPU) amoAdd32(addr, v uint64) uint64 {
	return uint64(int32(atomic.AddUint32(c.word(addr), uint32(v)) - uint32(v)))
}

func (c *CPU) amoAdd64(addr, v uint64) uint64 { return atomic.AddUint64(c.long(addr), v) - v }

func (c *CPU) amoAnd32(addr, v uint64) uint64 {
	return uint64(int32(atomic.AndUint32(c.word(addr), uint32(v))))
}

func (c *CPU) amoAnd64(addr, v uint64) uint64 { return atomic.AndUint64(c.long(addr), v) }

func (c *CPU) amoOr32(addr, v uint64) uint64 {
	return uint64(int32(atomic.OrUint32(c.word(addr), uint32(v))))
}

func (c *CPU) amoOr64(addr, v uint64) uint64 { return atomic.OrUint64(c.long(addr), v) }

// combine is what an AMO stores, given the old value and the operand, both
// sign-extended to 64 bits. Sign extension preserves the unsigned order, so one
// function serves all widths.
type combine func(old, v uint64) uint64

func combineSwap(_, v uint64) uint64  { return v }
func combineAdd(old, v uint64) uint64 { return old + v }
func combineAnd(old, v uint64) uint64 { return old & v }
func combineOr(old, v uint64) uint64  { return old | v }
func combineXor(old, v uint64) uint64 { return old ^ v }
func combineMinU(a, b uint64) uint64  { return min(a, b) }
func combineMaxU(a, b uint64) uint64  { return max(a, b) }
func combineMinS(a, b uint64) uint64  { return uint64(min(int64(a), int64(b))) }
func combineMaxS(a, b uint64) uint64  { return uint64(max(int64(a), int64(b))) }

// amo replaces the object of size bytes by f of it and v, and returns the old
// value, sign-extended.
func (c *CPU) amo(addr, v uint64, size int, f combine) uint64 {
	v = signExtend(v, size)
	for {
		old := c.peek(addr, size)
		if c.compareAndSwap(addr, old, f(old, v), size) {
			return old
		}
	}
}

// amoCas stores v if the object equals expected (in its low size bytes), and
// returns the old value, sign-extended.
func (c *CPU) amoCas(addr, expected, v uint64, size int) uint64 {
	expected = signExtend(expected, size)
	for {
		old := c.peek(addr, size)
		store := v
		if old != expected {
			store = old // amocas has store semantics even then: it faults on read-only pages
		}
		if c.compareAndSwap(addr, old, store, size) {
			return old
		}
	}
}

// peek reads the object atomically and sign-extends it; the page must be writable as well.
func (c *CPU) peek(addr uint64, size int) uint64 {
	switch size {
	case 8:
		return atomic.LoadUint64(c.long(addr))
	case 4:
		return uint64(int32(atomic.LoadUint32(c.word(addr))))
	}
	p, shift := c.narrow(addr, size)
	return signExtend(uint64(atomic.LoadUint32(p)>>shift), size)
}

// compareAndSwap replaces the object if it still equals old, sign-extended.
func (c *CPU) compareAndSwap(addr, old, v uint64, size int) bool {
	switch size {
	case 8:
		return atomic.CompareAndSwapUint64(c.long(addr), old, v)
	case 4:
		return atomic.CompareAndSwapUint32(c.word(addr), uint32(old), uint32(v))
	}
	p, shift := c.narrow(addr, size)
	mask := uint32(1)<<(8*size) - 1
	for {
		w := atomic.LoadUint32(p)
		if w>>shift&mask != uint32(old)&mask {
			return false
		}
		if atomic.CompareAndSwapUint32(p, w, w&^(mask<<shift)|uint32(v)&mask<<shift) {
			return true
		}
	}
}

// narrow returns the aligned word around a byte or halfword, and the object's
// first bit in it.
func (c *CPU) narrow(addr uint64, size int) (p *uint32, shift uint) {
	if addr&uint64(size-1) != 0 {
		raiseMisaligned(addr)
	}
	return c.word(addr &^ 3), uint(addr&3) * 8
}

// amoCas128 is amocas.q, on the register pairs rd and rs2. A pair that starts at
// x0 reads as zero and is not written.
func (c *CPU) amoCas128(addr uint64, i *inst) {
	p := c.object(addr, 16, mem.Read|mem.Write)
	var expected, v [2]uint64
	if i.rd != sink {
		expected = [2]uint64{c.r[i.rd], c.r[i.rd+1]}
	}
	if i.rs2 != 0 {
		v = [2]uint64{c.r[i.rs2], c.r[i.rs2+1]}
	}
	old := compareAndSwap128(p, expected, v)
	if i.rd != sink {
		c.r[i.rd], c.r[i.rd+1] = old[0], old[1]
	}
}

// fullFence orders everything before it with everything after it.
func fullFence() {
	var word atomic.Uint32
	word.Add(1)
}

// Bits of fence's operand.
const (
	fenceSuccR = 1 << 1
	fencePredW = 1 << 4
)

// fence orders memory accesses. On a TSO host only a store that must come before
// a load needs anything.
func (c *CPU) fence(sets uint64) {
	if runtime.GOARCH == "amd64" && (sets&fencePredW == 0 || sets&fenceSuccR == 0) {
		return
	}
	fullFence()
}

// fenceTSO is fence.tso: all but stores before loads.
func (c *CPU) fenceTSO() {
	if runtime.GOARCH != "amd64" {
		fullFence()
	}
}

// waitReservation is wrs.nto and wrs.sto. It gives others a chance to run and
// returns, which the manual allows at any time.
func (c *CPU) waitReservation() { runtime.Gosched() }
