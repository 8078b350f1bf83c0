//go:build linux && amd64

package jit

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// TestOpMarks: marks change no code, are in its order, and leave out no operation that has an
// effect.
func TestOpMarks(t *testing.T) {
	compiled := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		_, sources := randomProgram(r, 1+r.IntN(4), func(b *ir.Builder) { randomTrace(b, r, 1+r.IntN(12), 0) })
		region, err := opt.Form(sources)
		if err != nil {
			t.Fatal(err)
		}
		g, err := opt.Lower(region)
		if err != nil {
			t.Fatal(err)
		}
		marked, code := compileMarked(g, true)
		if code == nil {
			continue
		}
		compiled++
		plain, none := compileMarked(g, false)
		if !bytes.Equal(plain, marked) || len(none.Ops) > 0 {
			t.Fatalf("seed %d: marks change code, or are made without being wanted", seed)
		}
		checkMarks(t, g, code)
		checkOrigins(t, g, region)
	}
	if compiled < 50 {
		t.Errorf("only %d regions could be compiled", compiled)
	}
}

// compileMarked compiles g, if that is possible.
func compileMarked(g *ir.Graph, mark bool) ([]byte, *Code) {
	a := amd64.Assembler{}
	c := Compiler{Features: HostFeatures(), Limit: 1 << 38, FirstExit: FirstExit, Stubs: EmitStubs(&a), MarkOps: mark}
	code, _ := c.CompileGraph(&a, g)
	return a.Buf, code
}

func checkMarks(t *testing.T, g *ir.Graph, code *Code) {
	t.Helper()
	byOffset := func(a, b OpMark) int { return a.Offset - b.Offset }
	if len(code.Ops) == 0 || !slices.IsSortedFunc(code.Ops, byOffset) || code.Ops[len(code.Ops)-1].Values != nil {
		t.Fatal("marks are out of order, or without an end")
	}
	marked := map[opOf]bool{}
	for _, m := range code.Ops {
		for _, v := range m.Values {
			marked[opOf{m.Chain, v}] = true
		}
	}
	for n, c := range g.Chains {
		for k := range c.Code {
			if v := ir.Value(k); c.Code[k].Op.Observes() && !marked[opOf{n, v}] {
				t.Fatalf("chain %d: no mark of %s", n, c.Code[k].Text(v))
			}
		}
	}
}

// checkOrigins: an instruction of a chain does what its origin does, or is there for it: accesses to
// variables, the ways of branches.
func checkOrigins(t *testing.T, g *ir.Graph, r *opt.Region) {
	t.Helper()
	for n, c := range g.Chains {
		if len(c.Origins) != len(c.Code) {
			t.Fatalf("chain %d: %d instructions, %d origins", n, len(c.Code), len(c.Origins))
		}
		for k := 1; k < len(c.Code); k++ {
			i, from := &c.Code[k], &r.Code[c.Origins[k]]
			if i.Op != from.Op && opt.Variable(i) < 0 && from.Op != ir.ExitIf {
				t.Fatalf("chain %d: %s is there for %s", n, i.Text(ir.Value(k)), from.Text(c.Origins[k]))
			}
		}
	}
}

type opOf struct {
	chain int
	v     ir.Value
}
