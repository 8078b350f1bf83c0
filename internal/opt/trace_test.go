package opt_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/ir/irtest"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/opt/opttest"
)

// TestJoinTrace: of traces, too, numbers are loaded at once, but not across what may store or leave.
func TestJoinTrace(t *testing.T) {
	const set = "setx $, 11"
	word, up := []int{4, 5, 6, 7}, []int{0, 8, 16, 24}
	for _, c := range []struct {
		name, text string
		joined     bool
	}{
		{"a word", loadedBytes("sll", word, up, "", set), true},
		{"a store in between", loadedBytes("sll", word, up, "o = getx 13\nstore_8 o, base\n", set), false},
		{"a way out in between", loadedBytes("sll", word, up, "o = getx 13\nc = eq o, base\nexitif c, 0x3000\n", set), false},
		{"a byte that is needed alone", loadedBytes("sll", word, up, "", set+"\nd = add b1, base\nsetx d, 14"), false},
	} {
		trace, err := ir.Parse(strings.NewReplacer("u0 = or s0, s0\n", "", "or u0,", "or s0,").Replace(c.text))
		if err != nil {
			t.Fatal(err)
		}
		var m opt.Memory
		got := m.JoinTrace(trace)
		if err := got.Verify(); err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, got)
		}
		if joined := !hasOp(got, ir.LoadU8); joined != c.joined || joined != hasOp(got, ir.LoadU32) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func hasOp(t *ir.Trace, op ir.Op) bool {
	return slices.ContainsFunc(t.Code, func(i ir.Instr) bool { return i.Op == op })
}

// TestJoinTraceMeans: what random traces do stays the same. Where one faults, the state is that of a moment before an
// instruction, from which the interpreter goes on.
func TestJoinTraceMeans(t *testing.T) {
	var m opt.Memory
	joined, faults := 0, 0
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		for _, src := range opttest.Random(rnd) {
			got := m.JoinTrace(src.Trace)
			if got == src.Trace {
				continue
			}
			if err := got.Verify(); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, got)
			}
			joined++
			for range 3 {
				start := opttest.State(rnd)
				if rnd.IntN(2) == 0 {
					start.X[29] = irtest.Size - uint64(rnd.IntN(16)) // that addresses are computed from
				}
				want, moments := follow(src.Trace, start)
				out, after := follow(got, start)
				last := after[len(after)-1]
				switch {
				case !out.Fault && (out != want || last != moments[len(moments)-1]):
					t.Fatalf("seed %d: left by %+v, want %+v\n%s\n%s", seed, out, want, src.Trace, got)
				case out.Fault && !slices.Contains(moments, last):
					t.Fatalf("seed %d: faults at %#x, at no moment of the trace\n%s\n%s", seed, out.PC, src.Trace, got)
				case out.Fault:
					faults++
				}
			}
		}
	}
	if joined < 300 || faults < 50 {
		t.Errorf("%d traces were joined, %d faults", joined, faults)
	}
}

// stateAt is what guests see before an instruction.
type stateAt struct {
	moment
	data irtest.Memory
}

// follow executes a trace. It returns how that is left, and the states before each of its instructions and at the end.
func follow(t *ir.Trace, start *irtest.State) (out ir.Outcome, states []stateAt) {
	s := *start
	s.Mem = &s.Data
	e := ir.NewEvaluation(&s.State, len(t.Code))
	for k := 1; ; k++ {
		if i := &t.Code[k]; i.Op == ir.Inst {
			states = append(states, stateAt{momentOf(i.Imm, &s.State), s.Data})
		}
		out, left := e.Step(&t.Code[k], ir.Value(k))
		if left {
			return out, append(states, stateAt{momentOf(out.PC, &s.State), s.Data})
		}
	}
}
