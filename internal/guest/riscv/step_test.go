package riscv

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
)

// TestStep executes a loop an instruction at a time, however hot it is, and tells of each access.
func TestStep(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.put(codeAddr,
			m.op("lb", f{"rd": 10, "rs1": 11, "imm": 1}),
			m.op("sd", f{"rs1": 11, "rs2": 12, "imm": 8}),
			m.op("c.addi", f{"rd": 12, "imm": 1}),
			m.op("amoadd.w", f{"rd": 13, "rs1": 11, "rs2": 10}),
			m.op("beq", f{"rs1": 10, "rs2": 10, "off": -14}))
		m.SetX(11, dataAddr)
		m.SetPC(codeAddr)
		m.SetHot(3)
		pcs := []uint64{codeAddr, codeAddr + 4, codeAddr + 8, codeAddr + 10, codeAddr + 14}
		accesses := []guest.Access{
			{Addr: dataAddr + 1, Size: 1, Read: true}, {Addr: dataAddr + 8, Size: 8, Write: true}, {},
			{Addr: dataAddr, Size: 4, Read: true, Write: true}, {},
		}
		for n := range uint64(50) {
			if got := m.PC(); got != pcs[n%5] {
				t.Fatalf("step %d: at %#x, want %#x", n, got, pcs[n%5])
			}
			if got := m.Access(); got != accesses[n%5] {
				t.Errorf("step %d accesses %+v, want %+v", n, got, accesses[n%5])
			}
			if e := m.Step(); e.Kind != guest.ExitInterrupt || m.Retired() != n+1 {
				t.Fatalf("step %d: %+v, %d retired", n, e, m.Retired())
			}
		}
		if m.X(12) != 10 {
			t.Errorf("%d turns, want 10", m.X(12))
		}
	})
}

// TestBreak: execution ends exactly at breakpoints, that come and go, in the midst of a block; a step
// goes over them.
func TestBreak(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.put(codeAddr,
			m.op("c.addi", f{"rd": 12, "imm": 1}),
			m.op("addi", f{"rd": 13, "rs1": 13, "imm": 2}),
			m.op("c.addi", f{"rd": 14, "imm": 3}),
			m.op("beq", f{"rs1": 10, "rs2": 10, "off": -8}))
		breaks := func(addrs ...uint64) {
			m.as.SetBreaks(addrs)
			m.FlushCode() // as the personality does
		}
		m.SetPC(codeAddr)
		for turn := range uint64(3) {
			breaks(codeAddr + 6)
			if e := m.Run(); e.Kind != guest.ExitBreak || m.PC() != codeAddr+6 || m.X(13) != 2*(turn+1) || m.X(14) != 3*turn {
				t.Fatalf("turn %d: %+v at %#x, %d, %d", turn, e, m.PC(), m.X(13), m.X(14))
			}
			if e := m.Run(); e.Kind != guest.ExitBreak || m.PC() != codeAddr+6 {
				t.Fatalf("again: %+v at %#x", e, m.PC())
			}
			if e := m.Step(); e.Kind != guest.ExitInterrupt || m.PC() != codeAddr+8 || m.X(14) != 3*(turn+1) {
				t.Fatalf("a step: %+v at %#x", e, m.PC())
			}
			breaks(codeAddr)
			if e := m.Run(); e.Kind != guest.ExitBreak || m.PC() != codeAddr {
				t.Fatalf("another one: %+v at %#x", e, m.PC())
			}
		}
		breaks(codeAddr + 4) // in the midst of an instruction
		if e := m.Run(); e.Kind != guest.ExitBreak || m.PC() != codeAddr+2 {
			t.Errorf("in an instruction: %+v at %#x", e, m.PC())
		}
	})
}
