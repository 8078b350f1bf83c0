package riscv

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/mem"
)

// pollInterval is the number of blocks between two safepoints.
const pollInterval = 4096

// safepoint is a call, which is where Go's scheduler can stop a goroutine that
// is not preempted asynchronously. Its frame is large enough to have the stack
// check that does it.
//
//go:noinline
func safepoint() {
	var frame [256]byte
	touch(&frame)
}

//go:noinline
func touch(*[256]byte) {}

// windowBase is the linear window's base as a pointer. It is not Go memory.
func windowBase(base uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&base))
}

// at is the instruction at host address ip, which lies in b.
func (b *block) at(ip uintptr) *inst {
	return (*inst)(unsafe.Add(unsafe.Pointer(b.first), ip-uintptr(unsafe.Pointer(b.first))))
}

// start is the host address of the first instruction, as c.ip has it.
func (b *block) start() uintptr { return uintptr(unsafe.Pointer(b.first)) }

// same reports whether memory still holds the code of b. Most blocks are too short for
// a call of the library's comparison to pay.
func (c *CPU) same(b *block) bool {
	if c.divided || b.end-mem.MinAddr > c.window {
		return c.unchanged(b)
	}
	now, then, n := unsafe.Add(c.base, b.pc), unsafe.Pointer(unsafe.SliceData(b.code)), len(b.code)
	for ; n >= 8; n -= 8 {
		if *(*uint64)(now) != *(*uint64)(then) {
			return false
		}
		now, then = unsafe.Add(now, 8), unsafe.Add(then, 8)
	}
	if n&4 != 0 {
		if *(*uint32)(now) != *(*uint32)(then) {
			return false
		}
		now, then = unsafe.Add(now, 4), unsafe.Add(then, 4)
	}
	return n&2 == 0 || *(*uint16)(now) == *(*uint16)(then)
}

// Run executes guest code from the pc until something needs the engine. The
// goroutine must have debug.SetPanicOnFault enabled.
func (c *CPU) Run() guest.Exit { return c.run(nil) }

// run executes blocks, first if that is not nil.
func (c *CPU) run(first *block) guest.Exit {
	if c.stale.Load() && c.stale.Swap(false) {
		c.gen++
	}
	if c.limit != noLimit {
		return c.metered(first)
	}
	return c.unmetered(first)
}

// unmetered is run without regard to the limit.
func (c *CPU) unmetered(first *block) guest.Exit {
	e := c.attempt(first)
	for e.Kind == exitAgain {
		stepping := c.reg.IRQ.Lower(irqStep)&irqStep != 0
		e = c.slowly()
		switch {
		case e.Kind != guest.ExitHot:
		case stepping:
			return guest.Exit{Kind: guest.ExitInterrupt}
		case first == nil:
			e = c.attempt(nil)
		}
	}
	return e
}

// detour, added to the number of a load or store, has it made by the accessors of the
// mapping, as if there were no linear window: an access that the host has refused for want
// of smaller pages would be refused again.
const detour = numOps

func init() { copy(execTable[detour:], execTable[:detour]) }

// row is the instruction's in the table.
func (i *inst) row() *encoding.Row {
	op := i.op
	if op >= detour {
		op -= detour
	}
	return &rows[op-firstOp]
}

// exitAgain says that the instruction at the pc is to be executed by slowly.
const exitAgain guest.ExitKind = 0xff

// slowly executes the instruction at the pc, which accesses memory, as if there were no
// linear window. It returns as Interpret does.
func (c *CPU) slowly() guest.Exit {
	b := c.lone()
	if b == nil {
		return c.fetchFault()
	}
	hot, window := c.hot, c.window
	c.hot, c.window = 0, 0
	e := c.attempt(b)
	c.hot, c.window = hot, window
	if b.fall != nil {
		b.fall.count = hot
	}
	return e
}

// attempt is run without what follows exitAgain.
func (c *CPU) attempt(first *block) (e guest.Exit) {
	defer func() {
		if r := recover(); r != nil {
			e = c.recovered(r)
		}
	}()
	return c.loop(first)
}

// What interrupted returns if the engine does not want control.
const (
	goesOn   guest.ExitKind = 0xf0 + iota // the block may be executed
	goesAnew                              // it has to be looked up again
)

// interrupted handles a non-zero interrupt word before the current block. It returns the kind of
// exit that the engine is to get, or goesOn or goesAnew.
func (c *CPU) interrupted() guest.ExitKind {
	meter := c.reg.IRQ.Bits() & irqMeter
	// The bit first: a FlushCode in between sets it again.
	flushOnly := c.reg.IRQ.Replace(irqFlush|meter, meter)
	flushed := c.stale.Swap(false)
	if flushed {
		c.gen++
	}
	others := c.reg.IRQ.Bits() &^ irqMeter
	switch {
	case flushOnly, flushed && others == 0:
		return goesAnew
	case others == 0 && c.retired+c.block.n > c.limit:
		return exitNear
	case others == 0:
		return goesOn
	case others&^(irqStep|irqFlush|irq.Sample) != 0: // which the kernel has to do with
		c.reg.Reserved = 0
	}
	return guest.ExitInterrupt
}

// trapPanic is what helpers panic with when their instruction traps. The address
// of a SIGILL is filled in by recovered.
type trapPanic struct{ trap guest.Trap }

// recovered turns a panic in the middle of the current block into a trap at the
// exact instruction.
func (c *CPU) recovered(r any) guest.Exit {
	var trap guest.Trap
	var again bool
	b := c.block
	if t, ok := r.(*trapPanic); ok {
		trap = t.trap
	} else if f := c.as.Recover(r); f != nil {
		again = f.Kind == mem.Again
		trap = faultTrap(c.classify(f, b.at(c.ip)))
	} else {
		panic(r)
	}
	insts := unsafe.Slice(b.first, (c.ip-b.start())/instSize)
	c.pc = b.pc
	c.retired -= b.n
	for k := range insts {
		if n := insts[k].len; n > 0 { // others are not of the guest
			c.pc += uint64(n)
			c.retired++
		}
	}
	in := b.at(c.ip)
	switch {
	case again:
		if c.divided && c.window != 0 && in.op < detour {
			in.op += detour
		}
		return guest.Exit{Kind: exitAgain}
	case trap.Signal == guest.SIGILL:
		trap.Addr = c.pc
	case in.row().Kind&encoding.Atomic != 0:
		trap.Addr = c.r[in.rs1] // the host's access may have been a wider one
	}
	return c.trap(trap)
}

// classify corrects a fault that was found by the host, which does not tell loads
// from stores: that a page may not be written counts before there being none.
func (c *CPU) classify(f *mem.Fault, in *inst) *mem.Fault {
	if f.Kind == mem.BusErr && in.row().Kind&encoding.Store != 0 {
		if v, ok := c.as.Lookup(f.Addr); ok && v.Prot&mem.Write == 0 {
			return &mem.Fault{Addr: f.Addr, Access: mem.Write, Kind: mem.AccErr}
		}
	}
	return f
}

// faultTrap is the trap that Linux makes of a memory fault.
func faultTrap(f *mem.Fault) guest.Trap {
	switch f.Kind {
	case mem.AccErr:
		return guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_ACCERR, Addr: f.Addr}
	case mem.BusErr:
		return guest.Trap{Signal: guest.SIGBUS, Code: guest.BUS_ADRERR, Addr: f.Addr}
	}
	return guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_MAPERR, Addr: f.Addr}
}

// trap leaves Run with a trap at c.pc.
func (c *CPU) trap(t guest.Trap) guest.Exit {
	c.reg.Reserved = 0 // the kernel drops the reservation
	return guest.Exit{Kind: guest.ExitTrap, Trap: t}
}

// fetchFault leaves Run because there is no code at c.pc.
func (c *CPU) fetchFault() guest.Exit {
	if c.fault.Kind == mem.Break {
		return guest.Exit{Kind: guest.ExitBreak}
	}
	return c.trap(faultTrap(c.fault))
}

// syscall leaves Run after an ecall.
func (c *CPU) syscall() guest.Exit {
	c.reg.Reserved = 0
	return guest.Exit{Kind: guest.ExitSyscall}
}

// lastTrap leaves Run with a trap at the last instruction of the current block.
func (c *CPU) lastTrap(signal int, code int32) guest.Exit {
	c.pc = c.block.last
	c.retired--
	return c.trap(guest.Trap{Signal: signal, Code: code, Addr: c.pc})
}

func (c *CPU) illegal() guest.Exit    { return c.lastTrap(guest.SIGILL, guest.ILL_ILLOPC) }
func (c *CPU) breakpoint() guest.Exit { return c.lastTrap(guest.SIGTRAP, guest.TRAP_BRKPT) }

// raiseIllegal ends a helper whose instruction is illegal in the present state.
func raiseIllegal() {
	panic(&trapPanic{guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC}})
}

// raiseMisaligned ends a helper whose atomic access is not naturally aligned.
func raiseMisaligned(addr uint64) {
	panic(&trapPanic{guest.Trap{Signal: guest.SIGBUS, Code: guest.BUS_ADRALN, Addr: addr}})
}
