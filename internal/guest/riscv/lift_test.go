package riscv

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// spaceMemory is guest memory for an evaluation.
type spaceMemory struct{ *mem.Space }

func (m spaceMemory) Load(addr uint64, size int) (uint64, bool) {
	v, f := m.Space.Load(addr, size)
	return v, f == nil
}

func (m spaceMemory) Store(addr uint64, size int, v uint64) bool {
	return m.Space.Store(addr, size, v) == nil
}

// interesting are register values that instructions treat specially.
var interesting = []uint64{
	0, 1, 2, 31, 32, 63, 64, 0x80, 0xff, 0x8000, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32, 1 << 63, math.MaxInt64, math.MaxUint64,
	0xffffffff80000000, 0xffffffff00000000 | 0x3f800000, 0xffffffff7f800000, 0xffffffff7fc00000, 0xffffffff7f800001, 0xffffffffff800000, 0xffffffff80000001,
	math.Float64bits(1), math.Float64bits(-2.5), math.Float64bits(math.Inf(1)), math.Float64bits(math.NaN()), 0x7ff0000000000001, math.Float64bits(1 << 40), 0x0000000000000001,
	dataAddr, dataAddr + 8, dataAddr + 64, dataAddr + 0x123, codeAddr + 64,
}

func randomValue(r *rand.Rand) uint64 {
	if r.IntN(3) > 0 {
		return interesting[r.IntN(len(interesting))]
	}
	return r.Uint64()
}

// TestLift executes each instruction with random operands in the interpreter and, as
// lifted, by definition of the intermediate representation.
func TestLift(t *testing.T) {
	m := newMachine(t, fastMapping)
	r := rand.New(rand.NewPCG(1, 2))
	lifted := 0
	for k := range rows {
		row := &rows[k]
		ok := false
		for range 300 {
			fields := f{}
			for _, fd := range row.Fields {
				fields[fd.Name] = r.Int64N(64) - 32
				if !fd.IsImm() {
					fields[fd.Name] &= 31
				} else if fd.Name == "off" && fields["off"]&^3 == 0 {
					fields["off"] = 8 // not a jump into itself
				}
				if fd.Name == "csr" {
					fields[fd.Name] = [...]int64{csrFflags, csrFrm, csrFcsr, csrTime}[r.IntN(4)]
				}
				if fd.Name == "rm" {
					fields[fd.Name] = [...]int64{0, 1, 2, 3, 4, 7}[r.IntN(6)]
				}
			}
			w, err := Encode(row.Name, fields)
			if err != nil {
				continue
			}
			ok = m.compareLifted(r, row, words(w)[:row.Len]) || ok
			if t.Failed() {
				return
			}
		}
		if ok {
			lifted++
		}
	}
	if lifted < 200 {
		t.Errorf("only %d instructions are lifted", lifted)
	}
}

// testAddr is where the instruction is that a case executes.
const testAddr = codeAddr + 0x1000

// compareLifted executes an instruction in both ways, from the same random state. It
// reports whether it is lifted.
func (m *machine) compareLifted(r *rand.Rand, row *encoding.Row, code []byte) bool {
	var l lifter
	trace, count, _ := l.Lift(code, testAddr, 0)
	if count != 1 || trace.Code[len(trace.Code)-1].Op == ir.Interp {
		return false
	}
	if err := trace.Verify(); err != nil {
		m.t.Fatalf("%s: %v\n%s", row.Name, err, trace)
	}
	if again, err := ir.Parse(trace.String()); err != nil || again.String() != trace.String() {
		m.t.Errorf("%s: %v\n%s is read as\n%s", row.Name, err, trace, again)
	}
	s := m.randomState(r)
	data := make([]byte, 512)
	for i := range data {
		data[i] = byte(r.Uint32())
	}

	memory := func() {
		m.put(codeAddr, bytes.Repeat([]byte{0x02, 0x90}, areaSize/2)) // c.ebreak, all around
		m.put(testAddr, code)
		m.put(dataAddr, data)
	}

	memory()
	m.FlushCode()
	m.SetPC(testAddr)
	exit := m.Run()
	want := m.copyIn(len(data))

	memory()
	before := *s
	out := ir.Eval(trace, s)
	if out.Op == ir.Interp {
		if *s != before {
			m.t.Errorf("%s: left to the interpreter when something has happened\n%s", row.Name, trace)
		}
		return true
	}
	if got := m.copyIn(len(data)); !bytes.Equal(got, want) {
		m.t.Errorf("%s: memory is %x, lifted %x", row.Name, want, got)
	}
	m.compareState(row, s, exit, out)
	if m.t.Failed() {
		m.t.Logf("\n%s", trace)
	}
	return true
}

func (m *machine) copyIn(n int) []byte {
	b := make([]byte, n)
	m.as.CopyIn(b, dataAddr)
	return b
}

// randomState is also the CPU's.
func (m *machine) randomState(r *rand.Rand) *ir.State {
	s := &ir.State{Mem: spaceMemory{m.as}, Round: softfloat.Round(r.IntN(5)), Flags: softfloat.Flags(r.IntN(32))}
	for n := range 32 {
		s.F[n] = randomValue(r)
		m.SetF(n, s.F[n])
		if n > 0 {
			s.X[n] = randomValue(r)
			m.SetX(n, s.X[n])
		}
	}
	m.SetFCSR(uint32(s.Round)<<5 | uint32(s.Flags))
	m.reg.Reserved = 0
	return s
}

// compareState holds the state after an evaluation against the CPU's.
func (m *machine) compareState(row *encoding.Row, s *ir.State, exit guest.Exit, out ir.Outcome) {
	fault := exit.Kind == guest.ExitTrap && exit.Trap.Signal != guest.SIGTRAP && m.PC() == testAddr
	if fault != out.Fault || m.PC() != out.PC {
		m.t.Errorf("%s: interpreter at %#x, fault %v (%+v); lifted at %#x, fault %v", row.Name, m.PC(), fault, exit, out.PC, out.Fault)
	}
	for n := range 32 {
		if m.X(n) != s.X[n] {
			m.t.Errorf("%s: x%d is %#x, lifted %#x", row.Name, n, m.X(n), s.X[n])
		}
		if m.F(n) != s.F[n] {
			m.t.Errorf("%s: f%d is %#x, lifted %#x", row.Name, n, m.F(n), s.F[n])
		}
	}
	if m.reg.Flags != s.Flags || m.reg.Round != uint8(s.Round) {
		m.t.Errorf("%s: flags %#x, lifted %#x; rounding mode %d, lifted %d", row.Name, m.reg.Flags, s.Flags, m.reg.Round, s.Round)
	}
}

// TestJumpKinds: what computed jumps are expected to do depends on the registers that they use.
func TestJumpKinds(t *testing.T) {
	for _, c := range []struct {
		rd, rs1 int64
		want    ir.Op
	}{
		{0, 15, ir.Jump},     // of an interpreter: anywhere
		{0, 1, ir.Ret},       // by ra
		{0, 5, ir.Ret},       // by t0
		{1, 15, ir.Call},     // of a pointer
		{5, 15, ir.Call},     // by the other link register
		{1, 5, ir.Call},      // returns and calls
		{6, 28, ir.JumpSame}, // of a linkage table
	} {
		w, err := Encode("jalr", f{"rd": c.rd, "rs1": c.rs1, "imm": 0})
		if err != nil {
			t.Fatal(err)
		}
		var l lifter
		trace, _, _ := l.Lift(words(w), testAddr, 0)
		if got := trace.Code[len(trace.Code)-1].Op; got != c.want {
			t.Errorf("jalr x%d, x%d is lifted as %s, want %s", c.rd, c.rs1, got, c.want)
		}
	}
}
