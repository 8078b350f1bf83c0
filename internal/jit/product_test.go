//go:build linux && amd64

package jit

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestProduct: both halves of a product come from one multiplication, in either order, also of a number with itself or a constant; a fault between
// them finds the first.
func TestProduct(t *testing.T) {
	const text = `
trace 0x1000
a = getx 10
b = %[4]s
p = getx 20
inst 0x1000
c = %[1]s a, b
setx c, 12
inst 0x1004
d = load_64 p
setx d, 13
inst 0x1008
e = %[2]s %[3]s
setx e, 14
inst 0x100c
more = eq d, a
exitif more, 0x1000
inst 0x1010
goto 0x2000`
	m := newMachine(t)
	for _, factor := range []struct {
		text string
		is   uint64
	}{{"getx 10", 0x123456789abcdef1}, {"getx 11", 0xfedcba9876543210}, {"const 0x1122334455667788", 0x1122334455667788}} {
		for _, order := range [][3]string{{"mul", "mulh_uu", "a, b"}, {"mul", "mulh_uu", "b, a"}, {"mulh_uu", "mul", "a, b"}, {"mulh_uu", "mul", "b, a"}} {
			_, g := regionOf(t, fmt.Sprintf(text, order[0], order[1], order[2], factor.text))
			var size []int
			for _, bmi := range []bool{true, false} {
				c := &Compiler{Features: HostFeatures()}
				c.Features.BMI2 = c.Features.BMI2 && bmi
				for _, at := range []uint64{8, 4096} { // the second is not accessible
					s := ir.State{}
					s.X[10], s.X[11], s.X[14], s.X[20] = 0x123456789abcdef1, 0xfedcba9876543210, 5, at
					first, second := bits.Mul64(s.X[10], factor.is)
					if order[0] == "mul" {
						first, second = second, first
					}
					pc := uint64(0x2000)
					if at != 8 {
						pc, second = 0x1004, 5
					}
					if out, err := m.runGraph(c, g, &s); err != nil || out.PC != pc || s.X[12] != first || s.X[14] != second {
						t.Errorf("%v of x10 and %s: left to %#x with %#x and %#x, want %#x and %#x: %v", order, factor.text, out.PC, s.X[12], s.X[14], first, second, err)
					}
				}
				var a amd64.Assembler
				code, err := c.CompileGraph(&a, g)
				if err != nil {
					t.Fatal(err)
				}
				size = append(size, code.End-code.Start)
			}
			if HostFeatures().BMI2 && size[0] >= size[1] {
				t.Errorf("%v: %d bytes with BMI2, %d without", order, size[0], size[1])
			}
		}
	}
}
