//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestGuessLayout: what of an inline cache is patched while others execute it lies within cache lines wherever the code begins,
// and the guess behind the instructions.
func TestGuessLayout(t *testing.T) {
	for _, op := range []ir.Op{ir.Call, ir.JumpSame} {
		for n := range uint64(80) { // instructions of different sizes before it
			a := amd64.Assembler{}
			c := Compiler{Features: HostFeatures(), Limit: window, FirstExit: FirstExit, Stubs: EmitStubs(&a)}
			var b ir.Builder
			b.Start(0x1000)
			b.Inst(0x1000)
			for k := range n / 2 {
				b.SetX(5, b.Const(k))
			}
			if n%2 != 0 {
				b.SetX(11, b.X(12))
			}
			b.Emit(op, 0x100000000, b.X(10))
			code, _ := c.Compile(&a, &b.Trace, nil)
			e := code.Exits[1]
			for _, at := range []int{e.Jump, e.Guess.Miss} {
				if at%LineSize > LineSize-4 {
					t.Errorf("%v behind %d instructions: a displacement at offset %d crosses a cache line", op, n, at)
				}
			}
			if e.Guess.At%8 != 0 || e.Guess.At < code.Instructions()[0].End || binary.LittleEndian.Uint64(a.Buf[e.Guess.At:]) != noGuess {
				t.Errorf("%v behind %d instructions: the guess is at offset %d", op, n, e.Guess.At)
			}
		}
	}
}

// TestFarReturn: a call whose return address does not fit in 32 bits is returned to.
func TestFarReturn(t *testing.T) {
	const called, next = 0x3ff7000000, 0x3ff6001004
	m := newMachine(t)
	a := amd64.Assembler{}
	c := Compiler{Features: HostFeatures(), Limit: window, FirstExit: FirstExit, Stubs: EmitStubs(&a)}
	var b ir.Builder
	b.Start(next - 4)
	b.Inst(next - 4)
	b.Emit(ir.CallTo, called, b.Const(next))
	call, _ := c.Compile(&a, &b.Trace, nil)
	start, back, instructions := call.Start, call.Exits[1].Jump+4, call.Instructions() // behind Poll is the call
	if instructions[0] == (Span{call.Start, call.End}) {
		t.Error("there is no constant behind the code")
	}
	c.FirstExit += 10
	b.Start(called)
	b.Inst(called)
	b.Emit(ir.Ret, 0, b.X(10))
	ret, _ := c.Compile(&a, &b.Trace, nil)
	m.load(&c, a.Buf)
	m.stack[len(m.stack)-2] = uintptr(unsafe.Pointer(&m.code[back]))
	for _, tt := range []struct {
		to   uint64
		exit uint32
	}{
		{next, FirstExit + 2},
		{next & (1<<32 - 1), ExitIndirect},
		{next + 2, ExitIndirect},
	} {
		m.ctx.SetStack(uintptr(unsafe.Pointer(&m.stack[len(m.stack)-1])))
		m.ctx.stack -= 8
		m.ctx.IRQ.Arm(window, JumpMask)
		m.ctx.entry, m.ctx.R[10] = uintptr(unsafe.Pointer(&m.code[ret.Start])), tt.to
		enter(m.ctx)
		if m.ctx.Exit != tt.exit {
			t.Errorf("a return to %#x: left by %d, want %d (the call is at %#x)", tt.to, m.ctx.Exit, tt.exit, start)
		}
	}
}
