//go:build linux && amd64

package jit

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestRestore: registers are found where the lists say, of which the one for the instruction counts more
// than that for all of the code.
func TestRestore(t *testing.T) {
	const negativeNaN, canonicalNaN, one = 0xfff8000000000001, 0x7ff8000000000000, 0x3ff0000000000000
	var ctx Context
	for n := range ir.GuestVars {
		*ctx.place(n) = 1000 + uint64(n)
	}
	for n := range ctx.Host {
		ctx.Host[n] = 2000 + uint64(n)
	}
	ctx.Spill[5], ctx.Spill[6], ctx.Vars[3] = 3005, 1<<31, negativeNaN
	ctx.Host[amd64.RDX] = 1
	ctx.Host[amd64.X2], ctx.Host[amd64.X3] = one, negativeNaN
	homes := []ir.Recovery{
		{Register: 5, From: ir.InHost, N: int32(amd64.RBX)},
		{Register: 6, From: ir.InHost, N: int32(amd64.RSI)},
		{Register: 7, From: ir.InHost, N: int32(amd64.RDI)},
	}
	late := []ir.Recovery{
		{Register: 6, From: ir.InPlace},
		{Register: 7, From: ir.InVariable, N: 8},
		{Register: 8, From: ir.InVariable, N: 9},
		{Register: 9, From: ir.InSpill, N: 5},
		{Register: 10, From: ir.IsConst, N: -3},
		{Register: 11, From: ir.InSpill, N: 6, Fix: ir.FixSign},
		{Register: 12, From: ir.IsComputed, N: 1, Fix: ir.FixSign},
		{Register: firstF + 1, From: ir.InHost, N: int32(amd64.X2), Fix: ir.FixNaN64},
		{Register: firstF + 2, From: ir.InHost, N: int32(amd64.X3), Fix: ir.FixNaN64},
		{Register: firstF + 3, From: ir.InHost, N: int32(amd64.X3)},
		{Register: firstF + 4, From: ir.InVariable, N: ir.GuestVars + 3, Fix: ir.FixNaN64},
	}
	s := ir.States{Homes: homes, Computed: []ir.Computation{
		{Op: ir.Sll, Args: [2]ir.Recovery{{From: ir.InHost, N: int32(amd64.RDX)}, {From: ir.IsConst, N: 33}}},
		{Op: ir.Srl, Args: [2]ir.Recovery{{From: ir.IsComputed}, {From: ir.IsConst, N: 2}}},
	}}
	want := map[int]uint64{
		11: 0xffffffff80000000, 12: 0xffffffff80000000,
		5: 2000 + uint64(amd64.RBX), 6: 1006, 7: 1008, 8: 1009, 9: 3005, 10: ^uint64(2),
		firstF + 1: one, firstF + 2: canonicalNaN, firstF + 3: negativeNaN, firstF + 4: canonicalNaN,
	}
	ctx.Restore(&s, late)
	for n := range ir.GuestVars {
		w, ok := want[n]
		if !ok {
			w = 1000 + uint64(n)
		}
		if got := *ctx.place(n); got != w {
			t.Errorf("variable %d is %#x, want %#x", n, got, w)
		}
	}
}
