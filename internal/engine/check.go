//go:build linux && amd64

package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/softfloat"
	"github.com/hospes-vm/hospes/stats"
)

// With Options.Differs, all code is translated at once, exits are not linked, and each
// translation is held against the interpreter when it is executed: it runs, what it has
// done to registers and memory is noted and taken back, the interpreter executes as many
// instructions from the same state, and both are compared. The guest goes on with what the
// interpreter has done.
//
// What must not happen twice is executed by the interpreter alone: system calls, instructions
// without a translation, accesses to shared mappings (see jit.Context.Watch). What can make
// two runs differ without an error is somebody else who writes to private memory, such as
// the kernel for a system call of another thread: runs that differ are repeated, and an
// error remains.

// checker is what the CPUs of a Machine share that check.
type checker struct {
	// mu is held by the CPU that executes guest code, so that no other one sees or disturbs
	// what is taken back. It comes before all other locks.
	mu     sync.Mutex
	shared marks
	made   map[*codecache.Block]*jit.Code // of all blocks that have code

	counts stats.Check
}

// State is what a guest thread's registers hold.
type State struct {
	PC                          uint64
	X, F                        [32]uint64
	Flags                       softfloat.Flags
	Round                       uint8
	ResAddr, ResValue, Reserved uint64 // the reservation; all 0 if there is none
}

// state is that of the CPU.
func (c *CPU) state() State {
	r := &c.ctx.Registers
	s := State{PC: c.PC(), Flags: r.Flags, Round: r.Round}
	copy(s.X[:], r.R[:])
	copy(s.F[:], r.R[ir.FirstF:])
	if r.Reserved != 0 {
		s.ResAddr, s.ResValue, s.Reserved = r.ResAddr, r.ResValue, r.Reserved
	}
	return s
}

func (c *CPU) setState(s *State) {
	c.SetPC(s.PC)
	r := &c.ctx.Registers
	copy(r.R[:], s.X[:])
	copy(r.R[ir.FirstF:], s.F[:])
	r.Flags, r.Round = s.Flags, s.Round
	r.ResAddr, r.ResValue, r.Reserved = s.ResAddr, s.ResValue, s.Reserved
}

// runChecked is Run with checks.
func (c *CPU) runChecked() guest.Exit {
	for {
		if exit := c.checked(); exit.Kind != guest.ExitHot {
			return exit
		}
	}
}

// checked executes a block, or an instruction that only the interpreter executes. It
// returns guest.ExitHot if the guest goes on.
func (c *CPU) checked() guest.Exit {
	k := c.m.check
	k.mu.Lock()
	defer k.mu.Unlock()
	b, how := c.find()
	switch how {
	case cold: // the interrupt word is set; everything is hot, so nothing is executed
		return c.Translatable.Run()
	case interpreted, apart:
		return c.alone()
	}
	return c.compare(b)
}

// alone executes an instruction by the interpreter only.
func (c *CPU) alone() guest.Exit {
	c.m.check.counts.Alone++
	return c.Interpret()
}

// Step executes one instruction, not checked.
func (c *CPU) Step() guest.Exit {
	if m := c.m; m != nil && m.check != nil {
		m.check.mu.Lock()
		defer m.check.mu.Unlock()
	}
	c.limitInterpreter()
	return c.Translatable.Step()
}

// pair is a block that is executed twice.
type pair struct {
	c      *CPU
	b      *codecache.Block
	before State

	// What the translation has done.
	left   left
	insts  int // executed
	got    State
	gotMem effects
	early  softfloat.Flags // see agree

	// What the interpreter has done.
	exit    guest.Exit
	done    int // instructions
	want    State
	wantMem effects

	note func(addr uint64, size int) // noteWrites
	irq  uint32                      // the interrupts that are hidden
}

func newPair(c *CPU) *pair {
	p := &pair{c: c}
	p.note = p.noteWrites
	return p
}

// repeats is how often a difference has to show to be one.
const repeats = 12

// compare executes a block.
func (c *CPU) compare(b *codecache.Block) guest.Exit {
	p := c.pair
	p.b, p.before = b, c.state()
	defer p.showInterrupts()
	for try := 1; ; try++ {
		if !p.translated() {
			return guest.Exit{Kind: guest.ExitHot}
		}
		if !p.gotMem.end(c.m.as) || !p.gotMem.undo(c.m.as) { // then what has been done stands
			return p.uncompared(p.leftAs, p.insts)
		}
		c.setState(&p.before)
		if p.gotMem.overlap(b.PC, b.PC+uint64(len(b.Code))) { // which instructions they are is up to the guest's machine
			return p.uncompared(c.alone, 0)
		}
		p.interpreted()
		switch {
		case p.exit.Kind == guest.ExitInterrupt, !p.wantMem.end(c.m.as):
			return p.uncompared(p.wentOn, 0)
		case p.agree():
			return p.agreed(try)
		case try == repeats:
			return p.differs()
		case !p.wantMem.undo(c.m.as):
			return p.uncompared(p.wentOn, 0)
		}
		c.setState(&p.before)
		c.uncounted -= uint64(p.done)
		time.Sleep(time.Duration(try*try) * time.Microsecond)
	}
}

// translated has the block's translation executed. It reports false if there is none any
// more.
func (p *pair) translated() bool {
	c := p.c
	c.ctx.ForgetStores()
	if !c.enter(p.b) {
		return false
	}
	p.left = c.leave()
	c.m.runs.count(p.left.Kind)
	c.SetPC(p.left.PC)
	if p.left.Kind == codecache.ToSystem {
		c.ctx.Reserved = 0
	}
	p.insts = p.executed()
	p.got = c.state()
	p.gotMem.forget()
	for _, s := range c.ctx.Stores() {
		if int(s.Inst) < p.insts {
			p.gotMem.note(s.Addr, s.Old, int(s.Size))
		}
	}
	return true
}

// executed is how many guest instructions the translation has executed: a trace is straight
// code, so the way out tells.
func (p *pair) executed() int {
	made := p.c.m.check.made[p.b]
	switch {
	case p.left.Kind == codecache.ToInterp:
		return p.left.done
	case p.left.number == 0: // a computed jump, or a call
		return len(made.Marks)
	}
	p.c.m.mu.Lock()
	e := *p.c.m.cache.Exit(p.left.number)
	p.c.m.mu.Unlock()
	if e.Block != p.b { // a return, to what comes behind a call
		return len(made.Marks)
	}
	n := slices.IndexFunc(made.Marks, func(m jit.Mark) bool { return m.Offset > int(e.Jump) })
	if n < 0 {
		n = len(made.Marks)
	}
	return n
}

// interpreted has the interpreter execute as many instructions.
func (p *pair) interpreted() {
	c := p.c
	p.wantMem.forget()
	p.hideInterrupts()
	retired := c.Translatable.Retired()
	p.done = 0
	for more := true; more; { // a trace may follow jumps
		p.exit = c.Follow(p.insts-p.done, p.note)
		done := int(c.Translatable.Retired() - retired)
		more = p.exit.Kind == guest.ExitHot && p.done < done && done < p.insts
		p.done = done
	}
	p.want = c.state()
}

// noteWrites notes what the next instruction may write to.
func (p *pair) noteWrites(addr uint64, n int) {
	as := p.c.m.as
	try(as, func() { // if there is no memory, the instruction traps
		for ; n > 0; n -= 8 {
			size := min(n, 8)
			p.wantMem.note(addr, as.Mapping().Load(addr, size), size)
			addr += 8
		}
	})
}

// hideInterrupts keeps the interrupt word from the interpreter until showInterrupts: the
// state is at no block boundary.
func (p *pair) hideInterrupts() {
	p.irq |= p.c.IRQ().Lower(irq.All)
}

func (p *pair) showInterrupts() {
	if p.irq != 0 {
		p.c.IRQ().Raise(p.irq)
		p.irq = 0
	}
}

// leftAs is how the guest goes on behind what the translation has executed.
func (p *pair) leftAs() guest.Exit {
	switch p.left.Kind {
	case codecache.ToSystem:
		return guest.Exit{Kind: guest.ExitSyscall}
	case codecache.ToInterp:
		return p.c.alone()
	}
	return guest.Exit{Kind: guest.ExitHot}
}

// wentOn is how the guest goes on behind what the interpreter has executed.
func (p *pair) wentOn() guest.Exit {
	if p.exit.Kind == guest.ExitHot && p.left.Kind == codecache.ToInterp {
		return p.c.alone()
	}
	return p.exit
}

// agreed ends a pair that has been compared.
func (p *pair) agreed(try int) guest.Exit {
	n := &p.c.m.check.counts
	if p.insts > 0 { // else an interrupt, or for the interpreter
		n.Blocks++
	}
	n.Insts += uint64(p.insts)
	if try > 1 {
		n.Repeated++
	}
	exit := p.wentOn()
	if p.early&^p.c.ctx.Flags != 0 && exit.Kind != guest.ExitInterrupt {
		return p.differs()
	}
	return exit
}

// differs reports a difference.
func (p *pair) differs() guest.Exit {
	p.c.m.opts.Differs(p.difference())
	return guest.Exit{Kind: guest.ExitFailed}
}

// uncompared ends a pair that cannot be compared, of which the translation has executed n
// instructions for good.
func (p *pair) uncompared(on func() guest.Exit, n int) guest.Exit {
	p.c.m.check.counts.Uncompared++
	p.c.uncounted += uint64(n)
	return on()
}

// agree reports whether both have done the same. An instruction that the translation has
// begun, and left to the interpreter, may have raised exception flags early: those that it
// raises there, too.
func (p *pair) agree() bool {
	got := p.got
	if p.exit.Kind != guest.ExitHot { // the kernel drops the reservation
		got.ResAddr, got.ResValue, got.Reserved = 0, 0, 0
	}
	if p.early = 0; p.left.Kind == codecache.ToInterp {
		p.early = got.Flags &^ p.want.Flags
		got.Flags &^= p.early
	}
	return p.done == p.insts && got == p.want && len(p.memory()) == 0
}

// memory is where both have left different memory, or only one has written.
func (p *pair) memory() (list []MemoryDifference) {
	for _, w := range p.wantMem {
		g := p.gotMem.find(w.Addr)
		if g == nil {
			g = &Word{Addr: w.Addr, Before: w.Before, After: w.Before}
		}
		if w.After != g.After || w.Mask != g.Mask {
			list = append(list, MemoryDifference{Want: w, Got: *g})
		}
	}
	for _, g := range p.gotMem {
		if p.wantMem.find(g.Addr) == nil {
			list = append(list, MemoryDifference{Want: Word{Addr: g.Addr, Before: g.Before, After: g.Before}, Got: g})
		}
	}
	return list
}
