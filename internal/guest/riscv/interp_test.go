package riscv

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.SetX(10, 0)
		m.SetX(11, 1000)
		// loop: add a0,a0,a1; addi a1,a1,-1; bnez a1,loop
		m.run(
			m.op("add", f{"rd": 10, "rs1": 10, "rs2": 11}),
			m.op("c.addi", f{"rd": 11, "imm": -1}),
			m.op("bne", f{"rs1": 11, "rs2": 0, "off": -6}),
		)
		if m.X(10) != 500500 {
			t.Errorf("a0 = %d", m.X(10))
		}
		if m.Retired() != 3001 {
			t.Errorf("retired %d", m.Retired())
		}
	})
}
