//go:build amd64

package jit

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// stackAddress is what sp may be where code is entered: mostly in memory, or near an end of the window.
func stackAddress(r *rand.Rand, limit uint64) uint64 {
	switch r.IntN(4) {
	case 0:
		return limit - 1 - r.Uint64N(maxFrame)
	case 1:
		return r.Uint64N(maxFrame)
	}
	return r.Uint64N(4096) &^ 15
}

// wantNearSP looks whether sp is where other code may take it to be, unless the interpreter goes on.
func (m *machine) wantNearSP(c *Compiler, out ir.Outcome, s *ir.State) {
	if !c.NearSP || out.Op == ir.Interp || m.ctx.Exit == ExitIndirect { // the engine looks, too
		return
	}
	if sp := s.X[spReg]; int64(sp) < -maxFrame || int64(sp) >= int64(m.limit)+maxFrame {
		m.t.Errorf("left by %+v with sp %#x, of a window of %#x", out, sp, m.limit)
	}
}

// stackTrace makes a trace of what functions do with sp, and of what they do not.
func stackTrace(b *ir.Builder, r *rand.Rand, n int) {
	b.Start(0x1000)
	reg := func() uint8 { return uint8(8 + r.IntN(4)) }
	near := func() ir.Value { return b.Const(uint64(r.IntN(4096) - 2048)) }
	pc := uint64(0x1000)
	for range n {
		b.Inst(pc)
		switch base := b.X([...]uint8{spReg, spReg, spReg, reg()}[r.IntN(4)]); r.IntN(12) {
		case 0, 1:
			b.Emit(ir.Store64, 0, b.Emit(ir.Add, 0, base, near()), b.X(reg()))
		case 2, 3:
			b.SetX(reg(), b.Emit(ir.Load64, 0, b.Emit(ir.Add, 0, base, near())))
		case 4, 5:
			b.SetX(spReg, b.Emit(ir.Add, 0, b.X(spReg), near()))
		case 6: // in steps
			for range r.IntN(12) {
				b.SetX(spReg, b.Emit(ir.Add, 0, b.X(spReg), b.Const(2047)))
				pc += 4
				b.Inst(pc)
			}
		case 7:
			b.SetX(reg(), b.Emit(ir.Add, 0, b.X(spReg), near()))
		case 8:
			v := b.X(reg())
			switch r.IntN(6) {
			case 0:
				v = b.Const(value(r))
			case 1:
				v = b.Emit(ir.Add, 0, v, near())
			case 2:
				v = b.Emit(ir.Load64, 0, b.Emit(ir.Add, 0, base, near()))
			case 3:
				v = b.Emit(ir.AmoAdd64, 0, base, v)
			}
			b.SetX(spReg, v)
		case 9:
			b.Emit(ir.ExitIf, 0x5000+pc, b.Emit(ir.Eq, 0, b.X(reg()), b.X(reg())))
		case 10: // a call, if it is the last
			b.SetX(1, b.Const(pc))
			b.Inst(pc + 2)
			b.SetX(1, b.Emit(ir.Add, 0, b.X(1), near()))
		default:
			b.SetX(reg(), b.Emit(ir.Add, 0, base, b.X(reg())))
		}
		pc += 4
	}
	switch r.IntN(4) {
	case 0:
		b.Emit(ir.Goto, pc)
	case 1:
		b.Inst(pc)
		b.Emit(ir.Ret, 0, b.Emit(ir.And, 0, b.X(1), b.Const(^uint64(1))))
	case 2:
		b.Inst(pc)
		target := b.Emit(ir.And, 0, b.X(reg()), b.Const(^uint64(1)))
		b.SetX(1, b.Const(pc+4))
		b.Emit(ir.Jump, 0, target)
	default:
		b.Inst(pc)
		b.SetX(spReg, b.Const(value(r)))
		b.Emit(ir.Goto, pc+4)
	}
}

// TestStackPointer: whatever a trace does with sp, it is left for other code with sp near the window only, and reaches nothing
// beyond the window's guards: those of the test are the real ones.
func TestStackPointer(t *testing.T) {
	for _, c := range []Compiler{{Features: HostFeatures(), AtLimit: true, NearSP: true}, {AtLimit: true, NearSP: true, Metered: true}} {
		m := newMachineFor(t, &c)
		m.ctx.Fuel = 1 << 40
		for seed := range uint64(20000) {
			r := rand.New(rand.NewPCG(seed, 2))
			var b ir.Builder
			stackTrace(&b, r, 1+r.IntN(20))
			s := ir.State{}
			for n := range s.X[1:] {
				s.X[1+n] = value(r)
				if r.IntN(2) == 0 {
					s.X[1+n] = stackAddress(r, m.limit)
				}
			}
			s.X[spReg] = stackAddress(r, m.limit)
			m.compareTrace(&c, seed, &b.Trace, s)
			if t.Failed() {
				return
			}
		}
		t.Logf("%d traces left for the interpreter, %d by faults", m.interpreted, m.faults)
	}
}

// TestJumpFarSP: computed jumps lead to other code only if sp is near the window.
func TestJumpFarSP(t *testing.T) {
	c := Compiler{Features: HostFeatures(), AtLimit: true, NearSP: true}
	m := newMachineFor(t, &c)
	const target = 0x7770
	for _, op := range []ir.Op{ir.Jump, ir.JumpSame, ir.Call, ir.Ret} {
		for _, sp := range []uint64{64, m.limit - 1, m.limit, 1 << 63, math.MaxUint64} {
			var b ir.Builder
			b.Start(0x1000)
			b.Inst(0x1000)
			b.SetX(spReg, b.X(11))
			b.Inst(0x1004)
			b.Emit(op, 0, b.Emit(ir.And, 0, b.X(10), b.Const(^uint64(1))))
			s := ir.State{}
			s.X[spReg], s.X[10], s.X[11] = 64, target, sp
			m.ctx.SetJump(target, uintptr(unsafe.Pointer(&m.code[EmitStubs(new(amd64.Assembler)).Leave])))
			out, through := m.run(&c, &b.Trace, &s), m.ctx.Exit != ExitIndirect
			if want := sp < m.limit; through != want || out.PC != target || s.X[spReg] != sp {
				t.Errorf("%s with sp %#x: to other code %t, want %t; %+v, sp %#x", op, sp, through, want, out, s.X[spReg])
			}
		}
	}
}

// TestFrame: functions that make a frame, use it and give it back need no comparison.
func TestFrame(t *testing.T) {
	var b ir.Builder
	b.Start(0x1000)
	add := func(r uint8, k int) ir.Value { return b.Emit(ir.Add, 0, b.X(r), b.Const(uint64(k))) }
	b.Inst(0x1000)
	b.SetX(spReg, add(spReg, -2032))
	b.Inst(0x1004)
	b.Emit(ir.Store64, 0, add(spReg, 2024), b.X(1))
	b.Inst(0x1008)
	b.Emit(ir.ExitIf, 0x5000, b.Emit(ir.Eq, 0, b.X(10), b.Const(0)))
	b.Inst(0x100c)
	b.SetX(1, b.Emit(ir.Load64, 0, add(spReg, 2024)))
	b.Inst(0x1010)
	b.SetX(spReg, add(spReg, 2032))
	b.Inst(0x1014)
	b.Emit(ir.Ret, 0, b.Emit(ir.And, 0, b.X(1), b.Const(^uint64(1))))
	c := Compiler{Features: HostFeatures(), AtLimit: true, NearSP: true}
	m := newMachineFor(t, &c)
	s := ir.State{}
	s.X[spReg], s.X[10] = 2032, 1
	if out := m.run(&c, &b.Trace, &s); out.Op != ir.Ret {
		t.Errorf("left by %+v", out)
	}
	if len(c.interps) > 0 {
		t.Errorf("%d comparisons", len(c.interps))
	}
}
