//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestLeftOut: what only the state needs until it is overwritten is not computed, and is there when the
// access in between faults.
func TestLeftOut(t *testing.T) {
	const text = `
trace 0x1000
inst 0x1000
a = getx 10
five = const 5
b = sll a, five
setx b, 12
inst 0x1004
c = getx 11
d = xor b, c
setx d, 13
inst 0x1008
p = getx 20
e = load_64 p
setx e, 12
inst 0x100c
setx e, 13
inst 0x1010
more = ne e, a
exitif more, 0x1000
inst 0x1014
goto 0x2000`
	_, g := regionOf(t, text)
	m := newMachine(t)
	c := &Compiler{Features: HostFeatures()}
	for _, p := range []uint64{8, 4096} { // the second is not accessible
		s := ir.State{}
		s.X[10], s.X[11], s.X[20] = 3, 0x55, p
		m.data[8] = 3
		out, err := m.runGraph(c, g, &s)
		if err != nil {
			t.Fatal(err)
		}
		want, x12, x13 := uint64(0x2000), uint64(3), uint64(3)
		if p != 8 {
			want, x12, x13 = 0x1008, 3<<5, 3<<5^0x55
		}
		if out.PC != want || s.X[12] != x12 || s.X[13] != x13 {
			t.Errorf("left to %#x, x12 is %#x, x13 %#x", out.PC, s.X[12], s.X[13])
		}
	}
	var a amd64.Assembler
	code, err := c.CompileGraph(&a, g)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(code.States.Computed); n < 2 {
		t.Errorf("side tables have %d computations", n)
	}
}

// TestFolded: an address that a register holds until what is loaded from it is there is computed by the loads; if one of them faults,
// the register has it.
func TestFolded(t *testing.T) {
	const text = `
trace 0x1000
inst 0x1000
a = getx 10
b = getx 11
s = add a, b
k = const 24
p = add s, k
setx p, 12
inst 0x1004
c = load_64 p
setx c, 13
inst 0x1008
d = load_u8 p
setx d, 12
inst 0x100c
more = eq d, a
exitif more, 0x3000
inst 0x1010
goto 0x2000`
	_, g := regionOf(t, text)
	m, c := newMachine(t), &Compiler{Features: HostFeatures()}
	m.data[104] = 7
	for _, x := range []uint64{40, 4096} { // the second is not accessible
		s := ir.State{}
		s.X[10], s.X[11] = x, 40
		out, err := m.runGraph(c, g, &s)
		if err != nil {
			t.Fatal(err)
		}
		pc, x12 := uint64(0x2000), uint64(7)
		if x != 40 {
			pc, x12 = 0x1004, x+64
		}
		if out.PC != pc || s.X[12] != x12 {
			t.Errorf("left to %#x, x12 is %#x", out.PC, s.X[12])
		}
	}
	var a amd64.Assembler
	code, err := c.CompileGraph(&a, g)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(code.States.Computed); n != 1 {
		t.Errorf("side tables have %d computations", n)
	}
}

// aheadOfUse is guest code that takes the bytes of two words long before it loads from a table by each of them.
func aheadOfUse() string {
	var b strings.Builder
	pc := 0x1000
	inst := func(format string, args ...any) {
		fmt.Fprintf(&b, "inst %#x\n", pc)
		fmt.Fprintf(&b, format, args...)
		pc += 4
	}
	b.WriteString("trace 0x1000\nw0 = getx 10\nw1 = getx 11\ntable = getx 20\nthree = const 3\n")
	for n := range 16 {
		inst("k%d = const %d\ns%[1]d = srl w%[3]d, k%[1]d\nb%[1]d = zext8 s%[1]d\nsetx b%[1]d, %[4]d\n", n, n%8*8, n/8, registers[n])
	}
	sum := "three"
	for n := range 16 {
		inst("i%d = sll b%[1]d, three\na%[1]d = add i%[1]d, table\nl%[1]d = load_64 a%[1]d\nsetx l%[1]d, %d\n", n, registers[n])
		inst("t%d = add l%[1]d, %s\nsetx t%[1]d, 10\n", n, sum)
		sum = fmt.Sprintf("t%d", n)
	}
	inst("more = eq t15, w1\nexitif more, 0x1000\n")
	inst("goto 0x2000\n")
	return b.String()
}

// registers are those that aheadOfUse has bytes in.
var registers = []int{1, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19}

// executeAhead is what aheadOfUse does to a state, until an access faults, and where it is then.
func executeAhead(s *ir.State, data []byte, fault int) (pc uint64) {
	for n, x := range registers {
		s.X[x] = s.X[10+n/8] >> (n % 8 * 8) & 0xff
	}
	sum := uint64(3)
	for n, x := range registers {
		if n == fault {
			return 0x1000 + 16*4 + uint64(n)*8
		}
		s.X[x] = binary.LittleEndian.Uint64(data[s.X[x]*8+s.X[20]:])
		sum += s.X[x]
		s.X[10] = sum
	}
	return 0x2000
}

// TestLate: what is computed long ahead of where it is used is computed there, of fewer values, so that these
// need not be stored; an access in between that faults finds the state that the guest has.
func TestLate(t *testing.T) {
	_, g := regionOf(t, aheadOfUse())
	m := newMachine(t)
	for n := range len(m.data) / 8 {
		binary.LittleEndian.PutUint64(m.data[8*n:], uint64(n)*3)
	}
	c := &Compiler{Features: HostFeatures()}
	for fault := range 17 { // the byte that leads to what is not accessible; none at last
		s := ir.State{}
		s.X[10], s.X[11] = 0x1f2e3d4c5b6a7008, 0x0112233445566778
		if fault < 16 {
			s.X[10+fault/8] |= 0xff << (fault % 8 * 8)
			s.X[20] = uint64(len(m.data)) - 0xff*8
		}
		want := s
		pc := executeAhead(&want, m.data[:], fault)
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
	if n := len(code.States.Computed); n < 16 {
		t.Errorf("side tables have %d computations", n)
	}
}
