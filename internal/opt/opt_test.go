package opt_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/ir/irtest"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// limit is on guest instructions: random sources end earlier.
const limit = 100_000

// form makes a region of text.
func form(t *testing.T, text string) *opt.Region {
	t.Helper()
	sources, err := opttest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	return r
}

// run is an execution of sources, with what it has come to.
type run struct {
	start *irtest.State
	want  irtest.Run
}

func newRun(sources []opt.Source, start *irtest.State) (*run, error) {
	x := &run{start: start, want: irtest.Run{Want: *start}}
	x.want.Want.Mem = &x.want.Want.Data
	out, err := opttest.Execute(sources, &x.want.Want.State, limit)
	x.want.Exit = jump(out)
	return x, err
}

// jump is how a region was left, a branch being as good as a jump: it may have become one.
func jump(out ir.Outcome) ir.Outcome {
	if out.Op == ir.ExitIf {
		out.Op = ir.Goto
	}
	return out
}

// check has a region do the same.
func (x *run) check(r *opt.Region) error {
	s := *x.start
	s.Mem = &s.Data
	out, err := r.Eval(&s.State, limit, opttest.Callee)
	out = jump(out)
	switch d := x.want.Diff(&s, out); {
	case err != nil:
		return err
	case out.Op == ir.WantNarrow, out.Fault && x.want.Exit.Fault && x.want.Exit.Addr-out.Addr < uint64(out.Op.Info().Size):
		return nil // the interpreter goes on
	case out != x.want.Exit:
		return fmt.Errorf("left by %+v, want %+v", out, x.want.Exit)
	case d != "":
		return fmt.Errorf("%s", d)
	}
	return nil
}

// tryRandom holds what the passes make of a random region against its sources, after each pass.
func tryRandom(t *testing.T, seed uint64) (runs []*run) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	sources := opttest.Random(rnd)
	for range 4 {
		x, err := newRun(sources, opttest.State(rnd))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		runs = append(runs, x)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	after := func(pass string) {
		err := r.Verify()
		for _, x := range runs {
			if err == nil {
				err = x.check(r)
			}
		}
		if err != nil {
			t.Fatalf("seed %d, after %s: %v\n%s\nbefore\n%s", seed, pass, err, r, before(sources, pass))
		}
	}
	after("forming")
	opt.Optimise(r, after)
	return runs
}

// before is what a region was before a pass.
func before(sources []opt.Source, pass string) (text string) {
	r, err := opt.Form(sources)
	if err != nil {
		return err.Error()
	}
	last := r.String()
	opt.Optimise(r, func(done string) {
		if done == pass {
			text = last
		}
		last = r.String()
	})
	return text
}

func TestRandom(t *testing.T) {
	n := uint64(2000)
	if testing.Short() {
		n = 800
	}
	left, faults := map[ir.Op]int{}, 0
	for seed := range n {
		for _, x := range tryRandom(t, seed) {
			left[x.want.Exit.Op]++
			if x.want.Exit.Fault {
				faults++
			}
		}
	}
	for op := ir.Goto; op <= ir.Interp; op++ {
		if left[op] < 10 {
			t.Errorf("%d regions are left by %s", left[op], op)
		}
	}
	if faults < 100 {
		t.Errorf("%d faults", faults)
	}
	t.Logf("left by %v, %d faults", left, faults)
}

// BenchmarkPasses tells how long each pass takes for a guest instruction of regions of some hundred.
func BenchmarkPasses(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	sources := opttest.Sources(rnd, 60)
	insts := 0
	for _, s := range sources {
		for _, i := range s.Trace.Code {
			if i.Op == ir.Inst {
				insts++
			}
		}
	}
	took := map[string]time.Duration{}
	for b.Loop() {
		last := time.Now()
		lap := func(name string) {
			took[name] += time.Since(last)
			last = time.Now()
		}
		r, err := opt.Form(sources)
		if err != nil {
			b.Fatal(err)
		}
		lap("form")
		opt.Optimise(r, lap)
	}
	for name, t := range took {
		b.ReportMetric(float64(t.Nanoseconds())/float64(b.N)/float64(insts), strings.ReplaceAll(name, " ", "-")+"-ns/inst")
	}
	b.ReportMetric(float64(insts), "insts")
}

func FuzzRegion(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { tryRandom(t, seed) })
}

const loop = `
trace 0x1000
inst 0x1000
a = getx 10
b = getx 11
s = add a, b
setx s, 10
inst 0x1004
one = const 1
c = sub b, one
setx c, 11
inst 0x1008
zero = const 0
more = ne c, zero
exitif more, 0x1000
inst 0x100c
goto 0x2000`

func TestString(t *testing.T) {
	const want = `region 0x1000
b0 0x1000
v17 = getx 10
v18 = getx 11
goto 0x1000
-> b1 0x1000
b1 0x1000 from b0 b1, loop of b1
v19 = phi x10 b0 v17, b1 v4
v20 = phi x11 b0 v18, b1 v8
inst 0x1000
v4 = add v19, v20
setx v4, 10
inst 0x1004
v7 = const 1
v8 = sub v20, v7
setx v8, 11
inst 0x1008
v11 = const 0
v12 = ne v8, v11
exitif v12, 0x1000
-> b1 0x1000, b2 0x100c
b2 0x100c from b1
inst 0x100c
goto 0x2000
-> 0x2000
`
	if got := form(t, loop).String(); got != want {
		t.Errorf("%s", got)
	}
}

// Values of the loop above.
const (
	loopSum, loopSetSum, loopCount, loopMore, loopPhi = 4, 5, 8, 12, 19
)

// TestVerify: each damage is found.
func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(r *opt.Region)
		want   string
	}{
		"type":        {func(r *opt.Region) { r.Code[loopSum].Args[1] = loopMore }, "of type bool"},
		"order":       {func(r *opt.Region) { r.Code[loopSum].Args[1] = loopCount }, "v8 is not known"},
		"dominance":   {func(r *opt.Region) { r.Blocks[1].Phis[0].Args[0] = loopCount }, "v8 is not known in b0"},
		"phi":         {func(r *opt.Region) { r.Blocks[1].Phis[0].Args = nil }, "0 arguments"},
		"twice":       {func(r *opt.Region) { b := r.Blocks[2]; b.Code = append([]ir.Value{loopSum}, b.Code...) }, "v4 is made twice"},
		"end":         {func(r *opt.Region) { b := r.Blocks[1]; b.Code = b.Code[:5] }, "an end"},
		"edges":       {func(r *opt.Region) { r.Blocks[1].Next = r.Blocks[1].Next[:1] }, "1 edges, not 2"},
		"preds":       {func(r *opt.Region) { r.Blocks[2].Preds = r.Blocks[1].Preds }, "do not agree"},
		"number":      {func(r *opt.Region) { r.Blocks[2].ID = 1 }, "in no region"},
		"state":       {func(r *opt.Region) { r.Blocks[2].In[10] = loopPhi }, "x10: v19 in b2, v4 at the end of b1"},
		"write":       {func(r *opt.Region) { r.Code[loopSetSum].Imm = 12 }, "x10: v19 in b1, v19 at the end of b1"},
		"variable":    {func(r *opt.Region) { r.Code[loopSetSum].Imm = 40 }, "variable 40"},
		"no variable": {func(r *opt.Region) { r.Code[loopSetSum].Imm = 70 }, "variable 70"},
	} {
		r := form(t, loop)
		c.damage(r)
		if err := r.Verify(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestVerifyCall: what has been computed before the region was left for a call is not known any more
// where that returns.
func TestVerifyCall(t *testing.T) {
	sources, err := opttest.Parse(`
trace 0x1000
inst 0x1000
one = const 1
a = getx 10
b = add a, one
setx b, 11
next = const 0x1008
callto next, 0x5000
trace 0x1008
inst 0x1008
c = getx 11
setx c, 12
goto 0x2000`)
	if err != nil {
		t.Fatal(err)
	}
	sources[0].Ways = []opt.Way{{From: 7, To: 1, Return: true}}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	before, after := r.Blocks[1], r.Blocks[3]
	r.Code[after.Code[1]].Args[0] = before.Code[2]
	if err := r.Verify(); err == nil || !strings.Contains(err.Error(), "is not known") {
		t.Errorf("%v\n%s", err, r)
	}
}

// TestEval: what the region does to a state, and what it must not find.
func TestEval(t *testing.T) {
	r := form(t, loop)
	run := func(n uint64) (*ir.State, ir.Outcome, error) {
		s := new(ir.State)
		s.X[11] = n
		out, err := r.Eval(s, limit, nil)
		return s, out, err
	}
	s, out, err := run(100)
	if want := (ir.Outcome{Op: ir.Goto, PC: 0x2000}); err != nil || out != want || s.X[10] != 5050 || s.X[11] != 0 {
		t.Errorf("%+v, %v, x10 %d, x11 %d", out, err, s.X[10], s.X[11])
	}
	if _, _, err := run(limit); err == nil {
		t.Error("a loop without an end goes unnoticed")
	}
	r.Blocks[2].In[10] = loopPhi
	if _, _, err := run(100); err == nil || !strings.Contains(err.Error(), "x10 should be v19") {
		t.Errorf("a wrong state goes unnoticed: %v", err)
	}
}
