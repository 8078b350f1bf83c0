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
	joined, pairs, faults := 0, 0, 0
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
			if hasOp(got, ir.InterpIf) && !hasOp(src.Trace, ir.InterpIf) {
				pairs++
			}
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
	if joined < 300 || pairs < 100 || faults < 50 {
		t.Errorf("%d traces were joined, %d with pairs, %d faults", joined, pairs, faults)
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

// pairText loads the bytes of two half words by turns, and unites them.
const pairText = `
trace 0x1000
inst 0x1000
x = getx 10
y = getx 13
one = const 1
k = const 8
x0 = load_u8 x
setx x0, 14
inst 0x1004
y0 = load_u8 y
setx y0, 15
inst 0x1008
ax = add x, one
x1 = load_u8 ax
sx = sll x1, k
px = or sx, x0
setx px, 11
inst 0x100c
ay = add y, one
y1 = load_u8 ay
sy = sll y1, k
py = or sy, y0
setx py, 12
goto 0x1010`

// changing is memory in which all bytes change at the load of a number.
type changing struct{ loads, at int }

func (m *changing) Load(_ uint64, size int) (v uint64, ok bool) {
	if m.loads++; m.loads > m.at {
		v = 0x0101010101010101
	}
	return v & (1<<(8*size) - 1), true
}

func (m *changing) Store(uint64, int, uint64) bool { return false }

// TestJoinPair: two numbers whose bytes are loaded by turns are loaded at once, unless others see it.
func TestJoinPair(t *testing.T) {
	trace, err := ir.Parse(pairText)
	if err != nil {
		t.Fatal(err)
	}
	var m opt.Memory
	got := m.JoinTrace(trace)
	if err := got.Verify(); err != nil || hasOp(got, ir.LoadU8) || !hasOp(got, ir.LoadU16) {
		t.Fatalf("%v\n%s", err, got)
	}
	for at := range 4 {
		s := ir.State{Mem: &changing{at: at}}
		out := ir.Eval(got, &s)
		switch {
		case at == 0 && (s.X[11] != 0x101 || s.X[12] != 0x101), at == 3 && (s.X[11] != 0 || s.X[12] != 0):
			t.Errorf("%#x and %#x", s.X[11], s.X[12])
		case at == 0 || at == 3:
			if out.Op != ir.Goto {
				t.Errorf("left by %+v", out)
			}
		case out.Op != ir.Interp || out.PC != 0x1000 || s.X != [32]uint64{}: // the first may have been loaded too early
			t.Errorf("changed behind load %d: left by %+v, %x", at, out, s.X)
		}
	}
}
