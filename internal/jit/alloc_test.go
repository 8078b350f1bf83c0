//go:build linux && amd64

package jit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// regionOf is guest code as a region, ready to be compiled.
func regionOf(t *testing.T, text string) ([]opt.Source, *ir.Graph) {
	t.Helper()
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
	return sources, g
}

// TestReadPlaces: an instruction that reads a register's old value in the context, for the last time, takes the host register that has the
// new one: that is not stored over the old one before it is read.
func TestReadPlaces(t *testing.T) {
	const old = 17
	for _, op := range []string{"sext16 old", "zext8 old", "sext32 old", "add old, v0", "not old"} {
		for busy := range 16 { // values that take all of the registers, one time or another
			var b strings.Builder
			fmt.Fprintf(&b, "trace 0x1000\ninst 0x1000\nold = getx %d\nx = getx 10\ny = mul x, old\n", old)
			for n := range busy + 1 {
				fmt.Fprintf(&b, "k%d = const %d\nv%[1]d = mul x, k%[1]d\n", n, 2*n+3)
			}
			fmt.Fprintf(&b, "setx y, %d\ninst 0x1004\nr = %s\nsum0 = xor r, v0\n", old, op)
			for n := range busy {
				fmt.Fprintf(&b, "sum%d = add sum%d, v%[1]d\n", n+1, n)
			}
			fmt.Fprintf(&b, "setx sum%d, 12\ninst 0x1008\nmore = eq sum%[1]d, x\nexitif more, 0x3000\ninst 0x100c\ngoto 0x2000\n", busy)
			sources, g := regionOf(t, b.String())
			m, c := newMachine(t), &Compiler{Features: HostFeatures()}
			s := ir.State{}
			s.X[10], s.X[old] = 0x1234567, 0x89abcdef12348765
			want := s
			ir.Eval(sources[0].Trace, &want)
			if _, err := m.runGraph(c, g, &s); err != nil {
				t.Fatal(err)
			}
			if s.X != want.X {
				t.Errorf("%s, %d values: x12 is %#x, want %#x", op, busy, s.X[12], want.X[12])
			}
		}
	}
}
