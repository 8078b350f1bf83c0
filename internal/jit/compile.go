//go:build amd64

package jit

import (
	"slices"

	"golang.org/x/sys/cpu"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Features are what generated code may use of the host's instruction set.
type Features struct {
	BMI1, BMI2, LZCNT, POPCNT, SSE41, AVX, FMA, F16C bool

	ERMS bool // rep movsb and rep stosb are fast
}

// HostFeatures are those of this machine.
func HostFeatures() Features {
	return Features{
		BMI1:   cpu.X86.HasBMI1,
		BMI2:   cpu.X86.HasBMI2,
		LZCNT:  cpu.X86.HasLZCNT,
		POPCNT: cpu.X86.HasPOPCNT,
		SSE41:  cpu.X86.HasSSE41,
		AVX:    cpu.X86.HasAVX,
		FMA:    cpu.X86.HasFMA && cpu.X86.HasAVX,
		F16C:   cpu.X86.HasF16C && cpu.X86.HasAVX,
		ERMS:   cpu.X86.HasERMS,
	}
}

// Exit is a way out of a trace.
type Exit struct {
	Op       ir.Op     // the operation that leaves, or Poll or Stale
	PC       uint64    // guest address to go on at, unless there is a guess
	Polled   bool      // the interrupt word has been looked at on the way
	Jump     int       // offset of the displacement that leads out, to be patched
	Unlinked int       // offset that it leads to at first
	target   amd64.Reg // with the guest address, of a Jump of a trace
	Guess    *Guess    // of an inline cache; Probe alone, of a Jump of a graph: where the way out may lead instead of to Unlinked
}

// Exits before a trace has begun.
const (
	Poll  = ir.Op(0xff - iota) // the interrupt word was set
	Stale                      // guest memory holds other code; metered code has taken fuel for all of it
	Empty                      // the same, as there is less fuel than it needs
)

// Fault is an instruction that may fault.
type Fault struct {
	Offset   int    // of the host instruction
	PC       uint64 // of the guest instruction
	Overflow bool   // a call for which the stack is full, to PC,
	Computed bool   // or to Context.Target; registers are in the homes that all code has in common
	Look     bool   // a look ahead of a loop has failed
	Done     int    // how many of its instructions have been executed
	Late     Span   // what part of Code.States.Late is for it
}

// Code is a compiled trace.
type Code struct {
	Start    int // offset in the assembler's buffer: where the interrupt word is looked at
	Body     int // behind that
	End      int
	Tail     Span // what is seldom executed, or no code: within the rest of a trace, or elsewhere (see Split); none of others
	Tables   int  // behind the instructions: where tables and constants begin that they use; 0 if there are none
	Insts    int  // guest instructions
	Exits    []Exit
	Faults   []Fault
	Marks    []Mark
	Segments []Segment // that are counted
	States   ir.States
	Extra    []Span // code that is there for watching only, in the order of offsets
	Ops      []OpMark
	Stubs    []int // offsets of displacements that lead to stubs
	Names    []int // offsets of 4 bytes that are the number of an exit
	Cross    []int // offsets of displacements that lead from what is not Tail to what is, or back
}

// Span is a piece of code, or part of a list.
type Span struct{ Start, End int } // offsets, or indices

// Mark is where the code of a guest instruction begins.
type Mark struct {
	Offset int
	PC     uint64 // of the guest instruction
}

// OpMark is where the code of an operation begins; there need not be any.
type OpMark struct {
	Offset int
	Chain  int        // of a graph
	Values []ir.Value // the operation, and those that are computed where it uses them; none: the code behind all operations
}

// Compiler turns traces into host code. It is used again and again.
type Compiler struct {
	Features  Features
	Limit     uint64         // guest addresses from there on are not in the window, or the table; see package mem
	Table     bool           // Context.Base is a page table; see mem.Paged
	Direct    bool           // Context.Base is 0
	AtLimit   bool           // Context.Base is Limit. Not with Table
	Detours   bool           // all accesses go by Context.Detours; see mem.Divided. Not with Table
	Unbounded bool           // addresses are not compared with Limit; not with Table, nor in detours
	NearSP    bool           // where code is entered sp is near the window: see stack.go. Not with Unbounded
	Round     uint8          // the guest's rounding mode, which the host has, too
	Stubs     Stubs          // in the same buffer
	FirstExit uint32         // number of the next trace's first exit
	Counter   func() uintptr // returns where the executions of a segment of a trace are to be counted: see counted.go; nil for not at all
	Watched   bool           // accesses to memory are watched: see Context.Watch
	Chance    bool           // graphs are left when Context.Chance has been counted down to 0, for tests
	MarkOps   bool           // Code.Ops is wanted
	Metered   bool           // traces count instructions: see meter.go. Not with graphs, nor with Native
	HostVDSO  Functions      // 0 for those that Native is not asked for
	a         *amd64.Assembler
	t         *ir.Trace
	code      Code
	facts     []ir.Fact  // by value, or nil
	pc        uint64     // of the guest instruction
	deferred  []bool     // by value: computed where it is used
	narrow    []bool     // by value: see findNarrow
	quiet     []ir.Value // see findQuiet
	dead      deadWrites // in traces
	redo      int        // how many of the instructions that have begun are executed again if the present one is left
	flags     flagState
	words     []int64 // see stored
	drained   bool    // nothing has been stored since a barrier
	polled    bool    // the interrupt word has been looked at behind Body
	refunds   []refund
	cold      []coldPath
	singles   []boxedReg
	looked    int // how many of these have been looked at
	interps   []interpExit
	literals  []literal
	branched  bool // the next instruction begins a segment
	looks     bool // what is compiled is a look ahead of a loop
	sp        stackPointer
	late      Span        // of what comes next that may fault: see Fault.Late
	graph     *graphState // of the graph that is compiled, or nil
	graphs    graphState  // of the last one, whose memory is used again
	alloc
}

// Compile appends code for t to a. The code compares guest memory with verify first, if
// that is not nil. It ends at the first guest instruction that has an operation which is
// not supported: that is left to the interpreter. If it is the trace's first, Compile
// reports false, and has appended nothing. The result is valid until the next call.
func (c *Compiler) Compile(a *amd64.Assembler, t *ir.Trace, verify []byte) (*Code, bool) {
	if c.Watched && stores(t) > maxStores {
		return nil, false
	}
	c.start(a, &homes)
	c.startTrace(t, nil)
	c.poll(t.PC)
	c.code.Body = a.Len()
	taken := c.takeFuel()
	if verify != nil {
		c.verify(verify)
	}
	for k := 1; k < len(t.Code); k++ {
		if !c.instr(ir.Value(k)) {
			if c.pc == t.PC {
				a.Buf = a.Buf[:c.code.Start]
				return nil, false
			}
			c.interpret(c.pc, c.done(), c.where())
			break
		}
		c.unpin()
	}
	c.markOp(0)
	c.emitRefunds(taken)
	c.code.Tail.Start = a.Len()
	c.emitExits()
	c.emitCold()
	c.emitInterps()
	c.emitLiterals()
	c.code.End = a.Len()
	c.code.Tail.End = c.code.End
	return &c.code, true
}

// start begins a piece of code.
func (c *Compiler) start(a *amd64.Assembler, t *homeTable) {
	a.Align(codeAlign, 0)
	c.a, c.homes, c.graph = a, t, nil
	states := c.code.States
	c.code = Code{Start: a.Len(), Exits: c.code.Exits[:0], Faults: c.code.Faults[:0], Marks: c.code.Marks[:0], Segments: c.code.Segments[:0], Extra: c.code.Extra[:0], Stubs: c.code.Stubs[:0], Names: c.code.Names[:0], Cross: c.code.Cross[:0], Ops: c.code.Ops[:0]}
	c.code.States.Late, c.code.States.Computed, c.late = states.Late[:0], states.Computed[:0], Span{}
	c.cold, c.interps, c.refunds, c.literals = c.cold[:0], c.interps[:0], c.refunds[:0], c.literals[:0]
}

// startTrace gets ready to compile t.
func (c *Compiler) startTrace(t *ir.Trace, facts []ir.Fact) {
	c.t, c.facts = t, facts
	c.flags, c.words = flagState{}, c.words[:0]
	c.drained, c.polled, c.redo, c.sp = false, false, 0, stackPointer{}
	c.branched = true
	c.startAlloc()
	c.findNarrow()
	c.findQuiet()
	if c.graph == nil {
		c.findDead()
	}
	c.deferValues()
	c.findBoxed()
}

// codeAlign is what traces begin at a multiple of: hosts fetch and keep decoded code in pieces of
// so many bytes. With 16, a loop of bench/threads.c took a fifth longer when two threads ran it.
const codeAlign = 32

// deferValues finds values that are computed where they are used: conditions and
// addresses, sums that are extended next. The only use comes before any register
// changes, and before the flags are looked at; but the target of a call, or of
// a jump like one, is used after the return address has been written.
func (c *Compiler) deferValues() {
	c.deferred = zeroed(c.deferred, len(c.t.Code))
	last := ir.Value(0) // the last instruction that does so
	for k := range c.t.Code {
		i := &c.t.Code[k]
		for n := range i.Args { // see resolve
			arg := i.Args[n]
			if arg == 0 {
				break
			}
			if (arg > last || i.Op == ir.Call || i.Op == ir.JumpSame) && c.at[arg].left == 1 && (c.defers(i.Op, n, arg) || c.loads(i.Op, arg) && int(arg) == k-1 || c.scales(i, n) || c.extracts(i, n) || c.negates(i, n) || c.carries(i, n)) {
				c.deferred[arg] = true
			}
		}
		switch i.Op {
		case ir.SetX, ir.SetF, ir.GetFlags, ir.SetFlags:
			if c.graph != nil || !c.dead.is[k] {
				last = ir.Value(k)
			}
		}
	}
}

// defers reports whether argument n of op can compute v.
func (c *Compiler) defers(op ir.Op, n int, v ir.Value) bool {
	arg := &c.t.Code[v]
	switch op {
	case ir.ExitIf, ir.InterpIf, ir.ZextB, ir.NotB, ir.Choose:
		if n > 0 {
			return false
		}
		switch arg.Op {
		case ir.Eq, ir.Ne, ir.Lts, ir.Ltu, ir.NotB:
			return true
		case ir.FltS, ir.FltD, ir.FleS, ir.FleD, ir.FltqS, ir.FltqD, ir.FleqS, ir.FleqD:
			return true
		}
	case ir.Sext32, ir.Zext32:
		switch arg.Op {
		case ir.Add, ir.Sub, ir.Mul, ir.And, ir.Or, ir.Xor, ir.Neg:
			return op == ir.Zext32 || !c.narrow[v]
		}
	case ir.Jump, ir.JumpSame, ir.Call, ir.Ret:
		k, ok := c.imm32(arg.Args[1])
		return arg.Op == ir.And && ok && k == -2
	case ir.FmaS, ir.FmaD:
		return n != 1 && c.Features.FMA && (arg.Op == ir.FnegS || arg.Op == ir.FnegD)
	case ir.Store32, ir.Store64:
		if n == 1 {
			return arg.Op == ir.Bits
		}
	}
	if op.Faults() && !op.Has(ir.Atomic) && n == 0 && arg.Op == ir.Add {
		k, ok := c.imm32(arg.Args[1])
		return ok && -maxDisp <= k && k <= maxDisp
	}
	return false
}

// loads reports whether op can load v itself: into a floating-point register.
func (c *Compiler) loads(op ir.Op, v ir.Value) bool {
	load := c.t.Code[v].Op
	return op == ir.Float && load == ir.Load64 || op == ir.Lo32 && load == ir.LoadU32
}

// scales reports whether argument n of i, an addition, is a value shifted so little that an
// address computation does both.
func (c *Compiler) scales(i *ir.Instr, n int) bool {
	if i.Op != ir.Add || n > 1 {
		return false
	}
	other, arg := i.Args[1-n], &c.t.Code[i.Args[n]]
	if _, isConst := c.t.ConstOf(other); isConst || c.deferred[other] || arg.Op != ir.Sll {
		return false
	}
	k, ok := c.t.ConstOf(arg.Args[1])
	return ok && k >= 1 && k <= 3
}

// imm32 is v as a sign-extended immediate.
func (c *Compiler) imm32(v ir.Value) (int32, bool) {
	k, ok := c.t.ConstOf(v)
	return int32(k), ok && uint64(int64(int32(k))) == k
}

// instr compiles one instruction.
func (c *Compiler) instr(v ir.Value) bool {
	if c.deferred[v] || c.graph == nil && c.dead.is[v] || c.graph != nil && c.state.made[v] {
		return true
	}
	var own ir.Instr
	i := &own
	c.resolve(i, v)
	if c.state != nil && c.graph.virtuals.is[v] {
		c.leaveOut(v, i)
		return true
	}
	if c.state != nil {
		if c.graph.virtuals.late[v] != 0 {
			c.wait(v, i)
			return true
		}
		c.awaited(i)
	}
	c.markOp(v)
	c.tightenOperands(i)
	switch op := i.Op; {
	case op == ir.Const:
	case op == ir.Inst:
		c.pc, c.redo = i.Imm, 0
		c.code.Insts++
		c.wantBoxed(v)
		c.code.Marks = append(c.code.Marks, Mark{c.a.Len(), c.pc})
		c.countSegment()
	case op == ir.GetX:
		c.get(v, i.Imm)
	case op == ir.SetX && i.Imm == spReg && !c.setSP(v, i.Args[0]):
		return false
	case op == ir.SetX:
		held := c.flags.at == c.a.Len()
		c.set(i.Imm, i.Args[0])
		if held { // only moves
			c.flags.at = c.a.Len()
		}
	case op == ir.GetF:
		c.get(v, firstF+i.Imm)
	case op == ir.SetF:
		c.set(firstF+i.Imm, i.Args[0])
	case op == ir.GetFlags:
		c.getFlags(v)
	case op == ir.SetFlags:
		c.setFlags(v, i.Args[0])
	case op == ir.GetRound:
		c.getRound(v)
	case op == ir.ExitIf:
		c.exitIf(v, i)
		c.branched = true
	case op == ir.InterpIf:
		c.interpretIf(c.condition(i.Args[0]))
	case op == ir.WantWindow, op == ir.WantBoxed, op == ir.WantNarrow:
		c.look(op, i.Args[0])
	case op.Has(ir.Ends):
		c.end(v, i)
	case op.Has(ir.Atomic):
		c.atomic(v, i)
		if op.Has(ir.Writes) {
			c.drained = isBarrier(op)
		}
	case op.Has(ir.Reads):
		if c.graph == nil {
			c.goBack(v)
		}
		c.loadFrom(v, i)
	case op.Has(ir.Writes):
		c.store(v, i)
		c.drained = false
	case op == ir.Fence:
		c.fence(v, i.Imm)
	case op == ir.Pause:
		c.a.Pause()
	default:
		return c.compute(v, i) || c.float(v, i)
	}
	return true
}

// markOp notes that the code of v begins, or that there will be no more if v is 0.
func (c *Compiler) markOp(v ir.Value) {
	if !c.MarkOps {
		return
	}
	m := OpMark{Offset: c.a.Len()}
	if c.graph != nil {
		m.Chain = c.graph.n
	}
	if v != 0 {
		m.Values = c.computed(nil, v)
	}
	c.code.Ops = append(c.code.Ops, m)
}

// computed adds to a list v, and what is computed where it is used by v.
func (c *Compiler) computed(list []ir.Value, v ir.Value) []ir.Value {
	list = append(list, v)
	for _, arg := range c.t.Code[v].Args {
		if _, isConst := c.t.ConstOf(arg); isConst || c.deferred[arg] {
			list = c.computed(list, arg)
		}
	}
	return list
}

// resolve makes i the instruction that makes v, with values in place of their aliases.
func (c *Compiler) resolve(i *ir.Instr, v ir.Value) {
	from := &c.t.Code[v]
	i.Op, i.Imm = from.Op, from.Imm
	for n := range i.Args { // one by one: the processor waits when it reads as a whole what was just written in parts
		i.Args[n] = c.original(from.Args[n])
	}
}

// resolved is the instruction that makes v, likewise.
func (c *Compiler) resolved(v ir.Value) (i ir.Instr) {
	c.resolve(&i, v)
	return i
}

// original is the value that v is an alias of, or v.
func (c *Compiler) original(v ir.Value) ir.Value {
	if x := c.alias[v]; x != 0 {
		return x
	}
	return v
}

// known is what is known of v from the whole graph.
func (c *Compiler) known(v ir.Value) ir.Fact {
	if int(v) >= len(c.facts) {
		return 0
	}
	return c.facts[v]
}

func (c *Compiler) get(v ir.Value, n uint64) {
	if c.known(v)&ir.Boxed != 0 && (c.state == nil || c.state.fix(n)&ir.FixBox == 0) {
		c.boxed[v] = true
	}
	if n == spReg {
		c.getSP(v)
	}
	if c.state != nil {
		c.getState(v, n)
		return
	}
	if h := c.homes.of(n); h != amd64.NoReg {
		c.inReg[h] = v
		c.at[v].reg = h
		return
	}
	c.inSlot[n] = v
	c.at[v].slot = uint8(n)
}

// set writes guest register n.
func (c *Compiler) set(n uint64, v ir.Value) {
	if c.state != nil {
		c.setState(n, v)
		return
	}
	if h := c.homes.of(n); h != amd64.NoReg {
		defer c.used(v)
		if c.at[v].reg == h {
			return
		}
		c.leaveHome(h)
		c.load(h, v)
		if r := c.at[v].reg; r == amd64.NoReg || c.isTemp(r) {
			c.clobberOf(v)
			c.put(v, h)
		}
		return
	}
	if old := c.inSlot[n]; old != 0 && old != v && c.at[old].slot == uint8(n) {
		if w := &c.at[old]; w.left > 0 && w.reg == amd64.NoReg && w.spill == noSlot {
			c.reg(old)
		}
		c.at[old].slot = noSlot
	}
	if k, ok := c.imm32(v); ok {
		c.a.MI(amd64.MOV, amd64.W64, slot(n), k)
	} else {
		c.deposit(slot(n), c.reg(v))
	}
	c.used(v)
	c.inSlot[n] = v
	c.at[v].slot = uint8(n)
}

// clobberOf forgets that v is in a register.
func (c *Compiler) clobberOf(v ir.Value) {
	if r := c.at[v].reg; r != amd64.NoReg {
		c.clobber(r)
	}
}

func (c *Compiler) isTemp(r amd64.Reg) bool {
	return slices.Contains(c.temps, r) || slices.Contains(c.xtemps, r)
}

// dest is the register for v: the home of the guest register that it is written to
// next, the register of x, which is not needed any more, or another.
func (c *Compiler) dest(v, x ir.Value) amd64.Reg {
	if n, ok := c.target(v); ok {
		if h := c.homes.of(n); h != amd64.NoReg && c.mayTake(h, n) {
			c.pinned[h] = true
			return h
		}
	}
	if h := c.hinted(v); h != amd64.NoReg {
		c.clobber(h)
		c.pinned[h] = true
		return h
	}
	if r := c.at[x].reg; x != 0 && r != amd64.NoReg && c.isTemp(r) && (!c.needed(x) || c.forget(x, r) || c.givesUp(x, r)) {
		return r
	}
	return c.tempFor(v)
}

// mayTake reports whether what is written to variable n next can be computed in its home.
func (c *Compiler) mayTake(h amd64.Reg, n uint64) bool {
	old := c.inReg[h]
	switch {
	case old == 0:
		return c.state == nil || !c.pinned[h] // for an intermediate value
	case c.state != nil && c.state.cur[n] == old && c.state.holds[old] == 1:
		return c.at[old].left == 0
	}
	return !c.needed(old) || !c.onlyIn(old)
}

// target is the variable that v is written to next, boxed before if it has to be.
func (c *Compiler) target(v ir.Value) (n uint64, ok bool) {
	if c.belated(v) {
		return 0, false
	}
	next := &c.t.Code[v+1]
	if next.Op == ir.BoxS && next.Args[0] == v {
		v++
		next = &c.t.Code[v+1]
	}
	if next.Args[0] != v || !isSet(next) {
		return 0, false
	}
	return variable(next), true
}
