// Package riscv is the 64-bit RISC-V guest: instruction tables, decoder,
// disassembler and interpreter.
//
// Instructions are rows of text in folder isa. The generator in folder gen makes
// from them the files zz_*.go: operation numbers, decoder, encoding table and
// the interpreter's cases. docs/add-an-instruction.md shows how one is added.
//
// What executes is a [CPU]: it decodes blocks of instructions as it reaches
// them, keeps and links them (block.go), and runs them in one loop
// (zz_interp_unsafe.go). Blocks belong to one CPU: there are no locks.
package riscv

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/libc"
	"github.com/hospes-vm/hospes/internal/guest/riscv/vdso"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Integer registers with a role in the calling and system call conventions.
const (
	regRA = 1
	regSP = 2
	regGP = 3
	regTP = 4
	regA0 = 10
	regA7 = 17
)

// CPU is one hart; it implements guest.CPU.
type CPU struct {
	reg *ir.Registers
	r   *[256]uint64 // reg.R; x0 is at 0, the sink for writes to x0 at index sink

	pc      uint64 // valid while Run is not running
	retired uint64 // includes all of the block being executed
	decoded uint64 // blocks
	block   *block // being executed
	ip      uintptr
	gen     uint32 // code generation: blocks of another one are to be checked
	stale   atomic.Bool
	base    unsafe.Pointer    // linear window of mem
	window  uint64            // bytes of it from mem.MinAddr on
	limit   uint64            // of retired; see meter.go
	hot     uint32            // executions after which a block is for the translator
	divided bool              // mem is a mem.Divided
	known   func(uint64) bool // see SetKnown; nil for none

	as     *mem.Space
	mem    mem.Mapping
	cache  cache
	jump   [jumpSize]*block  // by target address: where indirect jumps went
	fault  *mem.Fault        // why lookup returned nil
	alone  map[uint64]*block // blocks of one instruction (Interpret)
	single *block            // what lookup is to return, for any address: see Step and Follow
	trace  func(uint64, string)
	now    func() int64 // what the time is, in nanoseconds; nil for the host's

	frame *[frameSize]byte // of a signal, for use in PushSignal and PopSignal; nil before the first

	followed followed              // what Follow executes
	steps    *[numStepped]*stepped // what Step executes, by address; nil until it does
}

// New returns a hart with all registers zero, executing from as.
func New(as *mem.Space) *CPU {
	c := &CPU{as: as, mem: as.Mapping(), hot: math.MaxUint32, limit: noLimit}
	c.MoveRegisters(new(ir.Registers))
	base, limit := c.mem.Window()
	c.base, c.window = windowBase(base), max(limit, mem.MinAddr)-mem.MinAddr
	_, c.divided = c.mem.(mem.Divided)
	c.cache.init()
	return c
}

// Clone copies the register state into a new CPU over the same address space.
// A reservation is not copied.
func (c *CPU) Clone() guest.CPU {
	n := New(c.as)
	*n.r, n.pc, n.reg.Flags, n.reg.Round, n.trace, n.now = *c.r, c.pc, c.reg.Flags, c.reg.Round, c.trace, c.now
	return n
}

// MoveRegisters keeps the registers in to from now on.
func (c *CPU) MoveRegisters(to *ir.Registers) {
	if c.reg != nil {
		to.Take(c.reg)
	}
	c.reg, c.r = to, &to.R
}

// IRQ is the interrupt word.
func (c *CPU) IRQ() *irq.Word { return &c.reg.IRQ }

// irqFlush is the bit of the interrupt word that FlushCode sets.
const irqFlush = 1 << 31

// FlushCode makes the CPU re-read all guest code before it executes further blocks.
func (c *CPU) FlushCode() {
	c.stale.Store(true)
	c.reg.IRQ.Raise(irqFlush)
}

// PC is the address of the next instruction.
func (c *CPU) PC() uint64 { return c.pc }

// SetPC makes pc the address of the next instruction. Its bit 0 is cleared.
func (c *CPU) SetPC(pc uint64) { c.pc = pc &^ 1 }

// SetHot makes Run return guest.ExitHot before a block that was executed n times.
func (c *CPU) SetHot(n uint32) {
	c.hot = n
	c.alone = nil // what is to be always hot there is so for the former n
}

// SetKnown has blocks be hot at once of whose address known says so, if it is not nil. They are not decoded.
func (c *CPU) SetKnown(known func(pc uint64) bool) { c.known = known }

// Decoded is the number of blocks decoded so far.
func (c *CPU) Decoded() uint64 { return c.decoded }

// Function returns the library function whose code is at pc, and where that lies.
func (c *CPU) Function(pc uint64, begin []byte) (ir.Function, []guest.Span) {
	if f, size := vdso.Function(begin); f != ir.NoFunction {
		return f, []guest.Span{{Start: pc, End: pc + size}}
	}
	if !libc.Promising(begin) {
		return ir.NoFunction, nil
	}
	read := func(addr uint64, b []byte) bool { return c.as.CopyIn(b, addr) == nil }
	return libc.Find(read, pc, c.r[regGP])
}

// NewLifter returns what makes traces of RISC-V code.
func (c *CPU) NewLifter() guest.Lifter { return new(lifter) }

// SP is the stack pointer, x2.
func (c *CPU) SP() uint64 { return c.r[regSP] }

// SetSP sets the stack pointer.
func (c *CPU) SetSP(v uint64) { c.r[regSP] = v }

// SetTLS sets the thread pointer, x4.
func (c *CPU) SetTLS(v uint64) { c.r[regTP] = v }

// X is integer register i.
func (c *CPU) X(i int) uint64 { return c.r[i&31] }

// SetX sets integer register i; x0 stays zero.
func (c *CPU) SetX(i int, v uint64) {
	if i &= 31; i != 0 {
		c.r[i] = v
	}
}

// F is the 64 bits of floating-point register i.
func (c *CPU) F(i int) uint64 { return c.r[fpBase+i&31] }

// SetF sets floating-point register i.
func (c *CPU) SetF(i int, v uint64) { c.r[fpBase+i&31] = v }

// FCSR is the floating-point control and status register: fflags in bits 0 to
// 4, frm in bits 5 to 7.
func (c *CPU) FCSR() uint32 { return uint32(c.reg.Round)<<5 | uint32(c.reg.Flags) }

// SetFCSR sets the floating-point control and status register; other bits are ignored.
func (c *CPU) SetFCSR(v uint32) {
	c.reg.Flags = softfloat.Flags(v & 31)
	c.reg.Round = uint8(v >> 5 & 7)
}

// Syscall returns number (a7) and arguments (a0 to a5).
func (c *CPU) Syscall() (nr uint64, args [6]uint64) {
	copy(args[:], c.r[regA0:])
	return c.r[regA7], args
}

// SetResult stores a system call's result in a0.
func (c *CPU) SetResult(v int64) { c.r[regA0] = uint64(v) }

// RestartSyscall rewinds the pc to the ecall and puts back the first argument.
func (c *CPU) RestartSyscall(arg0 uint64) {
	c.pc -= 4
	c.r[regA0] = arg0
}

// SetSyscallNr replaces the system call number.
func (c *CPU) SetSyscallNr(nr uint64) { c.r[regA7] = nr }

// Retired is the number of guest instructions executed so far. An ecall counts,
// an instruction that traps does not.
func (c *CPU) Retired() uint64 { return c.retired }

// SetClock implements guest.CPU.
func (c *CPU) SetClock(now func() int64) { c.now = now }

// SetTrace makes Run hand over the disassembly of each block before its first
// execution, one instruction at a time; nil turns tracing off.
func (c *CPU) SetTrace(f func(pc uint64, text string)) { c.trace = f }

// DumpRegs is a listing of all registers, four to a line.
func (c *CPU) DumpRegs() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pc   %016x  fcsr %08x\n", c.pc, c.FCSR())
	list := func(names *[32]string, value func(int) uint64) {
		for i := range 32 {
			sep := "  "
			if i%4 == 3 {
				sep = "\n"
			}
			fmt.Fprintf(&b, "%-4s %016x%s", names[i], value(i), sep)
		}
	}
	list(&xNames, c.X)
	list(&fNames, c.F)
	return b.String()
}
