package opt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// after is what some passes make of a region: for each of its blocks but the first a line, with phis,
// writes of registers, what it stores, and the condition that it ends with.
func after(t *testing.T, text string, passes ...string) string {
	t.Helper()
	return afterIn(t, form(t, text), passes...)
}

func afterIn(t *testing.T, r *opt.Region, passes ...string) string {
	t.Helper()
	for _, name := range passes {
		done := false
		for _, p := range opt.Passes {
			if p.Name == name {
				p.Run(r)
				done = true
			}
		}
		if err := r.Verify(); err != nil || !done {
			t.Fatalf("%s: %v\n%s", name, err, r)
		}
	}
	var lines []string
	for _, b := range r.Blocks[1:] {
		lines = append(lines, brief(r, b))
	}
	return strings.Join(lines, "\n")
}

func brief(r *opt.Region, b *opt.Block) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	for _, p := range b.Phis {
		var args []string
		for _, a := range p.Args {
			args = append(args, show(r, a))
		}
		add("phi %s (%s)", show(r, p.Value), strings.Join(args, ", "))
	}
	for _, v := range b.Code {
		i := &r.Code[v]
		switch {
		case i.Op == ir.SetX:
			add("x%d = %s", i.Imm, show(r, i.Args[0]))
		case i.Op == ir.SetF:
			add("f%d = %s", i.Imm, show(r, i.Args[0]))
		case i.Op == ir.ExitIf, i.Op.Faults() && i.Op.Info().Result == ir.None:
			add("%s", show(r, v))
		}
	}
	return strings.Join(words, "; ")
}

func TestPasses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		passes     []string
		want       string
	}{
		{"registers that loops do not change are no phis", `
trace 0x1000
a = getx 10
c = getx 11
setx c, 12
goto 0x2000
trace 0x2000
b = getx 11
c = getx 12
l = ltu b, c
exitif l, 0x2000
one = const 1
n = getx 10
m = add n, one
setx m, 10
setx b, 12
z = ltu m, b
exitif z, 0x1000
goto 0x3000`,
			[]string{"phis", "unused"},
			`phi x10 (x10, add(x10, 1)); x12 = x11
exitif(ltu(x11, x11), 8192)
x10 = add(x10, 1); x12 = x11; exitif(ltu(add(x10, 1), x11), 4096)
`},
		{"bit 0 of where a jump goes is cleared where it is not where it was expected to", `
trace 0x1000
a = getx 10
k = const 0xfffffffffffffffe
t = and a, k
jump t -> 0x1000, 0x2000
trace 0x2000
goto 0x1000`,
			[]string{"phis", "unused"},
			`exitif(eq(x10, 0x1000), 0)
exitif(eq(x10, 0x2000), 0)

`},
		{"equal constants of several ways are one", `
trace 0x1000
a = getx 10
z = const 0
e = eq a, z
exitif e, 0x2000
five = const 5
setx five, 11
goto 0x3000
trace 0x2000
five = const 5
setx five, 11
goto 0x3000
trace 0x3000
b = getx 11
one = const 1
c = add b, one
setx c, 12
goto 0x4000`,
			[]string{"phis", "simplify"},
			`exitif(eq(x10, 0), 8192)
x11 = 5
x11 = 5
x12 = 6`},
		{"known branches, blocks that nothing leads to, and blocks in a row", `
trace 0x1000
z = const 0
e = ne z, z
exitif e, 0x2000
a = getx 10
setx a, 11
goto 0x3000
trace 0x2000
b = getx 12
setx b, 11
goto 0x3000
trace 0x3000
c = getx 11
setx c, 13
goto 0x4000`,
			[]string{"simplify", "branches", "phis"},
			`x11 = x10; x13 = x10`},
		{"a branch around little is a choice", `
trace 0x1000
a = getx 10
b = getx 11
l = lts a, b
exitif l, 0x2000
setx b, 10
goto 0x2000
trace 0x2000
c = getx 10
d = neg c
setx d, 12
goto 0x3000`,
			[]string{"choices", "branches"},
			`x10 = choose(lts(x10, x11), x10, x11); x12 = neg(choose(lts(x10, x11), x10, x11))`},
		{"one of two ways, too", `
trace 0x1000
a = getx 10
b = getx 11
l = lts a, b
exitif l, 0x2000
c = sub a, b
setx c, 12
goto 0x3000
trace 0x2000
a = getx 10
b = getx 11
c = sub b, a
setx c, 12
setx a, 13
goto 0x3000
trace 0x3000
c = getx 12
d = getx 13
e = add c, d
setx e, 12
goto 0x4000`,
			[]string{"choices", "branches"},
			`x12 = choose(lts(x10, x11), sub(x11, x10), sub(x10, x11)); x13 = choose(lts(x10, x11), x10, x13); x12 = add(choose(lts(x10, x11), sub(x11, x10), sub(x10, x11)), choose(lts(x10, x11), x10, x13))`},
		{"but not with an access to memory", `
trace 0x1000
a = getx 10
b = getx 11
l = lts a, b
exitif l, 0x2000
c = load_64 b
setx c, 10
goto 0x2000
trace 0x2000
goto 0x3000`,
			[]string{"choices", "branches"},
			`exitif(lts(x10, x11), 8192)
x10 = load_64(x11)
`},
		{"an inner value that is still needed is not looked through", `
trace 0x1000
a = getx 10
k = const 4
b = add a, k
setx b, 10
c = add b, k
setx c, 11
goto 0x2000`,
			[]string{"simplify"},
			`x10 = add(x10, 4); x11 = add(add(x10, 4), 4)`},
		{"but if a register holds what it is made of", `
trace 0x1000
a = getx 10
k = const 4
b = add a, k
setx b, 12
c = add b, k
setx c, 11
goto 0x2000`,
			[]string{"simplify"},
			`x12 = add(x10, 4); x11 = add(x10, 8)`},
		{"values computed twice", `
trace 0x1000
a = getx 10
b = getx 11
c = mul a, b
d = mul b, a
e = xor c, d
setx e, 12
goto 0x2000`,
			[]string{"numbers", "simplify"},
			`x12 = 0`},
		{"in another block only what a register holds", `
trace 0x1000
a = getx 10
b = getx 11
c = mul a, b
setx c, 12
z = const 0
e = eq a, z
exitif e, 0x2000
d = mul a, b
f = sub a, b
setx f, 12
g = xor c, d
setx g, 13
goto 0x3000
trace 0x2000
h = getx 10
setx h, 12
i = getx 11
j = mul h, i
setx j, 13
goto 0x3000`,
			[]string{"numbers", "simplify"},
			`x12 = mul(x10, x11); exitif(eq(x10, 0), 8192)
x12 = x10; x13 = mul(x10, x11)
x12 = sub(x10, x11); x13 = 0`},
		{"writes that nobody sees", `
trace 0x1000
a = getx 10
b = getx 11
c = sub a, b
setx c, 12
d = add a, b
setx d, 12
store_64 d, c
setx a, 12
e = ltu a, b
exitif e, 0x2000
setx b, 12
goto 0x3000
trace 0x2000
b = getx 11
setx b, 12
goto 0x3000`,
			[]string{"writes"},
			`x12 = add(x10, x11); store_64(add(x10, x11), sub(x10, x11)); exitif(ltu(x10, x11), 8192)
x12 = x11
x12 = x11`},
		{"a way back looks at all registers", `
trace 0x1000
a = getx 10
setx a, 12
b = getx 11
e = ltu a, b
exitif e, 0x1000
setx b, 12
goto 0x3000`,
			[]string{"unused", "writes"},
			`x12 = x10; exitif(ltu(x10, x11), 4096)
x12 = x11`},
		{"extensions of what only low halves are needed of", `
trace 0x1000
a = getx 10
b = getx 11
c = add a, b
d = sext32 c
k = const 3
e = sll32 d, k
store_32 a, e
f = zext32 d
g = xor f, b
h = sext32 g
setx h, 12
goto 0x3000`,
			[]string{"extensions"},
			`store_32(x10, sll(add(x10, x11), 3)); x12 = sext32(xor(add(x10, x11), x11))`},
		{"extensions of what goes round in a loop", `
trace 0x1000
z = const 0
setx z, 10
goto 0x2000
trace 0x2000
a = getx 10
s = sext32 a
one = const 1
n = add s, one
w = sext32 n
setx w, 10
b = getx 11
m = lts w, b
exitif m, 0x2000
goto 0x3000`,
			[]string{"phis", "simplify"},
			`x10 = 0
phi x10 (0, sext32(add(x10, 1))); x10 = sext32(add(x10, 1)); exitif(lts(sext32(add(x10, 1)), x11), 8192)
`},
	} {
		if got := after(t, c.text, c.passes...); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
