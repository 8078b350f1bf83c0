package riscv

import (
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
