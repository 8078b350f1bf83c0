//go:build linux && amd64

package jit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// machine runs compiled traces.
type machine struct {
	t    testing.TB
	code []byte
	ctx  *Context
	data [4096]byte // guest memory from address 0
}

func newMachine(t testing.TB) *machine {
	code, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(code) })
	return &machine{t: t, code: code, ctx: new(Context)}
}

// run executes a trace from a state, which becomes that at the exit.
func (m *machine) run(c *Compiler, t *ir.Trace, s *ir.State) ir.Outcome {
	a := amd64.Assembler{}
	code, ok := c.Compile(&a, t)
	if !ok {
		m.t.Fatalf("not compiled:\n%s", t)
	}
	copy(m.code, a.Buf)
	m.ctx.X, m.ctx.F = s.X, s.F
	m.ctx.Base = uintptr(unsafe.Pointer(&m.data))
	m.ctx.entry = uintptr(unsafe.Pointer(&m.code[code.Start]))
	m.ctx.leave = leaveAddr()
	enter(m.ctx)
	s.X, s.F = m.ctx.X, m.ctx.F
	s.X[0] = 0
	return ir.Outcome{Op: code.Exits[m.ctx.Exit].Op, PC: m.ctx.PC}
}

// Load and Store are guest memory for the evaluation.
func (m *machine) Load(addr uint64, size int) (v uint64, ok bool) {
	for n := range size {
		v |= uint64(m.data[addr+uint64(n)]) << (8 * n)
	}
	return v, true
}

func (m *machine) Store(addr uint64, size int, v uint64) bool {
	for n := range size {
		m.data[addr+uint64(n)] = byte(v >> (8 * n))
	}
	return true
}

var special = []uint64{
	0, 1, 2, 7, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32,
	math.MaxInt64, 1 << 63, math.MaxUint64, 0xffffffff80000000, 0xffffffff7fffffff,
}

func value(r *rand.Rand) uint64 {
	if r.IntN(2) == 0 {
		return special[r.IntN(len(special))]
	}
	return r.Uint64() >> r.IntN(64)
}

// computing are the operations on integers.
var computing = func() (list []ir.Op) {
	for op := ir.Add; op < ir.Load64; op++ {
		if info := op.Info(); op.Has(ir.Pure) && info.Result == ir.I64 && info.Args[0] == ir.I64 && op != ir.OrcB {
			list = append(list, op)
		}
	}
	return list
}()

// randomTrace is what the lifter could make: instructions of an expression each.
func randomTrace(b *ir.Builder, r *rand.Rand, n int) {
	b.Start(0x1000)
	reg := func() uint8 { return uint8(r.IntN(32)) }
	operand := func() ir.Value {
		if r.IntN(3) == 0 {
			return b.Const(value(r))
		}
		return b.X(reg())
	}
	address := func() ir.Value {
		return b.Emit(ir.Add, 0, b.Emit(ir.And, 0, operand(), b.Const(0x7f8)), b.Const(uint64(r.IntN(1024))))
	}
	condition := func() ir.Value {
		op := [...]ir.Op{ir.Eq, ir.Ne, ir.Lts, ir.Ltu}[r.IntN(4)]
		v := b.Emit(op, 0, operand(), operand())
		if r.IntN(4) == 0 {
			v = b.Emit(ir.NotB, 0, v)
		}
		return v
	}
	for k := range n {
		b.Inst(0x1000 + 4*uint64(k))
		switch r.IntN(12) {
		case 0:
			b.Emit(ir.ExitIf, 0x5000+uint64(k)*4, condition())
		case 1, 2:
			load := ir.LoadS8 + ir.Op(r.IntN(7))
			b.SetX(reg(), b.Emit(load, 0, address()))
		case 3, 4:
			b.Emit(ir.Store8+ir.Op(r.IntN(4)), 0, address(), operand())
		case 5:
			b.SetX(reg(), condition())
		case 6:
			b.SetX(reg(), b.Emit(ir.Choose, 0, condition(), operand(), operand()))
		case 7:
			b.SetX(reg(), b.X(reg()))
		default:
			op := computing[r.IntN(len(computing))]
			args := []ir.Value{operand()}
			if len(op.Info().Args) == 2 {
				args = append(args, operand())
			}
			v := b.Emit(op, 0, args...)
			if r.IntN(3) == 0 {
				v = b.Emit(ir.Sext32+ir.Op(3*r.IntN(2)), 0, v)
			}
			b.SetX(reg(), v)
		}
	}
	if r.IntN(3) == 0 {
		b.Emit(ir.Jump, 0, b.X(reg()))
		return
	}
	b.Emit(ir.Goto, 0x9000)
}

// features are the instruction sets to test: that of the machine and none.
func features() map[string]Features {
	return map[string]Features{"host": HostFeatures(), "none": {}}
}

func TestRandomTraces(t *testing.T) {
	for name, f := range features() {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			c := Compiler{Features: f}
			for seed := range uint64(3000) {
				m.compare(&c, seed)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// compare holds the execution of a random trace against its evaluation.
func (m *machine) compare(c *Compiler, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	var b ir.Builder
	randomTrace(&b, r, 1+r.IntN(40))
	if c.Features == (Features{}) && counts(&b.Trace) {
		return
	}
	var s ir.State
	for n := 1; n < 32; n++ {
		s.X[n] = value(r)
	}
	for n := range m.data {
		m.data[n] = byte(r.Uint32())
	}
	data := m.data
	want := s
	want.Mem = m
	wantOut := ir.Eval(&b.Trace, &want)
	wantData := m.data
	m.data = data
	out := m.run(c, &b.Trace, &s)
	if out != wantOut {
		m.t.Errorf("seed %d: left by %+v, want %+v", seed, out, wantOut)
	}
	for n := range 32 {
		if s.X[n] != want.X[n] {
			m.t.Errorf("seed %d: x%d is %#x, want %#x", seed, n, s.X[n], want.X[n])
		}
	}
	if m.data != wantData {
		m.t.Errorf("seed %d: memory differs", seed)
	}
	if m.t.Failed() {
		m.t.Logf("\n%s", &b.Trace)
	}
}

// counts reports whether t has operations that only some hosts have.
func counts(t *ir.Trace) bool {
	for _, i := range t.Code {
		switch i.Op {
		case ir.Clz, ir.Ctz, ir.Cpop, ir.Clz32, ir.Ctz32:
			return true
		}
	}
	return false
}

var _ = fmt.Sprint
