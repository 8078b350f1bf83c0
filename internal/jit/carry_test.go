//go:build linux && amd64

package jit

import (
	"bytes"
	"fmt"
	"math/bits"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestCarry: a guest's carry is the host's where it is added or subtracted, and is a number where an access before that faults.
func TestCarry(t *testing.T) {
	const text = `
trace 0x1000
a = getx 10
b = getx 11
z = getx 12
p = getx 20
inst 0x1000
sum = add a, b
setx sum, 13
inst 0x1004
below = ltu sum, a
carry = zextb below
setx carry, 14
inst 0x1008
d = load_64 p
setx d, 15
inst 0x100c
w = %s
setx w, 14
inst 0x1010
more = eq w, a
exitif more, 0x1000
inst 0x1014
goto 0x2000`
	m, c := newMachine(t), &Compiler{Features: HostFeatures()}
	for _, test := range []struct {
		op  string
		sum func(z, carry uint64) uint64
	}{
		{"add z, carry", func(z, carry uint64) uint64 { return z + carry }},
		{"add carry, z", func(z, carry uint64) uint64 { return z + carry }},
		{"sub z, carry", func(z, carry uint64) uint64 { return z - carry }},
	} {
		_, g := regionOf(t, fmt.Sprintf(text, test.op))
		for _, b := range []uint64{3, ^uint64(2)} {
			for _, at := range []uint64{8, 4096} { // the second is not accessible
				s := ir.State{}
				s.X[10], s.X[11], s.X[12], s.X[20] = 1000, b, 77, at
				_, carry := bits.Add64(s.X[10], b, 0)
				pc, want := uint64(0x2000), test.sum(77, carry)
				if at != 8 {
					pc, want = 0x1008, carry
				}
				if out, err := m.runGraph(c, g, &s); err != nil || out.PC != pc || s.X[13] != 1000+b || s.X[14] != want {
					t.Errorf("%s with %#x: left to %#x with %#x, %#x, want %#x: %v", test.op, b, out.PC, s.X[13], s.X[14], want, err)
				}
			}
		}
		var a amd64.Assembler
		code, err := c.CompileGraph(&a, g)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(a.Buf[code.Start:code.End], []byte{0x0f, 0x92}) { // setb
			t.Errorf("%s: the carry is made a number", test.op)
		}
	}
}
