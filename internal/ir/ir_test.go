package ir

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	for op := noOp + 1; op < numOps; op++ {
		info := op.Info()
		if info.Name == "" || len(info.Args) > 3 {
			t.Errorf("operation %d: %+v", op, info)
		}
		if got, ok := ByName(info.Name); !ok || got != op {
			t.Errorf("%s: the name is another operation's", info.Name)
		}
		if op.Faults() != (info.Size != 0) {
			t.Errorf("%s: an access has a size, and nothing else has", info.Name)
		}
		if info.Props&Pure != 0 && info.Props&^(Pure|Commutes|HasImm|Rare) != 0 {
			t.Errorf("%s is not pure", info.Name)
		}
	}
}

// TestEvaluation: there is one for each operation.
func TestEvaluation(t *testing.T) {
	for op := noOp + 1; op < numOps; op++ {
		switch {
		case op.Has(Flags):
			if floats[op] == nil {
				t.Errorf("%s has no evaluation", op)
			}
		case op.Has(Pure):
			Compute(op, 0, 1, 1, 1) // panics
		}
	}
}

func TestBuilder(t *testing.T) {
	var b Builder
	build := func(f func()) string {
		b.Start(0x100)
		b.Inst(0x100)
		f()
		b.Emit(Goto, 0x104)
		if err := b.Verify(); err != nil {
			t.Error(err)
		}
		return b.String()
	}
	for _, c := range []struct {
		name  string
		build func()
		want  string // without frame
	}{
		{"forward", func() { b.SetX(5, b.X(6)); b.SetX(7, b.X(5)) }, "v2 = getx 6\nsetx v2, 5\nsetx v2, 7\n"},
		{"zero", func() { b.SetX(0, b.X(6)); b.SetX(7, b.X(0)) }, "v2 = getx 6\nv3 = const 0\nsetx v3, 7\n"},
		{"fold", func() { b.SetX(5, b.Emit(Add, 0, b.Const(0xfe), b.Const(1))) }, "v2 = const 0xfe\nv3 = const 1\nv4 = const 0xff\nsetx v4, 5\n"},
		{"add 0", func() { b.SetX(5, b.Emit(Add, 0, b.X(6), b.Const(0))) }, "v2 = getx 6\nv3 = const 0\nsetx v2, 5\n"},
		{"files", func() { b.SetX(5, b.F(6)); b.SetF(7, b.X(5)) }, "v2 = getf 6\nv3 = bits v2\nsetx v3, 5\nsetf v2, 7\n"},
		{"truth", func() { b.SetX(5, b.Emit(Eq, 0, b.X(6), b.X(7))) }, "v2 = getx 6\nv3 = getx 7\nv4 = eq v2, v3\nv5 = zextb v4\nsetx v5, 5\n"},
	} {
		want := "trace 0x100\ninst 0x100\n" + c.want + "goto 0x104\n"
		if got := build(c.build); got != want {
			t.Errorf("%s:\n%swant\n%s", c.name, got, want)
		}
	}
}

// TestParseErrors: text that is no trace is refused, by the parser or by Verify.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no code",
		"v1 = getx 1":                     "an end",
		"goto 1\ngoto 2":                  "an end",
		"v1 = getx 1\nv2 = addd v1, v1":   "unknown operation",
		"v2 = add v1, v1\ngoto 1":         "unknown value",
		"v1 = getx 1\nv2 = add v1":        "operands",
		"v1 = getx 0\ngoto 1":             "register x0",
		"v1 = getf 32\ngoto 1":            "operand 32",
		"v1 = getf 1\nsetx v1, 2\ngoto 1": "type f64",
		"setx 2\ngoto 1":                  "operands",
		"getx 2\ngoto 1":                  "result",
		"v1 = getx zero\ngoto 1":          "invalid",
		"v1 = getf 1\nv2 = fadd_d v1, v1, 5\ngoto 1": "rounding mode 5",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestParse(t *testing.T) {
	const text = `
		trace 0x10 # a comment
		a = getx 3
		inst 0x10
		b = const 0xffffffffffffffff
		c = ltu a, b
		exitif c, 0x20
		store_32 a, b
		goto 0x14`
	tr, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	const want = "trace 0x10\nv1 = getx 3\ninst 0x10\nv3 = const 0xffffffffffffffff\nv4 = ltu v1, v3\nexitif v4, 0x20\nstore_32 v1, v3\ngoto 0x14\n"
	if tr.String() != want {
		t.Errorf("%s", tr)
	}
	if n := tr.Uses(); n[1] != 2 || n[3] != 2 || n[4] != 1 {
		t.Errorf("uses %v", n)
	}
}

// bytes is a memory of some bytes at address 0x1000.
type bytes [16]byte

func (m *bytes) Load(addr uint64, size int) (v uint64, ok bool) {
	for n := range size {
		at := addr - 0x1000 + uint64(n)
		if at >= uint64(len(m)) {
			return 0, false
		}
		v |= uint64(m[at]) << (8 * n)
	}
	return v, true
}

func (m *bytes) Store(addr uint64, size int, v uint64) bool {
	if _, ok := m.Load(addr, size); !ok {
		return false
	}
	for n := range size {
		m[addr-0x1000+uint64(n)] = byte(v >> (8 * n))
	}
	return true
}

// TestReservation: a store-conditional succeeds once, at the same place and size, if
// the value has not changed.
func TestReservation(t *testing.T) {
	for name, c := range map[string]struct {
		between string
		sc      string
		want    uint64
	}{
		"success":      {"", "sc_32 p, q", 0},
		"changed":      {"store_32 p, q", "sc_32 p, q", 1},
		"other size":   {"", "sc_64 p, q", 1},
		"other place":  {"", "sc_32 o, q", 1},
		"second store": {"f = sc_32 p, q", "sc_32 p, q", 1},
	} {
		tr, err := Parse("p = getx 1\no = getx 2\nq = getx 3\nl = lr_32 p\n" + c.between + "\nr = " + c.sc + "\nsetx r, 4\ngoto 8")
		if err != nil {
			t.Fatal(name, err)
		}
		s := State{Mem: new(bytes)}
		s.X[1], s.X[2], s.X[3] = 0x1000, 0x1008, 7
		if out := Eval(tr, &s); out.Fault || s.X[4] != c.want {
			t.Errorf("%s: %+v, %d", name, out, s.X[4])
		}
	}
}

// TestFault: what an access faults for is told with the instruction's address, and
// nothing after it has happened.
func TestFault(t *testing.T) {
	tr, err := Parse("inst 0x20\na = getx 1\ninst 0x24\nsetx a, 2\nb = load_64 a\nsetx b, 3\ngoto 0x28")
	if err != nil {
		t.Fatal(err)
	}
	s := State{Mem: new(bytes)}
	s.X[1], s.X[3] = 0x100c, 5
	want := Outcome{Op: Load64, PC: 0x24, Fault: true, Addr: 0x100c}
	if out := Eval(tr, &s); out != want || s.X[2] != 0x100c || s.X[3] != 5 {
		t.Errorf("%+v, x2 %#x, x3 %d", out, s.X[2], s.X[3])
	}
}
