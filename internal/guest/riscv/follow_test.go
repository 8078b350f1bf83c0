package riscv

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/mem"
)

// write is what Follow tells of.
type write struct {
	Addr uint64
	Size int
}

// follow is Follow, with what it tells of.
func (m *machine) follow(n int) (e guest.Exit, list []write) {
	e = m.Follow(n, func(addr uint64, size int) { list = append(list, write{addr, size}) })
	return e, list
}

// TestFollow executes so many instructions, and no more, also if they jump.
func TestFollow(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.put(codeAddr,
			m.op("c.addi", f{"rd": 10, "imm": 1}),
			m.op("sd", f{"rs1": 11, "rs2": 10, "imm": 8}),
			m.op("bne", f{"rs1": 10, "rs2": 10, "off": 64}), // not taken
			m.op("amoadd.w", f{"rd": 12, "rs1": 11, "rs2": 10}),
			m.op("beq", f{"rs1": 10, "rs2": 10, "off": 64}), // taken
			m.op("c.addi", f{"rd": 10, "imm": 1}))
		m.SetX(11, dataAddr)
		for n := range 7 {
			m.SetPC(codeAddr)
			m.SetX(10, 0)
			before := m.Retired()
			e, list := m.follow(n)
			done := min(n, 5)
			pc := []uint64{0, 2, 6, 10, 14, 14 + 64}[done] + codeAddr
			if e.Kind != guest.ExitHot || m.PC() != pc || m.Retired()-before != uint64(done) {
				t.Errorf("%d instructions: %+v at %#x, %d retired; want pc %#x", n, e, m.PC(), m.Retired()-before, pc)
			}
			var want []write
			if n >= 2 {
				want = append(want, write{dataAddr + 8, 8})
			}
			if n >= 4 {
				want = append(want, write{dataAddr, 4})
			}
			if diff := cmp.Diff(want, list); diff != "" {
				t.Errorf("%d instructions write (-want +got):\n%s", n, diff)
			}
		}
	})
}

// TestFollowTrap: of an instruction that traps, only what comes before has happened, and
// what does not exist for the guest does not count.
func TestFollowTrap(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.put(codeAddr,
			m.op("sw", f{"rs1": 11, "rs2": 10}),
			m.op("sw", f{"rs1": 11, "rs2": 10, "imm": 4}),
			m.op("sw", f{"rs2": 10, "imm": 16}),
			m.op("sw", f{"rs1": 11, "rs2": 10, "imm": 8}))
		m.SetX(10, 7)
		m.SetX(11, dataAddr)
		e, list := m.follow(4)
		if e.Kind != guest.ExitTrap || e.Trap.Addr != 16 || m.PC() != codeAddr+8 || m.Retired() != 2 {
			t.Errorf("%+v at %#x, %d retired", e, m.PC(), m.Retired())
		}
		if diff := cmp.Diff([]write{{dataAddr, 4}, {dataAddr + 4, 4}, {16, 4}}, list); diff != "" {
			t.Error(diff)
		}
		if v, _ := m.as.Load(dataAddr+8, 4); v != 0 {
			t.Error("the instruction behind was executed")
		}
	})
}

// TestFollowChanges: code that has been changed is seen, be it by the guest's stores or
// after a flush.
func TestFollowChanges(t *testing.T) {
	for _, prot := range []mem.Prot{mem.Read | mem.Write | mem.Exec, mem.Read | mem.Exec} {
		m := newMachine(t, fastMapping)
		for n := range uint64(3) {
			m.as.Mprotect(codeAddr, areaSize, mem.Read|mem.Write)
			m.put(codeAddr, m.op("addi", f{"rd": 10, "imm": int64(n)}), m.op("addi", f{}))
			m.as.Mprotect(codeAddr, areaSize, prot)
			if prot&mem.Write == 0 {
				m.FlushCode()
			}
			m.SetPC(codeAddr)
			if e, _ := m.follow(2); e.Kind != guest.ExitHot || m.X(10) != n {
				t.Errorf("%s: %+v, a0 is %d, want %d", prot, e, m.X(10), n)
			}
			m.IRQ().Lower(irqFlush)
		}
	}
}

// TestWrites holds what Follow tells of against what the lifter says that instructions do.
func TestWrites(t *testing.T) {
	for k := range rows {
		row := &rows[k]
		if row.Kind&encoding.Store == 0 || row.Name == "amocas.q" { // which has no translation
			continue
		}
		var in inst
		code := []byte{byte(row.Match), byte(row.Match >> 8), byte(row.Match >> 16), byte(row.Match >> 24)}
		decode(code, 0, &in)
		trace, _, _ := new(lifter).Lift(code[:row.Len], 0, 0)
		size := 0
		for _, i := range trace.Code {
			if i.Op.Has(ir.Writes) {
				size += int(i.Op.Info().Size)
			}
		}
		if got := int(writes(&in)); got != size || size == 0 {
			t.Errorf("%s writes %d bytes, want %d", row.Name, got, size)
		}
	}
}
