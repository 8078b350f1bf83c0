package opt_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/ir/irtest"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// moment is what guest registers hold before an instruction.
type moment struct {
	pc   uint64
	x, f [32]uint64
}

func momentOf(pc uint64, s *ir.State) moment { return moment{pc, s.X, s.F} }

// TestPreciseState: wherever the state of a region may be observed, registers hold what they hold at
// the same point of its sources, after each pass.
func TestPreciseState(t *testing.T) {
	observed := 0
	for seed := range uint64(1000) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		sources := opttest.Random(rnd)
		starts := [3]*irtest.State{opttest.State(rnd), opttest.State(rnd), opttest.State(rnd)}
		r, err := opt.Form(sources)
		if err != nil {
			t.Fatal(err)
		}
		opt.Optimise(r, func(pass string) {
			for _, start := range starts {
				n, err := precise(sources, r, start)
				if err != nil {
					t.Fatalf("seed %d, after %s: %v\n%s", seed, pass, err, r)
				}
				observed += n
			}
		})
	}
	if observed < 100_000 {
		t.Errorf("observed %d times", observed)
	}
}

// precise executes sources and the region that has been made of them. It returns how often the
// region's state has been observed.
func precise(sources []opt.Source, r *opt.Region, start *irtest.State) (n int, err error) {
	var moments []moment
	s := *start
	s.Mem = &s.Data
	last, err := opttest.Follow(sources, &s.State, limit, func(pc uint64) { moments = append(moments, momentOf(pc, &s.State)) })
	if err != nil {
		return 0, err
	}
	moments = append(moments, momentOf(last.PC, &s.State))
	s = *start
	s.Mem = &s.Data
	var wrong error
	_, err = r.EvalObserved(&s.State, limit, opttest.Callee, func(pc uint64) {
		n++
		got := momentOf(pc, &s.State)
		for k, m := range moments {
			if m == got {
				moments = moments[k:]
				return
			}
		}
		if wrong == nil {
			wrong = fmt.Errorf("at %#x, observed for the %d. time, registers are at no moment\n%x\n%x", pc, n, got.x, got.f)
		}
	})
	if err == nil {
		err = wrong
	}
	return n, err
}

// TestPreciseAheadOfLoop: a register that a loop writes first of all is seen by a look ahead of it.
func TestPreciseAheadOfLoop(t *testing.T) {
	const nested = `
trace 0x1000
inst 0x1000
five = const 5
setx five, 12
inst 0x1004
start = const 16
setx start, 13
inst 0x1008
goto 0x2000
trace 0x2000
inst 0x2000
a = getx 13
eight = const 8
b = add a, eight
setx b, 12
inst 0x2004
c = load_64 a
setx c, 14
inst 0x2008
setx b, 13
inst 0x200c
end = const 48
more = ne b, end
exitif more, 0x2000
inst 0x2010
n = getx 15
one = const 1
m = sub n, one
setx m, 15
inst 0x2014
zero = const 0
again = ne m, zero
exitif again, 0x1000
inst 0x2018
goto 0x3000`
	sources, err := opttest.Parse(nested)
	if err != nil {
		t.Fatal(err)
	}
	r, err := opt.Form(sources)
	if err != nil {
		t.Fatal(err)
	}
	start := opttest.State(rand.New(rand.NewPCG(1, 1)))
	start.X[15] = 3
	opt.Optimise(r, func(pass string) {
		if _, err := precise(sources, r, start); err != nil {
			t.Errorf("after %s: %v\n%s", pass, err, r)
		}
	})
	if !strings.Contains(r.String(), "want_window") {
		t.Errorf("there is no look ahead of the loop\n%s", r)
	}
}
