//go:build linux && amd64

package jit

import (
	"testing"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestReturnElsewhere: a return that is for none of the calls whose return addresses are on the stack
// leaves them there.
func TestReturnElsewhere(t *testing.T) {
	const called, next, elsewhere = 0x2000, 0x1004, 0x7000
	m := newMachine(t)
	a := amd64.Assembler{}
	c := Compiler{Features: HostFeatures(), Limit: window, FirstExit: FirstExit, Stubs: EmitStubs(&a)}

	var b ir.Builder
	b.Start(0x1000)
	b.Inst(0x1000)
	b.Emit(ir.CallTo, called, b.Const(next))
	call, _ := c.Compile(&a, &b.Trace, nil)
	returned := uintptr(unsafe.Pointer(&m.code[call.Exits[1].Jump+4])) // behind Poll is the call

	b.Start(called)
	b.Inst(called)
	b.Emit(ir.Ret, 0, b.X(1))
	ret, _ := c.Compile(&a, &b.Trace, nil)
	m.load(&c, a.Buf)
	top := len(m.stack) - 4
	for k := top; k < len(m.stack)-1; k++ {
		m.stack[k] = returned
	}
	for depth := top; depth < len(m.stack); depth++ {
		m.ctx.SetStack(uintptr(unsafe.Pointer(&m.stack[len(m.stack)-1])))
		m.ctx.stack = uintptr(unsafe.Pointer(&m.stack[depth]))
		before := m.stack
		m.ctx.R[1] = elsewhere
		m.ctx.IRQ.Arm(window, JumpMask)
		m.ctx.entry = uintptr(unsafe.Pointer(&m.code[ret.Start]))
		enter(m.ctx)
		if m.ctx.Exit != ExitIndirect || m.ctx.PC != elsewhere {
			t.Errorf("left by %d to %#x, want %d to %#x", m.ctx.Exit, m.ctx.PC, ExitIndirect, elsewhere)
		}
		if got, want := m.ctx.stack, uintptr(unsafe.Pointer(&m.stack[depth])); got != want || m.stack != before {
			t.Errorf("depth %d: the stack is at %#x, want %#x, or has changed", depth, got, want)
		}
	}
}

// load makes the machine ready for code with the stubs of a compiler.
func (m *machine) load(c *Compiler, code []byte) {
	copy(m.code, code)
	m.ctx.Init()
	m.ctx.Base = uintptr(unsafe.Pointer(m.data))
	m.ctx.MXCSR = 0x1f80
	m.stack[len(m.stack)-1] = uintptr(unsafe.Pointer(&m.code[c.Stubs.Return]))
}
