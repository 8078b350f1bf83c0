//go:build linux && amd64

package jit

import (
	"math"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// TestExceptions: the flags are read before and behind operations that raise them, or seem to. Exceptions
// trap, unless they have done so too often, and the flags are the same.
func TestExceptions(t *testing.T) {
	const one, two, tiny, most = 1.0, 2.0, math.SmallestNonzeroFloat64, math.MaxFloat64
	m := newMachine(t)
	for _, c := range []struct {
		op   ir.Op
		x, y float64
		want softfloat.Flags
		trap bool
	}{
		{ir.FaddD, one, two, 0, false},
		{ir.FdivD, one, 3, softfloat.NX, true},
		{ir.FdivD, one, 0, softfloat.DZ, true},
		{ir.FdivD, 0, 0, softfloat.NV, true},
		{ir.FmulD, most, two, softfloat.OF | softfloat.NX, true},
		{ir.FdivD, tiny, two, softfloat.UF | softfloat.NX, true},
		{ir.FaddD, tiny, tiny, 0, true}, // tiny, but exact
	} {
		for old := range softfloat.Flags(32) {
			for _, without := range []bool{false, true} {
				m.noLookups = without
				m.exception(c.op, c.x, c.y, old, c.want)
				traps := m.ctx.lookups != maxLookups && !without
				if traps != (c.trap && !without) {
					t.Errorf("%s(%g, %g) with flags %#x: traps is %t", c.op, c.x, c.y, old, traps)
				}
			}
		}
	}
}

// exception executes an operation twice, with flags before. The second time they are cleared before.
func (m *machine) exception(op ir.Op, x, y float64, old, want softfloat.Flags) {
	b := &ir.Builder{}
	b.Start(0x1000)
	b.Inst(0x1000)
	for n := range uint8(2) {
		b.SetX(10+n, b.Emit(ir.GetFlags, 0))
		b.SetF(10+n, b.Emit(op, ir.Dynamic, b.F(0), b.F(1)))
		b.SetX(12+n, b.Emit(ir.GetFlags, 0))
		if n == 0 {
			b.Emit(ir.SetFlags, 0, b.Const(0))
		}
	}
	b.Emit(ir.Goto, 0x2000)
	s := ir.State{Flags: old}
	s.F[0], s.F[1] = math.Float64bits(x), math.Float64bits(y)
	m.run(&Compiler{Features: HostFeatures()}, &b.Trace, &s)
	got := [5]uint64{s.X[10], s.X[12], s.X[11], s.X[13], uint64(s.Flags)}
	if all := [5]uint64{uint64(old), uint64(old | want), 0, uint64(want), uint64(want)}; got != all {
		m.t.Errorf("%s(%g, %g) with flags %#x: flags are %#x, want %#x", op, x, y, old, got, all)
	}
}
