package opt_test

import (
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// words counts down x11, and computes words: x10 goes round, x12 is seen by the store only.
const words = `
trace 0x1000
inst 0x1000
a = getx 10
b = getx 11
s = add a, b
w = sext32 s
setx w, 10
inst 0x1004
five = const 5
t = sll32 w, five
setx t, 12
inst 0x1008
p = getx 20
store_32 p, w
inst 0x100c
one = const 1
n = sub b, one
setx n, 11
inst 0x1010
zero = const 0
more = ne n, zero
exitif more, 0x1000
inst 0x1014
goto 0x2000`

// TestLooseWords: a loop that computes words extends none of them: what it begins with is looked at
// ahead, and who looks at a register in it extends what is there.
func TestLooseWords(t *testing.T) {
	sources, err := opttest.Parse(words)
	if err != nil {
		t.Fatal(err)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	opt.Optimise(r, nil)
	if !strings.Contains(r.String(), "want_narrow") {
		t.Errorf("nothing is looked at ahead of the loop\n%s", r)
	}
	g, err := opt.Lower(r)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, c := range g.Chains {
		for v := range c.Code {
			i := &c.Code[v]
			if i.Op == ir.SetX && (i.Imm == 10 || i.Imm == 12) {
				found = true
				if x := i.Args[0]; c.Facts[x]&ir.Low == 0 || c.Loose != 1<<10|1<<12 && c.Loose != 1<<10 {
					t.Errorf("x%d is set to v%d, of which all is needed; loose are %#x", i.Imm, x, c.Loose)
				}
			}
		}
	}
	if !found {
		t.Errorf("registers are not set\n%s", r)
	}
}

// TestLooksAtWords: without looks ahead a value that may be more than a word is extended each time.
func TestLooksAtWords(t *testing.T) {
	sources, err := opttest.Parse(words)
	if err != nil {
		t.Fatal(err)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	r.NoLooks = true
	opt.Optimise(r, nil)
	g, err := opt.Lower(r)
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range g.Chains {
		if c.Loose&(1<<10) != 0 {
			t.Errorf("chain %d begins with half of x10", n)
		}
	}
}
