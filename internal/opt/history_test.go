package opt

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hospes-vm/hospes/internal/ir"
)

// nested is a loop in another one: its two traces, and their ways.
func nested(t *testing.T) *Region {
	t.Helper()
	outer, inner := parse(t, `
		trace 0x100
		inst 0x100
		v1 = const 0
		setx v1, 10
		goto 0x104
	`), parse(t, `
		trace 0x104
		inst 0x104
		v1 = getx 10
		v2 = const 1
		v3 = add v1, v2
		setx v3, 10
		inst 0x108
		v4 = getx 11
		v5 = ltu v3, v4
		exitif v5, 0x104
		inst 0x10c
		v6 = getx 12
		v7 = ltu v4, v6
		exitif v7, 0x100
		goto 0x110
	`)
	r, err := Form([]Source{
		{Trace: outer, Ways: []Way{{From: 4, To: 1, Count: 10}}},
		{Trace: inner, Ways: []Way{{From: 9, To: 1, Count: 90}, {From: 13, To: 0, Count: 9}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t *testing.T, text string) *ir.Trace {
	t.Helper()
	trace, err := ir.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

var all = cmp.Options{cmp.AllowUnexported(Block{}), cmpopts.IgnoreUnexported(Region{}), cmpopts.EquateEmpty()}

// TestHistory changes a region in each way that a pass may, and looks at what was noted
// before.
func TestHistory(t *testing.T) {
	r, same := nested(t), nested(t)
	if r.Blocks[2].Loop.Outer == nil || r.Blocks[2].Loop.Outer != r.Blocks[1].Loop {
		t.Fatal("no loop is in another one")
	}
	r.Facts, same.Facts = []ir.Fact{0, ir.Near}, []ir.Fact{0, ir.Near}
	h := new(History)
	h.Note("form", r)
	after := h.After(r)
	if diff := cmp.Diff(same, h.Steps[0].Region, all); diff != "" {
		t.Errorf("the copy is another region (-region +copy):\n%s", diff)
	}
	last := r.Blocks[len(r.Blocks)-1]
	r.New(ir.Instr{Op: ir.Const, Imm: 7})
	r.NewVar()
	r.Facts[1] = 0
	for k := range r.Code {
		r.Code[k].Imm++
	}
	first := r.Blocks[2]
	first.Code[0], first.Preds[0], first.Next[0].Count, first.Phis[0].Args[0] = 0, last, 99, 0
	first.Loop.Depth, first.Loop.Blocks[0], first.Loop.Head, first.In[3] = 9, last, last, 0
	r.Blocks[1], r.Blocks[2] = r.Blocks[2], &Block{PC: 1}
	after("pass")
	if diff := cmp.Diff(same, h.Steps[0].Region, all); diff != "" {
		t.Errorf("the copy has changed with the region (-before +copy):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 2, len(same.Blocks)}, h.Steps[1].Keys[:3]); diff != "" {
		t.Errorf("numbers of blocks (-want +got):\n%s", diff)
	}
	if s := h.Steps[1]; s.Name != "pass" || s.Took <= 0 || s.Region.Vars != same.Vars+1 {
		t.Errorf("step %q, %s, %d variables", s.Name, s.Took, s.Region.Vars)
	}
}

// TestNoHistory: whoever wants none pays nothing.
func TestNoHistory(t *testing.T) {
	var h *History
	h.Note("form", nil)
	if h.After(nil) != nil {
		t.Error("a nil History wants to be told")
	}
}
