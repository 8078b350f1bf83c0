//go:build amd64

package jit

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Code that was compiled with Compiler.Watched can be taken back: it notes each store
// before it makes it, with what was there. What others see at once cannot be taken back:
// accesses to pages that are marked for it are left to the interpreter. All other code is
// what it is without, because no register is given away for that.

// Store is a store to guest memory that was about to be made.
type Store struct {
	Addr uint64 // guest address
	Old  uint64 // what was there
	Size uint32 // bytes: 1, 2, 4 or 8
	Inst uint32 // number of the guest instruction in its trace
}

// watched is the part of a Context that watched code works with.
type watched struct {
	marks  uintptr // address of the mark of guest address 0
	stored uint64  // how much of stores is in use, in bytes
	stores *[maxStores]Store
	saved  [3]uint64 // of RAX and RCX, and what is to be stored over
}

// maxStores is the greatest number of stores in a watched trace.
const maxStores = 512

// MarkShift is the logarithm of the size of what has a mark.
const MarkShift = 12

// Watch makes the context ready for watched code. marks is the address of the mark of guest
// address 0, a byte for 1<<MarkShift of them, which is not 0 if accesses are left to the
// interpreter; there are marks for the window and its guards.
func (ctx *Context) Watch(marks uintptr) {
	ctx.watched.marks, ctx.watched.stores = marks, new([maxStores]Store)
}

// Stores are those since the last call of ForgetStores. The last one may not have been
// made if the code was left because of a fault, or by an SC that fails.
func (ctx *Context) Stores() []Store {
	return ctx.watched.stores[:ctx.watched.stored/uint64(unsafe.Sizeof(Store{}))]
}

// ForgetStores is to be called before watched code is entered.
func (ctx *Context) ForgetStores() { ctx.watched.stored = 0 }

// stores counts the stores of a trace.
func stores(t *ir.Trace) (n int) {
	for k := range t.Code {
		if t.Code[k].Op.Has(ir.Writes) {
			n++
		}
	}
	return n
}

// Where these are.
const (
	offMarks  = offWatched + int32(unsafe.Offsetof(watched{}.marks))
	offStored = offWatched + int32(unsafe.Offsetof(watched{}.stored))
	offStores = offWatched + int32(unsafe.Offsetof(watched{}.stores))
	offSaved  = offWatched + int32(unsafe.Offsetof(watched{}.saved))
)

// watch watches the access that op is about to make to m, if that is wanted. at is the
// guest address, as if it were the host's.
func (c *Compiler) watch(op ir.Op, at, m amd64.Mem) {
	if !c.Watched {
		return
	}
	start := c.a.Len()
	c.saveWork()
	c.a.RM(amd64.LEA, amd64.W64, amd64.RAX, at)
	c.a.RM(amd64.LEA, amd64.W64, amd64.RCX, amd64.At(amd64.RAX, int32(op.Info().Size)-1))
	for _, r := range []amd64.Reg{amd64.RAX, amd64.RCX} {
		c.a.RI(amd64.SAR, amd64.W64, r, MarkShift)
		c.a.RM(amd64.ADD, amd64.W64, r, amd64.At(ctxReg, offMarks))
	}
	c.a.RM(amd64.MOVZX8, amd64.W32, amd64.RAX, amd64.At(amd64.RAX, 0))
	c.a.RM(amd64.OR, amd64.W8, amd64.RAX, amd64.At(amd64.RCX, 0))
	c.restoreWork()
	c.interpretIf(amd64.NE)
	if op.Has(ir.Writes) {
		c.noteStore(op, at, m)
	}
	c.code.Extra = append(c.code.Extra, Span{start, c.a.Len()})
}

// noteStore notes the store that op is about to make.
func (c *Compiler) noteStore(op ir.Op, at, m amd64.Mem) {
	size := op.Info().Size
	old := amd64.At(ctxReg, offSaved+16)
	entry := func(offset uintptr) amd64.Mem { return amd64.At(amd64.RCX, int32(offset)) }
	c.saveWork()
	c.loadExtended(amd64.RAX, amd64.Width(size), m)
	c.a.MR(amd64.MOV, amd64.W64, old, amd64.RAX)
	c.restoreWork()
	c.a.RM(amd64.LEA, amd64.W64, amd64.RAX, at)
	c.a.RM(amd64.MOV, amd64.W64, amd64.RCX, amd64.At(ctxReg, offStores))
	c.a.RM(amd64.ADD, amd64.W64, amd64.RCX, amd64.At(ctxReg, offStored))
	c.a.MR(amd64.MOV, amd64.W64, entry(unsafe.Offsetof(Store{}.Addr)), amd64.RAX)
	c.a.RM(amd64.MOV, amd64.W64, amd64.RAX, old)
	c.a.MR(amd64.MOV, amd64.W64, entry(unsafe.Offsetof(Store{}.Old)), amd64.RAX)
	c.a.MI(amd64.MOV, amd64.W32, entry(unsafe.Offsetof(Store{}.Size)), int32(size))
	c.a.MI(amd64.MOV, amd64.W32, entry(unsafe.Offsetof(Store{}.Inst)), int32(len(c.code.Marks)-1))
	c.a.MI(amd64.ADD, amd64.W64, amd64.At(ctxReg, offStored), int32(unsafe.Sizeof(Store{})))
	c.restoreWork()
}

// saveWork makes RAX and RCX free, until restoreWork. The latter keeps the flags.
func (c *Compiler) saveWork() {
	c.a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offSaved), amd64.RAX)
	c.a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offSaved+8), amd64.RCX)
}

func (c *Compiler) restoreWork() {
	c.a.RM(amd64.MOV, amd64.W64, amd64.RAX, amd64.At(ctxReg, offSaved))
	c.a.RM(amd64.MOV, amd64.W64, amd64.RCX, amd64.At(ctxReg, offSaved+8))
}
