package riscv

import (
	"slices"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestLiftPath: a trace goes on where its path says, if that is forward and in the code.
func TestLiftPath(t *testing.T) {
	code := slices.Concat(
		asm(t, "beq", f{"rs1": 10, "rs2": 0, "off": 12}),
		asm(t, "addi", f{"rd": 11, "rs1": 11, "imm": 1}),
		asm(t, "jal", f{"rd": 0, "off": 12}), // to 20
		asm(t, "addi", f{"rd": 12, "rs1": 12, "imm": 1}),
		asm(t, "jal", f{"rd": 0, "off": -16}), // to the beginning
		asm(t, "addi", f{"rd": 13, "rs1": 13, "imm": 1}),
		asm(t, "jalr", f{"rd": 0, "rs1": 1, "imm": 0}))
	for _, test := range []struct {
		path  guest.Path
		size  int      // of what may be lifted
		insts []uint64 // offsets
		exits []uint64 // offsets where the trace is left for a known address
	}{
		{0, 28, []uint64{0, 4, 8}, []uint64{12, 20}},
		{1, 28, []uint64{0, 12, 16}, []uint64{4, 0}},
		{2, 28, []uint64{0, 4, 8, 20, 24}, []uint64{12}},
		{2, 20, []uint64{0, 4, 8}, []uint64{12, 20}},
		{^guest.Path(0), 28, []uint64{0, 12, 16}, []uint64{4, 0}},
		{4, 28, []uint64{0, 4, 8}, []uint64{12, 20}},
	} {
		var l lifter
		trace, count, size := l.Lift(code[:test.size], testAddr, test.path)
		if err := trace.Verify(); err != nil {
			t.Errorf("path %#x: %v\n%s", test.path, err, trace)
		}
		var insts, exits []uint64
		for _, i := range trace.Code {
			switch i.Op {
			case ir.Inst:
				insts = append(insts, i.Imm-testAddr)
			case ir.ExitIf, ir.Goto:
				exits = append(exits, i.Imm-testAddr)
			}
		}
		last := test.insts[len(test.insts)-1]
		if !slices.Equal(insts, test.insts) || !slices.Equal(exits, test.exits) || count != len(insts) || size != int(last)+4 {
			t.Errorf("path %#x in %d bytes: instructions %d, exits %d, %d in %d bytes; want %+v", test.path, test.size, insts, exits, count, size, test)
		}
	}
}

// TestPath: the way that a branch has mostly taken is found.
func TestPath(t *testing.T) {
	for _, test := range []struct {
		name   string
		branch string
		mask   int64
		want   guest.Path
	}{
		{"seven of eight times", "bne", 7, 1},
		{"one of eight", "beq", 7, 0},
		{"half of them", "bne", 1, 0},
	} {
		m := newMachine(t, "table")
		code := slices.Concat(
			m.op("andi", f{"rd": 11, "rs1": 10, "imm": test.mask}),
			m.op(test.branch, f{"rs1": 11, "rs2": 0, "off": 8}),
			m.op("addi", f{"rd": 12, "rs1": 12, "imm": 1}),
			m.op("addi", f{"rd": 10, "rs1": 10, "imm": -1}),
			m.op("bne", f{"rs1": 10, "rs2": 0, "off": -16}), // back
			m.op("ebreak", nil))
		m.put(codeAddr, code)
		m.SetX(10, 64)
		m.Run()
		if got := m.Path(codeAddr, code); got != test.want {
			t.Errorf("%s: the path is %#x, want %#x", test.name, got, test.want)
		}
	}
}
