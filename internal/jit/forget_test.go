//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// usedOnce is guest code that computes more values than hosts have registers, uses each at once, and overwrites the registers that
// have them by loads, much later.
func usedOnce() string {
	var b strings.Builder
	pc := 0x1000
	inst := func(format string, args ...any) {
		fmt.Fprintf(&b, "inst %#x\n", pc)
		fmt.Fprintf(&b, format, args...)
		pc += 4
	}
	b.WriteString("trace 0x1000\nw = getx 10\ntable = getx 20\nsum0 = const 3\n")
	for n := range registers {
		inst("k%d = const %d\nv%[1]d = rol w, k%[1]d\nsetx v%[1]d, %[3]d\n", n, n+1, registers[n])
		inst("sum%d = add sum%d, v%[2]d\nsetx sum%[1]d, 11\n", n+1, n)
	}
	total := fmt.Sprintf("sum%d", len(registers))
	for n := range registers {
		inst("d%d = const %d\na%[1]d = add table, d%[1]d\nl%[1]d = load_64 a%[1]d\nsetx l%[1]d, %[3]d\n", n, 8*n, registers[n])
	}
	for n := range registers {
		inst("t%d = xor l%[1]d, %s\nsetx t%[1]d, 11\n", n, total)
		total = fmt.Sprintf("t%d", n)
	}
	inst("more = eq %s, table\nexitif more, 0x1000\n", total)
	inst("goto 0x2000\n")
	return b.String()
}

// executeUsedOnce is what usedOnce does to a state, until an access faults, and where it is then.
func executeUsedOnce(s *ir.State, data []byte, fault int) (pc uint64) {
	sum := uint64(3)
	for n, x := range registers {
		s.X[x] = bits.RotateLeft64(s.X[10], n+1)
		sum += s.X[x]
	}
	s.X[11] = sum
	for n, x := range registers {
		if n == fault {
			return 0x1000 + 4*uint64(2*len(registers)+n)
		}
		s.X[x] = binary.LittleEndian.Uint64(data[s.X[20]+8*uint64(n):])
	}
	for _, x := range registers {
		s.X[11] ^= s.X[x]
	}
	return 0x2000
}

// TestForgotten: what only the state needs after its last use need not be stored if a register is wanted for something else; an
// access that faults finds it.
func TestForgotten(t *testing.T) {
	_, g := regionOf(t, usedOnce())
	m := newMachine(t)
	for n := range len(m.data) / 8 {
		binary.LittleEndian.PutUint64(m.data[8*n:], uint64(n)*3)
	}
	c := &Compiler{Features: HostFeatures()}
	for fault := range len(registers) + 1 { // none at last
		s := ir.State{}
		s.X[10], s.X[20] = 0x1f2e3d4c5b6a7008, uint64(len(m.data)-8*fault)
		want := s
		pc := executeUsedOnce(&want, m.data[:], fault)
		out, err := m.runGraph(c, g, &s)
		if err != nil {
			t.Fatal(err)
		}
		if out.PC != pc || s.X != want.X {
			t.Errorf("with a fault at %d, left to %#x with %x\nwant %#x with %x", fault, out.PC, s.X, pc, want.X)
		}
	}
	var a amd64.Assembler
	code, err := c.CompileGraph(&a, g)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(code.States.Computed); n < 4 {
		t.Errorf("side tables have %d computations", n)
	}
}

// TestAndNot: where the host has an instruction for it, a complement is part of the conjunction that it is for.
func TestAndNot(t *testing.T) {
	const text = `
trace 0x1000
inst 0x1000
a = getx 10
b = getx 11
c = not a
inst 0x1004
d = and %s
setx d, 12
inst 0x1008
more = ne d, b
exitif more, 0x3000
inst 0x100c
goto 0x2000`
	m := newMachine(t)
	for _, args := range []string{"c, b", "b, c"} {
		var size []int
		for _, bmi := range []bool{true, false} {
			c := &Compiler{Features: HostFeatures()}
			c.Features.BMI1 = c.Features.BMI1 && bmi
			_, g := regionOf(t, fmt.Sprintf(text, args))
			s := ir.State{}
			s.X[10], s.X[11] = 0x0f0f, 0x00ff
			if out, err := m.runGraph(c, g, &s); err != nil || out.PC != 0x3000 || s.X[12] != 0xf0 || s.X[10] != 0x0f0f || s.X[11] != 0xff {
				t.Errorf("%s: left to %#x with %x: %v", args, out.PC, s.X, err)
			}
			var a amd64.Assembler
			code, err := c.CompileGraph(&a, g)
			if err != nil {
				t.Fatal(err)
			}
			size = append(size, code.End-code.Start)
		}
		if HostFeatures().BMI1 && size[0] >= size[1] {
			t.Errorf("%s: %d bytes with BMI1, %d without", args, size[0], size[1])
		}
	}
}
