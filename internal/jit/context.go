//go:build amd64

// Package jit turns traces of the intermediate representation into amd64 code, and
// runs it.
//
// # Registers
//
// RBP points into the [Context], which holds the guest's state; R15 is the host address
// of guest address 0, or of the page table. Ten guest registers live in host registers of their own ("homes")
// while translated code runs; the others in the context, where each write goes at
// once. RAX, RCX and RDX hold intermediate values and copies. So the guest's state is
// exact at each instruction that may fault: what has been computed is in its place.
// RSP is a stack of return addresses.
package jit

import (
	"math"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/irq"
)

// Context is the state that translated code works on. It must not move.
type Context struct {
	ir.Registers // those that have a home are there outside of translated code only

	PC      uint64  // where to go on, of ExitIndirect, ExitInterp and exits with a guess
	Exit    uint32  // which exit was taken: ExitFault, ExitIndirect, ExitInterp, or from FirstExit on
	MXCSR   uint32  // the guest's rounding mode and exception flags, as the host has them
	FaultAt uintptr // host instruction that faulted, of ExitFault
	Fuel    int64   // how many guest instructions may be executed, of metered code: see Compiler.Metered
	Base    uintptr // host address of guest address 0, or of the page table
	Detours uintptr // host address of the page table that detours go by

	// The guest's exception flags, or -1: see status.go; and how often they may still be found out.
	known, lookups int32

	Host [32]uint64 // host registers, by amd64.Reg, of ExitFault; not RSP and RBP

	Spill  [numSpills + 2]uint64          // intermediate values, one for within an instruction, and one for within a move
	Chance uint32                         // how many places of a graph are passed where it can be left until it is: see Compiler.Chance
	Vars   [maxVars - ir.GuestVars]uint64 // variables that are no guest registers

	//lint:ignore U1000 in the assembly
	hostSP, hostBP uintptr
	stack, bottom  uintptr // RSP in translated code, and what it is when there has been no call
	callSP         uintptr // RSP for functions of the host's vdso
	leave, fault   uintptr
	entry          uintptr
	consts         [numConsts]uint64
	guestFlags     [64]uint8 // guestFlagTable and hostFlagTable
	hostFlags      [32]uint8
	//lint:ignore U1000 in the assembly
	hostMXCSR uint32
	watched   watched

	// Jumps has translations by guest address, for computed jumps: see first.
	Jumps  [numJumps]JumpEntry
	set    [512]uint16 // the entries that have been set since all were forgotten, unless
	numSet int         // there were more than fit
}

// JumpEntry is a translation in Context.Jumps: the guest address, and the host address
// of its code.
type JumpEntry struct {
	PC   uint64
	Host uintptr
}

// numJumps is the number of entries in Context.Jumps, a power of two. Programs such as cc1 and python3 go to some ten
// thousand places by computed jumps and returns; pages of the table that nobody uses are not touched.
const numJumps = 1 << 14

// Exits that are not one trace's.
const (
	ExitFault    = iota // an instruction that may has faulted: Context.FaultAt; the guest's registers are to be restored
	ExitIndirect        // a computed jump to Context.PC, which is in no table
	ExitInterp          // the instruction at Context.PC is for the interpreter
	FirstExit
)

// Init makes the context ready for use.
func (ctx *Context) Init() {
	var indirect uintptr
	ctx.leave, ctx.fault, indirect = leaveAddrs()
	ctx.consts = constants
	ctx.lookups = maxLookups
	ctx.guestFlags, ctx.hostFlags = guestFlagTable, hostFlagTable
	ctx.Jumps[0] = JumpEntry{noGuess, indirect} // guests may jump to noGuess
	ctx.Jumps[first(0)].PC = noJump(first(0))
}

// JumpMask is the mask of lookups in Context.Jumps in the interrupt word: see irq.Word.
const JumpMask = (numJumps - 1) * 2

// Entry 0 is where lookups come to while the interrupt word is up: it is no address's. What else would be there is
// in its second place, as is what another address has driven from its first one.

// first is the place of a guest address in Context.Jumps: by the complement of bits 1 and up of it.
func first(pc uint64) int { return int(^pc&JumpMask) / 2 }

// second is its second place. Addresses with the same first one have others here, unless they are far apart.
func second(pc uint64) int { return first(pc ^ pc>>secondShift) }

const secondShift = 7

// SetJump has computed jumps to a guest address lead to host code.
func (ctx *Context) SetJump(pc uint64, host uintptr) {
	i := first(pc)
	if i == 0 {
		ctx.setJump(second(pc), JumpEntry{pc, host})
		return
	}
	if old := ctx.Jumps[i]; old.PC != pc && i == first(old.PC) {
		ctx.setJump(second(old.PC), old)
	}
	ctx.setJump(i, JumpEntry{pc, host})
}

func (ctx *Context) setJump(i int, e JumpEntry) {
	if i == 0 {
		return
	}
	ctx.Jumps[i] = e
	if ctx.numSet < len(ctx.set) {
		ctx.set[ctx.numSet] = uint16(i)
	}
	ctx.numSet++
}

// ForgetJump has computed jumps to a guest address look for their code anew.
func (ctx *Context) ForgetJump(pc uint64) {
	for _, i := range [...]int{first(pc), second(pc)} {
		if i > 0 && ctx.Jumps[i].PC == pc {
			ctx.forgetJump(i)
		}
	}
}

func (ctx *Context) forgetJump(i int) { ctx.Jumps[i].PC = noJump(i) }

// SetStack gives translated code a stack of return addresses. Below it must be memory that
// cannot be accessed. bottom is the host address of its last word, which has to be the
// address of Stubs.Return.
func (ctx *Context) SetStack(bottom uintptr) { ctx.stack, ctx.bottom = bottom, bottom }

// SetCallStack gives functions of the host's vdso a stack, whose upper end, a multiple of 16, is at a host address.
func (ctx *Context) SetCallStack(top uintptr) { ctx.callSP = top }

// EmptyStack forgets where calls return to.
func (ctx *Context) EmptyStack() { ctx.stack = ctx.bottom }

// ForgetJumps makes all computed jumps look for their code anew.
func (ctx *Context) ForgetJumps() {
	if ctx.numSet <= len(ctx.set) {
		for _, n := range ctx.set[:ctx.numSet] {
			ctx.forgetJump(int(n))
		}
	} else {
		for i := range len(ctx.Jumps) - 1 {
			ctx.forgetJump(1 + i)
		}
	}
	ctx.numSet = 0
}

// noJump is an address whose places are not entry i: 0, which new entries have, but for that of 0.
func noJump(i int) uint64 {
	if i == first(0) {
		return 2
	}
	return 0
}

// Constants that translated code finds in the context.
const (
	constBox   = iota // the upper half of a NaN-boxed binary32
	constSignS        // the sign bit of a boxed binary32
	constSignD
	constMagnS // everything else
	constMagnD
	constBoxH // what is around a boxed binary16
	constNaNS // the canonical NaNs
	constNaND
	constNaNH
	numConsts
)

var constants = [numConsts]uint64{
	constBox:   math.MaxUint32 << 32,
	constSignS: 1 << 31,
	constSignD: 1 << 63,
	constMagnS: ^uint64(1 << 31),
	constMagnD: ^uint64(1 << 63),
	constBoxH:  math.MaxUint32<<32 | 0xffff<<16,
	constNaNH:  math.MaxUint32<<32 | 0xffff7e00,
	constNaNS:  math.MaxUint32<<32 | 0x7fc00000,
	constNaND:  0x7ff8 << 48,
}

// bias is how far into the context RBP points: the limit, which each access to memory needs, the mask of computed jumps,
// and all integer registers but the last are then within reach of a one-byte displacement.
const bias = 128 + irq.MaskOffset

// numSpills is how many intermediate values can be in memory at a time.
const numSpills = 63

// maxVars is how many variables a graph may have.
const maxVars = 128

// regsAt is where the registers are in the context.
const regsAt = unsafe.Offsetof(Context{}.R)

// Offsets from RBP.
const (
	offIRQ      = int32(unsafe.Offsetof(Context{}.IRQ)) - bias
	offMask     = offIRQ + irq.MaskOffset
	offLimit    = offIRQ + irq.LimitOffset
	offX        = int32(regsAt) - bias
	offF        = offX + ir.FirstF*8
	offResAddr  = int32(unsafe.Offsetof(Context{}.ResAddr)) - bias
	offResValue = int32(unsafe.Offsetof(Context{}.ResValue)) - bias
	offReserved = int32(unsafe.Offsetof(Context{}.Reserved)) - bias
	offPC       = int32(unsafe.Offsetof(Context{}.PC)) - bias
	offExit     = int32(unsafe.Offsetof(Context{}.Exit)) - bias
	offFuel     = int32(unsafe.Offsetof(Context{}.Fuel)) - bias
	offKnown    = int32(unsafe.Offsetof(Context{}.known)) - bias
	offLookups  = int32(unsafe.Offsetof(Context{}.lookups)) - bias
	offDetours  = int32(unsafe.Offsetof(Context{}.Detours)) - bias
	offSpill    = int32(unsafe.Offsetof(Context{}.Spill)) - bias
	offChance   = int32(unsafe.Offsetof(Context{}.Chance)) - bias
	offVars     = int32(unsafe.Offsetof(Context{}.Vars)) - bias
	offLeave    = int32(unsafe.Offsetof(Context{}.leave)) - bias
	offCallSP   = int32(unsafe.Offsetof(Context{}.callSP)) - bias
	offFault    = int32(unsafe.Offsetof(Context{}.fault)) - bias
	offConst    = int32(unsafe.Offsetof(Context{}.consts)) - bias
	offToGuest  = int32(unsafe.Offsetof(Context{}.guestFlags)) - bias
	offToHost   = int32(unsafe.Offsetof(Context{}.hostFlags)) - bias
	offJumps    = int32(unsafe.Offsetof(Context{}.Jumps)) - bias
	offWatched  = int32(unsafe.Offsetof(Context{}.watched)) - bias
)

const (
	ctxReg  = amd64.RBP
	baseReg = amd64.R15
)

// homeTable has the host register of each variable that has one: its home. Guest registers are variables, floating-point
// registers after the integer registers. NoReg is written as RAX here, which is nobody's home.
type homeTable [maxVars]amd64.Reg

// homes are the homes in traces, and wherever one piece of translated code leads to another: for those
// guest registers that compilers use most.
var homes = homeTable{
	2:  amd64.RBX, // sp
	8:  amd64.RSI, // s0
	9:  amd64.R14, // s1
	10: amd64.RDI, // a0
	11: amd64.R8,
	12: amd64.R9,
	13: amd64.R10,
	14: amd64.R11,
	15: amd64.R12,
	18: amd64.R13, // s2

	32 + 0:  amd64.X10, // ft0
	32 + 1:  amd64.X11,
	32 + 8:  amd64.X8, // fs0
	32 + 9:  amd64.X9,
	32 + 10: amd64.X0, // fa0
	32 + 11: amd64.X1,
	32 + 12: amd64.X2,
	32 + 13: amd64.X3,
	32 + 14: amd64.X4,
	32 + 15: amd64.X5,
	32 + 16: amd64.X6,
	32 + 17: amd64.X7, // fa7
}

// homeSet are the variables with homes, by bit.
var homeSet = func() (set uint64) {
	for n := range uint64(ir.GuestVars) {
		if homes.of(n) != amd64.NoReg {
			set |= 1 << n
		}
	}
	return set
}()

// firstF is the number of the first floating-point register among variables.
const firstF = ir.FirstVarF

// of is the home of variable n, or NoReg.
func (t *homeTable) of(n uint64) amd64.Reg {
	if h := t[n]; h != amd64.RAX {
		return h
	}
	return amd64.NoReg
}

// slot is where variable n is in the context.
func slot(n uint64) amd64.Mem {
	if n >= ir.GuestVars {
		return amd64.At(ctxReg, offVars+int32(n-ir.GuestVars)*8)
	}
	if n >= firstF {
		return amd64.At(ctxReg, offF+int32(n-firstF)*8)
	}
	return amd64.At(ctxReg, offX+int32(n)*8)
}

// spill is where intermediate value n is in the context.
func spill(n int) amd64.Mem { return amd64.At(ctxReg, offSpill+int32(n)*8) }

// constant is where one of the constants is in the context.
func constant(n int) amd64.Mem { return amd64.At(ctxReg, offConst+int32(n)*8) }
