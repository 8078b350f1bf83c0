//go:build amd64

package jit

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// exitIf leaves the trace if a condition holds.
func (c *Compiler) exitIf(v ir.Value, i *ir.Instr) {
	c.lookAtSP(c.pc, c.done())
	if c.graph != nil {
		c.branch(v, i)
		return
	}
	if cond := c.condition(i.Args[0]); c.Metered {
		c.refundOn(cond, i.Imm)
	} else {
		c.exitOn(cond, ir.ExitIf, i.Imm)
	}
}

// interpretIf leaves the instruction to the interpreter if a condition holds. None of
// its effects may have happened.
func (c *Compiler) interpretIf(cond amd64.Cond) {
	c.interps = append(c.interps, interpExit{jump: c.a.Jcc(cond), pc: c.pc, done: c.done(), late: c.where(), look: c.looks})
}

// look leaves a graph ahead of a loop, of which c.pc is the first instruction, unless v is what the
// loop wants it to be.
func (c *Compiler) look(op ir.Op, v ir.Value) {
	c.chance()
	c.looks = true
	switch op {
	case ir.WantWindow:
		c.bound(v)
	case ir.WantBoxed:
		c.wantBox(v)
	default:
		c.wantNarrow(v)
	}
	c.looks = false
	c.used(v)
}

// interpExit is a jump that leaves an instruction to the interpreter.
type interpExit struct {
	jump int
	pc   uint64
	done int  // see Fault.Done
	late Span // see Fault.Late
	look bool // see Fault.Look
	at   int  // what it leads to
}

// emitInterps appends what these jumps lead to, once for each instruction.
func (c *Compiler) emitInterps() {
	for n, e := range c.interps {
		if n > 0 && c.interps[n-1].pc == e.pc && c.interps[n-1].done == e.done && c.interps[n-1].late == e.late && c.interps[n-1].look == e.look {
			e.at = c.interps[n-1].at
		} else {
			e.at = c.a.Len()
			c.interpret(e.pc, e.done, e.late)
			if e.look && c.graph != nil { // only graphs have tables for it
				c.code.Faults[len(c.code.Faults)-1].Look = true
			}
		}
		c.link(e.jump, e.at)
		c.interps[n] = e
	}
}

// interpret leaves the instruction at pc to the interpreter, when done have been executed. Unless the guest's registers are where all
// code has them, and nobody wants to know how many, it is as if the instruction had faulted.
func (c *Compiler) interpret(pc uint64, done int, late Span) {
	if c.graph == nil && late == (Span{}) && !c.Metered && c.Counter == nil && !c.Watched {
		c.a.MovImm(amd64.RAX, pc)
		c.toStub(c.a.Jmp(), c.Stubs.Interp)
		return
	}
	c.code.Faults = append(c.code.Faults, Fault{Offset: c.a.Len(), PC: pc, Late: late, Done: done})
	c.toStub(c.a.Call(), c.Stubs.Deopt)
}

// toStub has a jump lead to a stub.
func (c *Compiler) toStub(jump, stub int) {
	c.a.SetRel32(jump, stub)
	c.code.Stubs = append(c.code.Stubs, jump)
}

// link makes the displacement at offset at lead to offset target.
func (c *Compiler) link(at, target int) {
	c.a.SetRel32(at, target)
	if tail := c.code.Tail.Start; tail > 0 && (at < tail) != (target < tail) {
		c.code.Cross = append(c.code.Cross, at)
	}
}

// exitOn leaves the trace if a condition holds.
func (c *Compiler) exitOn(cond amd64.Cond, op ir.Op, pc uint64) {
	c.alignJump(2)
	c.addExit(op, pc, c.a.Jcc(cond))
}

// addExit adds an exit to which the jump with the displacement at offset jump leads.
func (c *Compiler) addExit(op ir.Op, pc uint64, jump int) {
	c.code.Exits = append(c.code.Exits, Exit{Op: op, PC: pc, Jump: jump, Polled: c.polled})
}

// alignJump keeps the displacement of the next jump, which comes behind opcode bytes,
// within a cache line: it is patched while others execute it.
func (c *Compiler) alignJump(opcode int) {
	const line = 64
	if at := (c.a.Len() + opcode) % line; at > line-4 {
		c.a.Nop(line - at)
	}
}

// end leaves the trace.
func (c *Compiler) end(v ir.Value, i *ir.Instr) {
	switch i.Op {
	case ir.Jump:
		c.jump(i.Args[0])
	case ir.Call:
		c.destination(i.Args[0])
		c.leaveGraph()
		c.lookBehind()
		c.guess(i.Op)
		c.returned(v, i.Imm)
	case ir.JumpSame:
		c.destination(i.Args[0])
		c.leaveGraph()
		c.lookBehind()
		c.guess(i.Op)
	case ir.CallTo:
		next, _ := c.t.ConstOf(i.Args[0])
		c.lookAtSP(i.Imm, c.code.Insts)
		c.leaveGraph()
		c.alignJump(1)
		c.mayOverflow(i.Imm, false)
		c.addExit(ir.CallTo, i.Imm, c.a.Call())
		c.returned(v, next)
	case ir.Ret:
		c.destination(i.Args[0])
		c.leaveGraph()
		c.lookBehind()
		c.a.Ret()
	case ir.Interp:
		c.interpret(i.Imm, c.done(), c.where())
	default:
		if i.Op == ir.Goto {
			c.lookAtSP(i.Imm, c.code.Insts)
		}
		if c.graph != nil && c.goes(v, i) {
			return
		}
		c.leaveGraph()
		c.alignJump(1)
		c.addExit(i.Op, i.Imm, c.a.Jmp())
	}
}

// jump jumps to the guest address v. A graph is left for the engine at first, so that it sees what the graph lacks.
func (c *Compiler) jump(v ir.Value) {
	if c.graph != nil {
		c.destination(v)
		c.leaveGraph()
		c.lookBehind()
		c.alignJump(1)
		c.addExit(ir.Jump, 0, c.a.Jmp())
		return
	}
	r := amd64.RAX
	if c.sp.far {
		c.destination(v)
		c.lookBehind()
	} else {
		r = c.reg(c.addressOf(v))
	}
	at, missing := probe(c.a, c.Features.BMI1, r)
	c.addExit(ir.Jump, 0, missing) // never patched
	c.code.Exits[len(c.code.Exits)-1].target = r
	c.a.JmpM(at)
}

// addressOf is the value that has the guest address that a jump to v goes to. Its bit 0, which counts for
// nothing, may be left set: no comparison finds such an address, and where none does, it
// is cleared.
func (c *Compiler) addressOf(v ir.Value) ir.Value {
	if c.deferred[v] {
		return c.resolved(v).Args[0]
	}
	return v
}

// destination brings that into RAX.
func (c *Compiler) destination(v ir.Value) {
	v = c.addressOf(v)
	if c.state != nil {
		c.claim(amd64.RAX)
	}
	c.load(amd64.RAX, v)
}

// probe looks up the guest address in r in Context.Jumps, and returns where its host
// address is, and the jump that is taken if it is not there, or the interrupt word is up: then each index is 0, an entry
// that is no address's.
func probe(a *amd64.Assembler, bmi1 bool, r amd64.Reg) (at amd64.Mem, missing int) {
	index := amd64.RCX
	if r == index {
		index = amd64.RAX
	}
	if mask := amd64.At(ctxReg, offMask); bmi1 {
		a.VRRM(amd64.ANDN, amd64.W32, index, r, mask)
	} else {
		a.RR(amd64.MOV, amd64.W32, index, r)
		a.R(amd64.NOT, amd64.W32, index)
		a.RM(amd64.AND, amd64.W32, index, mask)
	}
	return compareJump(a, r, index)
}

// probeSecond does so where the address is if another one has its place. It leaves RCX as it is.
func probeSecond(a *amd64.Assembler) (at amd64.Mem, missing int) {
	a.RR(amd64.MOV, amd64.W64, amd64.RDX, amd64.RAX)
	a.RI(amd64.SHR, amd64.W64, amd64.RDX, secondShift)
	a.RR(amd64.XOR, amd64.W32, amd64.RDX, amd64.RAX)
	a.R(amd64.NOT, amd64.W32, amd64.RDX)
	a.RM(amd64.AND, amd64.W32, amd64.RDX, amd64.At(ctxReg, offMask))
	return compareJump(a, amd64.RAX, amd64.RDX)
}

// compareJump compares r with the address of an entry. An index counts halves of addresses, an entry has 16 bytes.
func compareJump(a *amd64.Assembler, r, index amd64.Reg) (at amd64.Mem, missing int) {
	a.RM(amd64.CMP, amd64.W64, r, amd64.AtIndex(ctxReg, index, 8, offJumps))
	return amd64.AtIndex(ctxReg, index, 8, offJumps+8), a.Jcc(amd64.NE)
}

// Guest calls are host calls, so that the host predicts guest returns. RSP is a stack of
// host return addresses only (see Context.SetStack). What a guest return finds there is
// a guess: each place that a call returns to compares the guest address that the return
// is for, in RAX, with its own.

// returned is where the call before, v, returns to: guest address next.
func (c *Compiler) returned(v ir.Value, next uint64) {
	c.compareWith(amd64.RAX, next)
	if c.graph != nil && c.follow(v) {
		return
	}
	c.exitOn(amd64.E, ir.Goto, next)
	c.toStub(c.a.Jmp(), c.Stubs.Return)
}

// mayOverflow notes that the next host instruction is a call, to guest address pc or to a
// computed one, in RAX.
func (c *Compiler) mayOverflow(pc uint64, computed bool) {
	c.code.Faults = append(c.code.Faults, Fault{Offset: c.a.Len(), PC: pc, Overflow: true, Computed: computed, Done: c.code.Insts})
}

// emitExits appends what the exits' jumps lead to as long as they are not linked to
// other code: back to Go, with the number of the exit.
func (c *Compiler) emitExits() {
	for n := range c.code.Exits {
		e := &c.code.Exits[n]
		e.Unlinked = c.a.Len()
		c.link(e.Jump, e.Unlinked)
		number, reg, stub := uint64(c.FirstExit)+uint64(n), amd64.RAX, c.Stubs.Leave
		switch {
		case e.Guess != nil:
			c.emitGuess(e, number)
			continue
		case e.Op == ir.Jump && c.graph == nil:
			c.move(amd64.RAX, e.target)
			reg, stub = amd64.RCX, c.Stubs.MissedBy
		case e.Op == ir.Jump:
			reg, stub = amd64.RCX, c.Stubs.Computed
		}
		c.a.MovImm(reg, number)
		c.code.Names = append(c.code.Names, c.a.Len()-4)
		c.toStub(c.a.Jmp(), stub)
		if e.Op == ir.Jump && c.graph != nil {
			e.Guess = &Guess{Probe: c.a.Len()}
			at, missing := probe(c.a, c.Features.BMI1, amd64.RAX)
			c.toStub(missing, c.Stubs.Missed)
			c.a.JmpM(at)
		}
	}
}

// The interrupt word is looked at once, at least, in each loop of guest code: by accesses to
// memory, by a trace that is entered from where that has not been done, which may be by a guess, and by computed jumps.

// poll leaves the trace, before it has begun, if the interrupt word is up.
func (c *Compiler) poll(pc uint64) {
	if polls {
		c.exitOn(isUp(c.a), Poll, pc)
	}
}

// isUp looks at the mask of the interrupt word, which is 0 if that is up: the condition that it returns.
func isUp(a *amd64.Assembler) amd64.Cond {
	a.MI(amd64.CMP, amd64.W32, amd64.At(ctxReg, offMask), 0)
	return amd64.E
}

// verify leaves the trace, before it has begun, if guest memory does not hold the code
// that it was made from.
func (c *Compiler) verify(code []byte) {
	c.pc = c.t.PC
	if !c.Table && !c.Detours {
		c.a.MovImm(amd64.RCX, c.pc)
		c.compareCode(c.place(amd64.RCX, 0, looks), code)
		return
	}
	for pc := c.pc; len(code) > 0; { // page by page
		n := min(len(code), int(1<<pageShift-pc&(1<<pageShift-1)))
		c.claim(amd64.RCX)
		c.claim(amd64.RAX) // for compareCode
		c.a.MovImm(amd64.RCX, pc)
		c.compareCode(c.place(amd64.RCX, 0, looks), code[:n])
		c.unpin()
		code, pc = code[n:], pc+uint64(n)
	}
}

// compareCode leaves the trace if memory does not hold code.
func (c *Compiler) compareCode(at amd64.Mem, code []byte) {
	for ; len(code) >= 8; code = code[8:] {
		c.a.MovImm(amd64.RAX, binary.LittleEndian.Uint64(code))
		c.mayFault()
		c.a.RM(amd64.CMP, amd64.W64, amd64.RAX, at)
		c.exitOn(amd64.NE, Stale, c.pc)
		at.Disp += 8
	}
	if len(code) >= 4 {
		c.mayFault()
		c.a.MI(amd64.CMP, amd64.W32, at, int32(binary.LittleEndian.Uint32(code)))
		c.exitOn(amd64.NE, Stale, c.pc)
		at.Disp += 4
		code = code[4:]
	}
	if len(code) > 0 {
		c.mayFault()
		c.a.MI(amd64.CMP, amd64.W16, at, int32(int16(binary.LittleEndian.Uint16(code))))
		c.exitOn(amd64.NE, Stale, c.pc)
	}
}

// Stubs are pieces of code that all traces use: offsets in the assembler's buffer.
type Stubs struct {
	Leave    int // goes back to Go; EAX is the number of the exit
	Indirect int // a computed jump to RAX that is for the engine
	Computed int // one by the exit with number ECX
	Missed   int // a computed jump to RAX that is not in its first place in Context.Jumps, or the interrupt word is up
	MissedBy int // one by the exit with number ECX
	Interp   int // leaves the instruction at RAX to the interpreter
	Return   int // where a return to RAX goes on for which the stack was wrong
	Deopt    int // called, it is as if that call had faulted
	Fault    int // where an instruction that has faulted is to go on, with its address in Context.FaultAt
}

// callSize is the size of a direct call.
const callSize = 5

// EmitStubs appends the stubs.
func EmitStubs(a *amd64.Assembler) (s Stubs) {
	s.Indirect = a.Len()
	a.MovImm(amd64.RCX, ExitIndirect)
	indirect := a.JmpShort()
	s.Missed = a.Len()
	a.MovImm(amd64.RCX, ExitIndirect)
	s.MissedBy = a.Len()
	at, missing := probeSecond(a)
	a.JmpM(at)
	s.Computed = a.Len()
	a.SetRel8(indirect, s.Computed)
	a.SetRel32(missing, s.Computed)
	a.RI(amd64.AND, amd64.W64, amd64.RAX, -2)
	a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offPC), amd64.RAX)
	a.RR(amd64.MOV, amd64.W32, amd64.RAX, amd64.RCX)
	computed := a.JmpShort()
	s.Interp = a.Len()
	a.MR(amd64.MOV, amd64.W64, amd64.At(ctxReg, offPC), amd64.RAX)
	a.MovImm(amd64.RAX, ExitInterp)
	interp := a.JmpShort()
	s.Return = emitReturn(a, s.Missed)
	s.Deopt = a.Len()
	a.PopM(amd64.At(ctxReg, OffFaultAt))
	a.MI(amd64.SUB, amd64.W64, amd64.At(ctxReg, OffFaultAt), callSize)
	s.Fault = a.Len()
	a.MI(amd64.MOV, amd64.W32, amd64.At(ctxReg, offExit), ExitFault)
	a.JmpM(amd64.At(ctxReg, offFault))
	s.Leave = a.Len()
	a.SetRel8(computed, s.Leave)
	a.SetRel8(interp, s.Leave)
	a.MR(amd64.MOV, amd64.W32, amd64.At(ctxReg, offExit), amd64.RAX)
	a.JmpM(amd64.At(ctxReg, offLeave))
	return s
}

// emitReturn appends where a return goes on that is for another call than the last on the stack. That call may
// be yet to return: what has been called by way of a region, for one, has no entry. So its entry stays, and the
// host, which predicts returns by a stack of its own, is told as well. An entry that nobody returns to any more is
// in the way of those below, but not for long if there are calls, and is forgotten when the stack is full.
func emitReturn(a *amd64.Assembler, missed int) (start int) {
	start = a.Len()
	a.RM(amd64.MOV, amd64.W64, amd64.RCX, amd64.At(amd64.RSP, -8))
	again := a.Call()
	a.Nop(1) // hosts do not take a call of what comes next for one
	a.SetRel32(again, a.Len())
	a.MR(amd64.MOV, amd64.W64, amd64.At(amd64.RSP, 0), amd64.RCX)
	at, missing := probe(a, false, amd64.RAX)
	a.SetRel32(missing, missed)
	a.JmpM(at)
	return start
}

// condition emits the comparison that v is, and returns the condition of the flags.
func (c *Compiler) condition(v ir.Value) amd64.Cond {
	var own ir.Instr
	i := &own
	c.resolve(i, v)
	if !c.deferred[v] {
		if c.flags.of == v && c.flags.at == c.a.Len() {
			c.used(v)
			return c.flags.cond
		}
		r := c.reg(v)
		c.used(v)
		c.a.RR(amd64.TEST, amd64.W32, r, r)
		return amd64.NE
	}
	var cond amd64.Cond
	switch i.Op {
	case ir.NotB:
		return c.condition(i.Args[0]).Not()
	case ir.Eq:
		cond = amd64.E
	case ir.Ne:
		cond = amd64.NE
	case ir.Lts:
		cond = amd64.L
	case ir.Ltu:
		cond = amd64.B
	default:
		return c.floatCondition(v, i)
	}
	x, y := i.Args[0], i.Args[1]
	if _, isConst := c.t.ConstOf(x); isConst { // the immediate comes second
		x, y = y, x
		cond = mirrored(cond)
	}
	nonzero, known := c.testsZero(cond, y)
	if known && c.flags.of == x && c.flags.at == c.a.Len() {
		c.used(x)
		c.used(y)
		c.unpin()
		if nonzero {
			return c.flags.cond
		}
		return c.flags.cond.Not()
	}
	w := amd64.W64
	if c.known(v)&ir.Low != 0 {
		w = amd64.W32
	}
	c.compare(x, y, w)
	return cond
}

// testsZero reports whether a comparison with y tells only whether a value is other than 0,
// or only whether it is 0: also snez and seqz, which are 0 < x and x < 1, unsigned.
func (c *Compiler) testsZero(cond amd64.Cond, y ir.Value) (nonzero, known bool) {
	k, ok := c.t.ConstOf(y)
	switch {
	case ok && k == 0 && (cond == amd64.NE || cond == amd64.A):
		return true, true
	case ok && k == 0 && cond == amd64.E, ok && k == 1 && cond == amd64.B:
		return false, true
	}
	return false, false
}

// flagState is what the host's flags tell: at an offset, whether a value is other than 0.
type flagState struct {
	at   int
	of   ir.Value
	cond amd64.Cond
}

// haveFlags notes that the flags tell by cond whether v is other than 0.
func (c *Compiler) haveFlags(v ir.Value, cond amd64.Cond) {
	c.flags = flagState{c.a.Len(), v, cond}
}

// mirrored is c for exchanged operands.
func mirrored(c amd64.Cond) amd64.Cond {
	switch c {
	case amd64.L:
		return amd64.G
	case amd64.B:
		return amd64.A
	}
	return c
}

// compare emits cmp x, y with a width.
func (c *Compiler) compare(x, y ir.Value, w amd64.Width) {
	k, isImm := c.imm32(y)
	if m, ok := c.memory(x); ok && isImm {
		c.a.MI(amd64.CMP, w, m, k)
	} else if r := c.reg(x); isImm && k == 0 {
		c.a.RR(amd64.TEST, w, r, r)
	} else if isImm {
		c.a.RI(amd64.CMP, w, r, k)
	} else if m, ok := c.memory(y); ok {
		c.a.RM(amd64.CMP, w, r, m)
	} else {
		c.a.RR(amd64.CMP, w, r, c.reg(y))
	}
	c.used(x)
	c.used(y)
	c.unpin()
}
