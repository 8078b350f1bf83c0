//go:build linux && amd64

package engine

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/jit"
)

// CPU is a guest.CPU that executes translations of what is hot. Its goroutine must be
// locked to its thread.
type CPU struct {
	guest.Translatable // the interpreter, and the guest's state
	space              *space
	m                  *Machine     // that the translations are of; nil before there is one
	ctx                *jit.Context // has the registers; nil while the CPU is parked
	stack              []byte       // of return addresses, and what is around it: see equip
	unused             runtime.Cleanup
	word               atomic.Pointer[irq.Word]
	parking            sync.Mutex  // held while registers move, so that others find the interrupt word
	inside             atomic.Bool // translated code runs, or is about to
	stale              atomic.Bool // the context's jumps and calls may lead to what is not valid
	mode               uint8       // the rounding mode that these are for
	hot                uint32      // the threshold that the interpreter has been told
	limit              uint64      // of retired instructions; see meter.go
	pair               *pair       // for checks; nil without
	chance             *rand.Rand  // see takeChance; nil without
	given              int64       // fuel, when translated code was entered
	uncounted          uint64      // retired instructions, modulo 2^64, that nobody else counts
	sampling           sampling    // by a profile
	ahead              *ahead      // for use in loadAhead
}

// newCPU returns a CPU that goes on as t, or t if the host grants no memory.
func newCPU(s *space, t guest.Translatable) guest.CPU {
	c := &CPU{Translatable: t, space: s, hot: never, limit: math.MaxUint64}
	c.word.Store(t.IRQ())
	s.join(c)
	if s.code != nil {
		return c
	}
	if !c.unpark() {
		return t
	}
	m := s.machine.Load()
	c.move(m)
	if k := m.check; k != nil {
		c.pair = newPair(c)
		c.ctx.Watch(k.shared.first())
	}
	return c
}

// Clone copies the register state into a new CPU over the same address space.
func (c *CPU) Clone() guest.CPU {
	return newCPU(c.space, c.Translatable.Clone().(guest.Translatable))
}

// IRQ is the interrupt word. It is another one after Park, and when the CPU runs again: Run returns guest.ExitInterrupt first then, for what has been raised
// meanwhile.
func (c *CPU) IRQ() *irq.Word { return c.word.Load() }

// FlushCode makes the CPU look at guest code anew.
func (c *CPU) FlushCode() {
	c.stale.Store(true)
	c.parking.Lock()
	defer c.parking.Unlock()
	c.Translatable.FlushCode()
}

// Retired is the number of guest instructions executed. Those of translations count only under Options.Metered.
func (c *CPU) Retired() uint64 { return c.Translatable.Retired() + c.uncounted }

// Run executes guest code from the pc until something needs the personality.
func (c *CPU) Run() guest.Exit {
	if c.ctx == nil && c.unpark() {
		return guest.Exit{Kind: guest.ExitInterrupt} // nothing that was raised in the other word is lost
	}
	if c.ctx == nil {
		return c.runInterpreted()
	}
	if m := c.m; m != nil && m.check != nil {
		return c.runChecked()
	}
	b, how := c.find()
	for {
		var exit guest.Exit
		switch how {
		case translated:
			var out bool
			if b, how, exit, out = c.execute(b); out {
				return exit
			}
			continue
		case cold:
			exit = c.interpret(c.Translatable.Run)
		case empty:
			exit = c.runInterpreted()
		case apart:
			var on bool
			if exit, on = c.runApart(); on {
				b, how = c.find()
				continue
			}
		case interpreted:
			if exit = c.interpret(c.one); exit.Kind == guest.ExitHot {
				b, how = c.find()
				continue
			}
		}
		switch {
		case exit.Kind == guest.ExitHot:
			b, how = c.translate()
		case exit.Kind == guest.ExitInterrupt && c.ctx.IRQ.Replace(irq.Sample, 0): // a sample that has come too late
			b, how = c.find()
		default:
			return exit
		}
	}
}

// never is a threshold that nothing reaches.
const never = math.MaxUint32

// setHot tells the interpreter the threshold.
func (c *CPU) setHot(n uint32) {
	if n != c.hot {
		c.hot = n
		c.SetHot(n)
	}
}

// runInterpreted is Run without translations.
func (c *CPU) runInterpreted() guest.Exit {
	c.setHot(never)
	c.limitInterpreter()
	return c.Translatable.Run()
}

// interpret runs the interpreter.
func (c *CPU) interpret(run func() guest.Exit) guest.Exit {
	if c.m == nil {
		return c.runInterpreted()
	}
	c.setHot(uint32(c.m.threshold.now.Load()))
	c.limitInterpreter()
	if !c.m.opts.Measure {
		return run()
	}
	w, decoded := c.m.watch(), c.Decoded()
	exit := run()
	w.run(&c.m.runs.interpretations, &c.m.runs.interpreted)
	c.m.runs.decoded.Add(c.Decoded() - decoded)
	return exit
}

// stage is how the code at the pc is to be executed.
type stage int

const (
	cold        stage = iota // by the interpreter, until it is hot
	interpreted              // by the interpreter, for an instruction at least
	translated
	empty // by the interpreter, as the limit on instructions is near
	apart // by the interpreter, for a while
)

// key is what a translation has to be of to go on at pc.
func (c *CPU) key(pc uint64) codecache.Key { return codecache.Key{PC: pc, Mode: c.ctx.Round} }

// maxRound is the greatest valid rounding mode.
const maxRound = 4

// wild reports whether sp is not as translations take for granted: see Compiler.NearSP.
func (c *CPU) wild() bool { return c.m.comp.NearSP && c.ctx.R[regSP] >= c.m.limit }

// regSP is the register of the stack pointer.
const regSP = 2

// runApart runs the interpreter for a while where sp is wild. It reports false if it has been stopped before.
func (c *CPU) runApart() (exit guest.Exit, on bool) {
	const while = 256 // instructions
	stop := c.Translatable.Retired() + while
	exit = c.interpret(func() guest.Exit {
		c.setHot(never)
		if c.limit == math.MaxUint64 || stop < c.limit-min(c.uncounted, c.limit) {
			c.Translatable.SetLimit(stop)
		}
		return c.Translatable.Run()
	})
	c.limitInterpreter()
	return exit, exit.Kind == guest.ExitLimit && c.Retired() < c.limit
}

// find returns the translation to go on with, if there is one.
func (c *CPU) find() (*codecache.Block, stage) {
	if c.ctx.IRQ.Bits() != 0 {
		return nil, cold
	}
	if !c.settle() {
		return nil, cold
	}
	if c.ctx.Round > maxRound || !c.m.has(c.PC()) {
		return nil, interpreted
	}
	if c.wild() {
		return nil, apart
	}
	if c.Cold() { // found sooner than that there is no translation
		return nil, cold
	}
	b := c.m.lookup(c.key(c.PC()))
	if b == nil && (c.m.threshold.now.Load() == 0 || c.known(c.PC())) {
		return c.translate()
	}
	return b, stageOf(b)
}

// settle makes the Machine of the address space the CPU's. It reports false if there is none.
func (c *CPU) settle() bool {
	m := c.space.machine.Load()
	if m == nil || !m.has(c.PC()) {
		m = c.space.choose(c.PC())
	}
	if m != c.m {
		c.move(m)
	}
	return m != nil
}

// move has the CPU execute translations of another Machine.
func (c *CPU) move(m *Machine) {
	if c.m != nil {
		c.m.part(c)
	}
	c.m = m
	if m == nil {
		return
	}
	c.ctx.Base, c.ctx.Detours = c.space.base, m.detours.table
	c.setBottom(m.cache.Host(uint32(m.comp.Stubs.Return)))
	c.setHot(uint32(m.threshold.now.Load()))
	c.SetKnown(c.known)
	c.stale.Store(true)
	m.join(c)
}

// translate is find for code that is to be translated.
func (c *CPU) translate() (*codecache.Block, stage) {
	if !c.settle() {
		return nil, cold
	}
	if c.ctx.Round > maxRound || !c.m.has(c.PC()) {
		return nil, interpreted
	}
	if c.wild() {
		return nil, apart
	}
	b := c.m.translation(c.key(c.PC()), c)
	if b == nil { // there is no code, of which the interpreter makes a trap
		return nil, interpreted
	}
	return b, stageOf(b)
}

func stageOf(b *codecache.Block) stage {
	switch {
	case b == nil:
		return cold
	case b.Interpreted():
		return interpreted
	}
	return translated
}

// execute runs translated code from b on. It returns how to go on, or an exit of Run.
func (c *CPU) execute(b *codecache.Block) (on *codecache.Block, how stage, exit guest.Exit, out bool) {
	if !c.enter(b) {
		on, how = c.find()
		return on, how, exit, false
	}
	left, m := c.leave(), c.m
	if c.ctx.IRQ.Bits()&irq.Sample != 0 {
		c.sampled(left)
	}
	m.runs.count(left.Kind)
	c.SetPC(left.PC)
	switch left.Kind {
	case codecache.ToSystem:
		c.ctx.Reserved = 0 // the kernel drops the reservation
		return nil, 0, guest.Exit{Kind: guest.ExitSyscall}, true
	case codecache.ToInterp:
		return nil, interpreted, exit, false
	case codecache.ToEmpty:
		return nil, empty, exit, false
	case codecache.ToHot: // thunks count to their end once, whatever comes next
		m.hot(left)
	case codecache.ToSide:
		m.side(left)
	}
	on, how = c.find()
	if how != translated || c.m != m {
		return on, how, exit, false
	}
	switch left.Kind {
	case codecache.ToBlock, codecache.ToCall, codecache.ToGuess:
		m.link(left, on)
	case codecache.ToJump:
		m.jumped(c, left, on)
	case jumped, codecache.ToStale: // the table may lead to what was stale
		m.setJump(c, on)
	}
	return on, how, exit, false
}

// enter enters translated code, and returns when it has been left; until the call of leave
// the cache is not emptied. It reports false, and has done nothing, if b has become invalid or
// the interrupt word is up.
func (c *CPU) enter(b *codecache.Block) bool {
	if c.m.opt.parked.Load() {
		c.m.unpark()
	}
	c.inside.Store(true)
	if c.m.resetting.Load() || !b.Valid() || !c.ctx.IRQ.Arm(c.m.limit, jit.JumpMask) {
		c.inside.Store(false)
		c.m.waitForReset()
		return false
	}
	if c.stale.Load() && c.stale.Swap(false) || c.mode != c.ctx.Round {
		c.ctx.ForgetJumps()
		c.ctx.EmptyStack()
		c.mode = c.ctx.Round
	}
	c.takeChance()
	c.fuel()
	c.ctx.MXCSR = mxcsr(c.ctx.Flags, c.ctx.Round)
	w := c.m.watch()
	if c.sampling.taken {
		c.sampling.taken = false
		c.ctx.EnterAlone(c.m.cache.Host(b.Entry))
	} else {
		c.ctx.Enter(c.m.cache.Host(b.Entry))
	}
	w.run(&c.m.runs.entered, &c.m.runs.translated)
	c.ctx.Flags = jit.GuestFlags(c.ctx.MXCSR)
	return true
}

// left is how translated code was left.
type left struct {
	Kind   codecache.ExitKind
	PC     uint64           // where to go on
	number uint32           // of the exit
	block  *codecache.Block // that was left; nil if it is not known
	epoch  uint64           // when number was valid
	done   int              // instructions of the block executed, if it has been left to the interpreter as if it had faulted
}

// jumped is the kind of exit for a computed jump, as if it were of a block.
const jumped = codecache.ExitKind(0xff)

// leave finds out how translated code was left.
func (c *CPU) leave() (l left) {
	defer c.inside.Store(false)
	defer c.count()
	c.noteSample()
	switch c.ctx.Exit {
	case jit.ExitIndirect:
		return left{Kind: jumped, PC: c.ctx.PC}
	case jit.ExitInterp:
		return left{Kind: codecache.ToInterp, PC: c.ctx.PC}
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.ctx.Exit == jit.ExitFault {
		return c.faulted()
	}
	e := c.m.cache.Exit(c.ctx.Exit)
	switch e.Kind {
	case codecache.ToStale:
		c.m.cache.Drop(e.Block)
		c.refund(e.Block, 0)
	case codecache.ToEmpty:
		c.refund(e.Block, 0)
	}
	pc := e.PC
	if e.Kind == codecache.ToGuess || e.Kind == codecache.ToJump {
		pc = c.ctx.PC
	}
	return left{Kind: e.Kind, PC: pc, number: c.ctx.Exit, block: e.Block, epoch: c.m.cache.Epoch}
}

// faulted is leave for an instruction that has faulted, with m.mu held.
func (c *CPU) faulted() left {
	f, b, ok := c.m.cache.At(c.ctx.FaultAt)
	sampled := c.sampling.pending()
	if !ok {
		if sampled {
			return c.sampledAtBody()
		}
		panic("engine: a fault where none can be")
	}
	c.ctx.Restore(b.Where(f))
	c.refund(b, f.Done)
	if sampled && !f.Overflow {
		c.m.counts.left(b, int(f.Done))
		return left{Kind: codecache.ToInterrupt, PC: f.PC}
	}
	if f.Look && c.ctx.IRQ.Bits() == 0 { // else that is why it has failed
		c.m.missed(b)
	}
	if !f.Overflow {
		c.refused(b)
		c.m.counts.left(b, int(f.Done))
		// Executed by the interpreter, the instruction becomes a trap, or not if what it
		// needs is there by then.
		return left{Kind: codecache.ToInterp, PC: f.PC, block: b, done: int(f.Done)}
	}
	c.ctx.EmptyStack()
	if f.Computed {
		f.PC = c.ctx.Target()
	}
	return left{Kind: codecache.ToInterrupt, PC: f.PC}
}
