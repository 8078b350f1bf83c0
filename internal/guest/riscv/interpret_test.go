package riscv

import (
	"math"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
)

// TestInterpret: one instruction is executed each time, whatever the threshold has been before.
func TestInterpret(t *testing.T) {
	m := newMachine(t, fastMapping)
	for at := uint64(codeAddr); at < codeAddr+40; at += 4 {
		m.put(at, m.op("addi", f{"rd": 10, "rs1": 10, "imm": 1}))
	}
	for n, hot := range []uint32{24, 2, 8, 1000, 0, 3} {
		m.SetHot(hot)
		m.SetPC(codeAddr)
		if e := m.Interpret(); e.Kind != guest.ExitHot || m.PC() != codeAddr+4 || m.X(10) != uint64(n+1) {
			t.Errorf("hot after %d: %+v at +%d, %d instructions", hot, e, m.PC()-codeAddr, m.X(10))
		}
	}
}

// TestKnown: a block that is known is hot before it is executed, and not decoded then; where nothing is hot it is executed, on each of
// the ways to it.
func TestKnown(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const function, hot = codeAddr + 0x100, 10
		m.put(codeAddr, m.op("jal", f{"rd": 1, "off": 0x100}), m.op("jal", f{"rd": 1, "off": 0x100 - 4}), ecall)
		m.put(function, m.op("addi", f{"rd": 10, "rs1": 10, "imm": 1}), m.op("c.jr", f{"rs1": 1}))
		m.FlushCode()
		m.SetHot(hot)
		m.SetKnown(func(pc uint64) bool { return pc == function })
		for range 2 {
			m.SetPC(codeAddr)
			before := m.Decoded()
			if e := m.Run(); e.Kind != guest.ExitHot || m.PC() != function || m.X(10) != 0 || m.Decoded()-before > 1 {
				t.Fatalf("%+v at %#x, %d blocks decoded", e, m.PC(), m.Decoded()-before)
			}
		}
		m.SetHot(math.MaxUint32)
		for n := range uint64(2) {
			m.SetPC(codeAddr)
			retired := m.Retired()
			if e := m.Run(); e.Kind != guest.ExitSyscall || m.X(10) != 2*n+2 || m.Retired()-retired != 7 {
				t.Fatalf("%+v: called %d times, %d instructions", e, m.X(10), m.Retired()-retired)
			}
		}
	})
}
