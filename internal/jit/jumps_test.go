//go:build linux && amd64

package jit

import (
	"testing"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/irq"
)

// has reports whether a lookup of a guest address finds it.
func (ctx *Context) has(pc uint64) bool {
	return ctx.Jumps[first(pc)].PC == pc || ctx.Jumps[second(pc)].PC == pc
}

// TestNoJump: what an entry of Context.Jumps has that leads nowhere is the address of another entry, and new entries
// lead nowhere.
func TestNoJump(t *testing.T) {
	ctx := new(Context)
	ctx.Init()
	for i, e := range ctx.Jumps {
		if i > 0 && (first(e.PC) == i || second(e.PC) == i) {
			t.Fatalf("entry %d of a new context is taken for address %#x", i, e.PC)
		}
	}
	for _, pc := range []uint64{0, 2, 2 * numJumps, 0x10000, JumpMask, JumpMask | 1<<20} {
		for _, n := range []int{0, len(ctx.set)} { // others, too
			ctx.SetJump(pc, 1)
			if !ctx.has(pc) {
				t.Errorf("%#x leads nowhere", pc)
			}
			ctx.ForgetJump(pc)
			if ctx.has(pc) {
				t.Errorf("%#x still leads somewhere", pc)
			}
			ctx.SetJump(pc, 1)
			for k := range n {
				ctx.SetJump(uint64(k)*2+0x1000, 1)
			}
			ctx.ForgetJumps()
			if ctx.has(pc) {
				t.Errorf("%#x still leads somewhere after all were forgotten", pc)
			}
		}
	}
	if e := ctx.Jumps[0]; e.PC != noGuess || e.Host == 0 {
		t.Errorf("entry 0 is %#x", e)
	}
}

// TestSecondJump: an address that another one has driven from its place is found in its second one, and retargeted and
// forgotten there.
func TestSecondJump(t *testing.T) {
	ctx := new(Context)
	ctx.Init()
	const pc, other = 0x10000, 0x10000 + 2*numJumps
	ctx.SetJump(pc, 1)
	ctx.SetJump(other, 2)
	if e := ctx.Jumps[first(pc)]; e != (JumpEntry{other, 2}) {
		t.Errorf("the first place is %#x", e)
	}
	if e := ctx.Jumps[second(pc)]; e != (JumpEntry{pc, 1}) {
		t.Errorf("the second place is %#x", e)
	}
	ctx.Retarget(pc, 1, 3)
	if e := ctx.Jumps[second(pc)]; e.Host != 3 {
		t.Errorf("the second place is %#x after it was retargeted", e)
	}
	ctx.ForgetJump(pc)
	if ctx.has(pc) || !ctx.has(other) {
		t.Error("the wrong one has been forgotten")
	}
}

// jumper is code that goes to the guest address in x10, and code that is to be gone to.
func jumper(t *testing.T, f Features, op ir.Op) (m *machine, start, target uintptr) {
	m = newMachine(t)
	a := amd64.Assembler{}
	c := Compiler{Features: f, Limit: window, FirstExit: FirstExit, Stubs: EmitStubs(&a)}
	var b ir.Builder
	b.Start(0x1000)
	b.Inst(0x1000)
	b.Emit(op, 0x1004, b.X(10))
	jump, _ := c.Compile(&a, &b.Trace, nil)
	from := jump.Body                      // behind the look at the interrupt word
	if e := jump.Exits[1]; op == ir.Call { // as if it had a guess
		a.SetRel32(e.Guess.Miss, e.Guess.Probe)
	}
	c.FirstExit += 10
	b.Start(0x2000)
	b.Inst(0x2000)
	b.Emit(ir.Goto, 0x3000)
	to, _ := c.Compile(&a, &b.Trace, nil)
	m.load(&c, a.Buf)
	return m, uintptr(unsafe.Pointer(&m.code[from])), uintptr(unsafe.Pointer(&m.code[to.Body]))
}

// TestJumps: computed jumps and calls find addresses in both of their places, and none while the interrupt word is up.
func TestJumps(t *testing.T) {
	const there, missed, computed = FirstExit + 11, ExitIndirect, FirstExit + 1
	old := HostFeatures()
	old.BMI1 = false
	for _, tt := range []struct {
		name     string
		features Features
		op       ir.Op
		pc       uint64
		drive    uint64 // an address that is set behind pc, which drives it from its place
		unset    bool
		up       bool
		exit     uint32
	}{
		{name: "first", pc: 0x2000, exit: there},
		{name: "second", pc: 0x2000, drive: 0x2000 + 2*numJumps, exit: there},
		{name: "no first place", pc: JumpMask, exit: there},
		{name: "without BMI1", features: old, pc: 0x2000, exit: there},
		{name: "call", op: ir.Call, pc: 0x2000, exit: there},
		{name: "call, second", op: ir.Call, pc: 0x2000, drive: 0x2000 + 2*numJumps, exit: there},
		{name: "unknown", pc: 0x2000, unset: true, exit: computed},
		{name: "call, unknown", op: ir.Call, pc: 0x2000, unset: true, exit: missed},
		{name: "up", pc: 0x2000, up: true, exit: computed},
		{name: "up, without BMI1", features: old, pc: 0x2000, up: true, exit: computed},
		{name: "up, no first place", pc: JumpMask, up: true, exit: computed},
		{name: "up, second", pc: 0x2000, drive: 0x2000 + 2*numJumps, up: true, exit: computed},
		{name: "what entry 0 has", pc: noGuess, unset: true, exit: computed},
		{name: "what entry 0 has, up", pc: noGuess, unset: true, up: true, exit: missed},
	} {
		f, op := tt.features, tt.op
		if f == (Features{}) {
			f = HostFeatures()
		}
		if op == 0 {
			op = ir.Jump
		}
		m, start, target := jumper(t, f, op)
		bottom := uintptr(unsafe.Pointer(&m.stack[len(m.stack)-1]))
		m.ctx.SetStack(bottom)
		if !tt.unset {
			m.ctx.SetJump(tt.pc, target)
		}
		if tt.drive != 0 {
			m.ctx.SetJump(tt.drive, 1)
		}
		m.ctx.IRQ.Lower(irq.All)
		m.ctx.IRQ.Arm(window, JumpMask)
		if tt.up {
			m.ctx.IRQ.Raise(irq.Signal)
		}
		m.ctx.entry, m.ctx.R[10] = start, tt.pc
		enter(m.ctx)
		if m.ctx.Exit != tt.exit || tt.exit != there && m.ctx.PC != tt.pc&^1 {
			t.Errorf("%s: left by %d to %#x, want %d", tt.name, m.ctx.Exit, m.ctx.PC, tt.exit)
		}
		if calls := m.ctx.stack != bottom; calls != (op == ir.Call) {
			t.Errorf("%s: a return address is on the stack: %v", tt.name, calls)
		}
	}
}
