//go:build linux && amd64

package jit

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// switches is a loop around a computed jump to x1 + x2, with x2 a byte from memory at x3, until that is 0. One of the
// cases closes the loop itself.
const switches = `
trace 0x1000
inst 0x1000
p = getx 3
k = load_u8 p
setx k, 2
inst 0x1004
one = const 1
next = add p, one
setx next, 3
inst 0x1008
table = getx 1
to = add k, table
setx to, 4
inst 0x100c
jump to -> 0x1010, 0x1020, 0x1000, 0x1036, 0x1040, 0x1058
trace 0x1010
inst 0x1010
a = getx 5
b = getx 2
sum = add a, b
setx sum, 5
inst 0x1014
goto 0x1000
trace 0x1020
inst 0x1020
a = getx 5
twice = add a, a
setx twice, 5
inst 0x1024
goto 0x1000
trace 0x1036
inst 0x1036
a = getx 5
b = getx 3
x = xor a, b
setx x, 5
inst 0x103a
goto 0x1000
trace 0x1040
inst 0x1040
a = getx 5
b = getx 6
less = ltu a, b
exitif less, 0x1000
inst 0x1044
goto 0x1000
trace 0x1058
inst 0x1058
a = getx 5
b = getx 4
d = sub a, b
setx d, 6
inst 0x105c
goto 0x1000
`

// TestSwitch: computed jumps with several targets go to each, and leave the region for any other.
func TestSwitch(t *testing.T) {
	sources, err := opttest.Parse(switches)
	if err != nil {
		t.Fatal(err)
	}
	const cases = "\x10\x20\x36\x40\x58\x00"
	for name, c := range compilers() {
		if c.Watched || c.Table {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			for last := 0; last < 256; last += 2 { // each way of leaving the loop
				c.Round = 0
				region, err := opt.Form(sources)
				if err != nil {
					t.Fatal(err)
				}
				opt.Optimise(region, nil)
				g, err := opt.Lower(region)
				if err != nil {
					t.Fatal(err)
				}
				for n := range 50 {
					m.data[n] = cases[(n*n+last)%len(cases)]
				}
				m.data[50] = byte(last)
				for n := range 200 {
					m.data[51+n] = 0x70 // no case
				}
				begin := ir.State{Mem: m}
				begin.X[1], begin.X[5], begin.X[6] = 0x1000, 77, 1<<40
				want := begin
				wantOut, err := opttest.Execute(sources, &want, 1000)
				if err != nil {
					t.Fatal(err)
				}
				got := begin
				out, err := m.runGraph(&c, g, &got)
				if err != nil {
					t.Fatal(err)
				}
				if len(c.graphs.tables) == 0 {
					t.Fatal("there is no table")
				}
				if out.PC != wantOut.PC || got.X != want.X {
					t.Errorf("last %#x: left by %+v with %x, want %+v with %x", last, out, got.X[:8], wantOut, want.X[:8])
				}
			}
		})
	}
}
