//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// The host executes all accesses in order, but for loads that pass earlier stores: Intel's
// manual, volume 3, section 9.2. A barrier is needed where a store comes before it and a
// load behind, and no other barrier is between.

// fence orders memory. A locked operation is a barrier, and faster than MFENCE, which is one
// for accesses that the guest cannot make, too.
func (c *Compiler) fence(v ir.Value, imm uint64) {
	if !isFull(imm) || c.drained || c.fencedLater(v) {
		return
	}
	emitBarrier(c.a)
	c.drained = true
}

func emitBarrier(a *amd64.Assembler) {
	a.Lock()
	a.MI(amd64.OR, amd64.W32, scratch, 0)
}

// isFull reports whether a fence has loads wait for stores: fence.tso leaves that out.
func isFull(imm uint64) bool {
	const predW, succR = 1 << 4, 1 << 1
	return imm&predW != 0 && imm&succR != 0 && imm>>8 != 8
}

// isBarrier reports whether op, an atomic operation, is a barrier as well: SC may not store.
func isBarrier(op ir.Op) bool { return op >= ir.AmoSwap8 && op <= ir.AmoCas64 }

// fencedLater reports whether there is another barrier behind the fence v before anything
// is loaded. That a store between them may fault does not matter: what is executed instead
// comes back to the other barrier.
func (c *Compiler) fencedLater(v ir.Value) bool {
	for k := int(v) + 1; k < len(c.t.Code); k++ {
		i := &c.t.Code[k]
		switch {
		case i.Op == ir.Fence && isFull(i.Imm), isBarrier(i.Op):
			return true
		case i.Op.Has(ir.Reads | ir.Exits | ir.Ends):
			return false
		}
	}
	return false
}
