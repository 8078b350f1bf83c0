//go:build linux

package codecache

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Key says what a block is a translation of.
type Key struct {
	PC   uint64 // guest address
	Mode uint8  // what else the translation depends on: the guest's rounding mode
}

// hash is different for all keys that have blocks: no code is at an address of more than 60 bits.
func (k Key) hash() uint64 { return k.PC ^ uint64(k.Mode)<<60 }

// Block is a translation. There are a hundred thousand in wide programs: its fields leave no gaps.
type Block struct {
	Key
	Code  []byte // the guest code, up to the end of the last instruction, with what the path skips
	Path  uint64 // which ways through it are taken (guest.Path)
	Insts int    // guest instructions
	Entry uint32 // offset of the entry that looks at the interrupt word first; 0 if there is no code: for the interpreter
	Body  uint32 // offset of the entry for those who have
	End   uint32 // offset behind the code

	Tail, TailEnd uint32 // offsets of what is seldom executed, which is elsewhere; the same ones if there is none

	Checked  bool    // its code compares guest memory with Code itself
	Function uint8   // the library function that its code is for (ir.Function), or 0
	Region   bool    // it is made of the code in More, which it is entered to at PC; Code is nil
	Alone    bool    // of a region: it is for a guest of one thread, and no shared memory
	More     []Range // what else of guest code it depends on

	// Strayed counts, of a region, computed jumps to what is not in it.
	Strayed uint32
	// Missed counts, of a region, looks ahead of loops that have failed. Of the block in whose place it is, NoLooks says
	// that they fail too often for regions there to have any, Undone how many of these have been given up for better ones.
	Missed  uint32
	NoLooks bool
	Undone  uint8

	// Seen is how much time the guest has spent in it, by samples; Samples is how many these were. Tried is how
	// often there was an attempt to have a region of what is around it, Refused that there is none of it itself, Short that one
	// would have been left too soon.
	Seen    time.Duration
	Samples uint32
	Tried   uint8
	Refused bool
	Short   bool
	Marks   []Mark // where the code of guest instructions begins, if anybody wants to know

	States *ir.States // where registers are when it faults; nil for where they always are

	under     *Block // of a region: the block in whose place it is
	faults    []Fault
	firstExit uint32
	numExits  uint32
	incoming  uint32 // 1 + the number of the exit that was linked to it last, or 0; Exit.after tells which was before
	valid     atomic.Bool

	counter int    // of the thunk
	thunk   uint32 // offset of its counting thunk, or 0
	hot     bool   // the thunk has done its work
}

// Under is the block in whose place a region is, or the block itself.
func (b *Block) Under() *Block {
	if b.Region {
		return b.under
	}
	return b
}

// Range is guest memory from Start up to End.
type Range struct{ Start, End uint64 }

// pages yields the guest's pages that the block depends on.
func (b *Block) pages(yield func(uint64) bool) {
	if len(b.More) == 0 {
		for p := b.PC >> pageShift; p <= (max(b.endPC(), b.PC+1)-1)>>pageShift && yield(p); p++ {
		}
		return
	}
	var list []uint64
	for _, r := range append([]Range{{b.PC, max(b.endPC(), b.PC+1)}}, b.More...) {
		for p := r.Start >> pageShift; p <= (r.End-1)>>pageShift; p++ {
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	slices.Values(list)(yield)
}

// overlaps reports whether it depends on any of [addr, addr+n).
func (b *Block) overlaps(addr, n uint64) bool {
	if b.PC < addr+n && addr < max(b.endPC(), b.PC+1) {
		return true
	}
	return slices.ContainsFunc(b.More, func(r Range) bool { return r.Start < addr+n && addr < r.End })
}

// Valid reports whether the block's guest code is what it was translated from, as far
// as is known.
func (b *Block) Valid() bool { return b.valid.Load() }

// Interpreted reports whether the block is there to say that there is no translation.
func (b *Block) Interpreted() bool { return b.Entry == 0 }

// HostBytes is how much host code there is.
func (b *Block) HostBytes() int { return int(b.End - b.Entry + b.TailEnd - b.Tail) }

// End of the guest code.
func (b *Block) endPC() uint64 { return b.PC + uint64(len(b.Code)) }

// Mark is where the host code of a guest instruction begins.
type Mark struct {
	Offset uint32 // in the cache
	PC     uint64
}

// Inst is the guest instruction whose code is at an offset, or that the block begins with.
func (b *Block) Inst(offset uint32) (pc uint64) {
	pc = b.PC
	i, found := slices.BinarySearchFunc(b.Marks, offset, func(m Mark, o uint32) int { return cmp.Compare(m.Offset, o) })
	if found {
		return b.Marks[i].PC
	}
	if i > 0 {
		pc = b.Marks[i-1].PC
	}
	return pc
}

// Fault is a host instruction that may fault.
type Fault struct {
	Offset   uint32 // in the cache
	Late     uint32 // where what is for it begins in ir.States.Late
	PC       uint64 // of the guest instruction
	NumLate  uint8
	Done     uint8 // how many instructions of the block have been executed before, if they are counted
	Overflow bool  // a call for which the stack of return addresses is full; see jit.Fault
	Computed bool
	Look     bool // a look ahead of a loop; see jit.Fault
}

// Where says where the guest's registers are when f, an instruction of b, has faulted: see ir.States.
func (b *Block) Where(f Fault) (s *ir.States, late []ir.Recovery) {
	if b.States == nil || f.Overflow {
		return nil, nil
	}
	return b.States, b.States.Late[f.Late : f.Late+uint32(f.NumLate)]
}

// ExitKind says what an exit leads to.
type ExitKind uint8

const (
	ToBlock     ExitKind = iota // the guest code at PC
	ToCall                      // the same, by a call
	ToGuess                     // a computed address, the same each time
	ToJump                      // a computed address; it is never linked
	ToInterp                    // the interpreter, for the instruction at PC
	ToSystem                    // the system call before PC
	ToInterrupt                 // the engine, as the interrupt word is set; nothing of the block has happened
	ToStale                     // the engine, as guest memory holds other code; nothing of the block has happened
	ToHot                       // the engine, as the block is hot: the exit of a counting thunk
	ToSide                      // the engine, as an exit of the block, a region, is taken often: that of a side thunk
	ToEmpty                     // the engine, as there is less fuel than the block needs; nothing of it has happened
)

// Exit is a way out of a block. There are hundreds of thousands: its fields leave no gaps.
type Exit struct {
	PC       uint64 // 0 of ToJump
	Block    *Block
	to       *Block // that it is linked to, or nil
	Jump     uint32 // offset of the displacement that leads out
	Unlinked uint32 // offset that it leads to when it is not linked
	Guess    Guess  // of ToGuess; PC is 0 until it is made. Probe alone, of ToJump of a region
	after    uint32 // see Block.incoming
	Kind     ExitKind
	Polled   bool // the interrupt word has been looked at on the way
}

// To is the block that the exit is linked to, or nil.
func (e *Exit) To() *Block { return e.to }

// Guess is the inline cache of an exit: offsets of the guess, of the displacement of the jump
// for wrong guesses, and of what that is to lead to once there is one.
type Guess struct{ At, Miss, Probe uint32 }
