//go:build linux && amd64

package jit

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
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
	sources, err := opttest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	opt.Optimise(r, nil)
	g, err := opt.Lower(r)
	if err != nil {
		t.Fatal(err)
	}
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
