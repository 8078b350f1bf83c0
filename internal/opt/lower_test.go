package opt_test

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// TestLargeConstants: a loop finds a constant that does not fit in instructions in a variable.
func TestLargeConstants(t *testing.T) {
	r := form(t, `
trace 0x1000
inst 0x1000
k = const 0x123456789ab
setx k, 12
goto 0x1004
trace 0x1004
inst 0x1004
a = getx 10
k = getx 12
b = xor a, k
setx b, 10
inst 0x1008
c = mul b, k
setx c, 11
inst 0x100c
d = getx 13
e = ne c, d
exitif e, 0x1004
goto 0x2000`)
	opt.Optimise(r, nil)
	g, err := opt.Lower(r)
	if err != nil {
		t.Fatal(err)
	}
	loops := 0
	for n, c := range g.Chains {
		made, read := 0, 0
		for _, i := range c.Code {
			switch {
			case i.Op == ir.Const:
				made++
			case i.Op == ir.GetX && i.Imm == 12:
				read++
			}
		}
		loop := c.Ways != nil && c.Ways[0].Back
		if loop {
			loops++
		}
		if loop && (made != 0 || read != 1) || !loop && read != 0 {
			t.Errorf("chain %d: %d constants, %d reads of x12\n%s", n, made, read, &c.Trace)
		}
	}
	if loops != 1 {
		t.Errorf("%d loops", loops)
	}
}
