//go:build linux && amd64

package jit

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestDeadWrites: a constant that an address is made of is written if the load faults, and by whom: where the trace
// is left, registers are what they were there.
func TestDeadWrites(t *testing.T) {
	const (
		x, y      = 15, 28 // one has a home, the other has none
		lui, addi = 0x1000, 0x1004
		ld, next  = 0x1008, 0x100c
		before    = 77
	)
	for _, reg := range []uint8{x, y} {
		for _, test := range []struct {
			name    string
			address uint64
			into    uint8 // the register that is loaded
			left    uint64
			want    uint64 // in reg
		}{
			{"an address by two instructions", 8, reg, next, 0x1122334455667788},
			{"an address by two instructions, and a fault", 4096, reg, addi, 4096 - 8},
			{"a register that stays", 4096, reg + 1, ld, 4096},
		} {
			var b ir.Builder
			b.Start(lui)
			b.Inst(lui)
			b.SetX(reg, b.Const(test.address-8))
			b.Inst(addi)
			b.SetX(reg, b.Emit(ir.Add, 0, b.X(reg), b.Const(8)))
			b.Inst(ld)
			b.SetX(test.into, b.Emit(ir.Load64, 0, b.X(reg)))
			b.Emit(ir.Goto, next)

			m := newMachine(t)
			m.data[8], m.data[9], m.data[10], m.data[11] = 0x88, 0x77, 0x66, 0x55
			m.data[12], m.data[13], m.data[14], m.data[15] = 0x44, 0x33, 0x22, 0x11
			var s ir.State
			s.X[reg] = before
			c := Compiler{Features: HostFeatures()}
			if out := m.run(&c, &b.Trace, &s); out.PC != test.left || s.X[reg] != test.want {
				t.Errorf("x%d, %s: left for %#x with %#x, want %#x with %#x", reg, test.name, out.PC, s.X[reg], test.left, test.want)
			}
		}
	}
}

// TestDeadLook: what is overwritten behind a look at registers that are to be boxed is written before it.
func TestDeadLook(t *testing.T) {
	var b ir.Builder
	b.Start(0x1000)
	b.Inst(0x1000)
	b.Emit(ir.ExitIf, 0x2000, b.Emit(ir.Eq, 0, b.X(5), b.Const(77)))
	b.SetX(28, b.Const(1))
	b.Inst(0x1004)
	b.SetX(28, b.Const(2))
	b.Inst(0x1008)
	single := b.Emit(ir.S, 0, b.F(10))
	b.SetX(6, b.Emit(ir.FeqS, 0, single, single))
	b.Emit(ir.Goto, 0x100c)
	c := Compiler{Features: HostFeatures()}
	var s ir.State // f10 is not boxed
	if out := newMachine(t).run(&c, &b.Trace, &s); out.PC != 0x1004 || s.X[28] != 1 {
		t.Errorf("left for %#x with x28 = %d, want 0x1004 with 1", out.PC, s.X[28])
	}
}

// TestOverwritten: of constants that are overwritten at once, the last one alone is written.
func TestOverwritten(t *testing.T) {
	var b ir.Builder
	b.Start(0x1000)
	for n := range uint64(5) {
		b.Inst(0x1000 + 4*n)
		b.SetX(28, b.Emit(ir.Add, 0, b.X(28), b.Const(n)))
		b.SetX(15, b.Const(n<<40))
	}
	b.Emit(ir.Goto, 0x2000)
	c := Compiler{Features: HostFeatures(), Limit: window}
	m := newMachine(t)
	var s ir.State
	s.X[28] = 1
	m.run(&c, &b.Trace, &s)
	if s.X[28] != 11 || s.X[15] != 4<<40 {
		t.Errorf("x28 is %d, x15 %#x", s.X[28], s.X[15])
	}
	if n := len(c.dead.is); n == 0 || numTrue(c.dead.is) != 8 {
		t.Errorf("%d writes are left out, want 8 of 10", numTrue(c.dead.is))
	}
}

func numTrue(list []bool) (n int) {
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

// TestDeadComputing: what only a write that nobody sees needs is not computed.
func TestDeadComputing(t *testing.T) {
	size := func(dead bool) int {
		var b ir.Builder
		b.Start(0x1000)
		b.Inst(0x1000)
		if x := b.Emit(ir.Sll, 0, b.X(5), b.Const(3)); dead {
			b.SetX(15, b.Emit(ir.Xor, 0, x, b.X(6)))
		}
		b.Inst(0x1004)
		b.SetX(15, b.X(7))
		b.Emit(ir.Goto, 0x1008)
		var a amd64.Assembler
		c := Compiler{Features: HostFeatures()}
		c.Stubs = EmitStubs(&a)
		made, ok := c.Compile(&a, &b.Trace, nil)
		if !ok {
			t.Fatal("not compiled")
		}
		return made.End - made.Start
	}
	if with, without := size(true), size(false); with != without {
		t.Errorf("%d bytes with what is overwritten, %d without", with, without)
	}
}
