//go:build amd64

package jit

import (
	"math"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// OffFaultAt is where an instruction that has faulted is to be noted: the displacement of
// Context.FaultAt from RBP, for trap.AddCode.
const OffFaultAt = int32(unsafe.Offsetof(Context{}.FaultAt)) - bias

// OffExceptions is the displacement of what that is told of floating-point exceptions.
const OffExceptions = offKnown

// commonHomes are the homes that all pieces of code have in common.
var commonHomes = homes.recoveries()

// recoveries says which guest registers are in homes.
func (t *homeTable) recoveries() (list []ir.Recovery) {
	for n := range uint64(ir.GuestVars) {
		if h := t.of(n); h != amd64.NoReg {
			list = append(list, ir.Recovery{Register: uint8(n), From: ir.InHost, N: int32(h)})
		}
	}
	return list
}

// Restore brings the guest's registers to their places after an exit by ExitFault. Where a register
// is, late says, if it does, else homes: see ir.States.
func (ctx *Context) Restore(homes, late []ir.Recovery) {
	if homes == nil {
		homes = commonHomes
	}
	var values [ir.GuestVars]uint64
	var found uint64 // bits of those that late has
	for _, r := range late {
		values[r.Register] = ctx.recover(r)
		found |= 1 << r.Register
	}
	for _, r := range homes {
		if found>>r.Register&1 == 0 {
			*ctx.place(int(r.Register)) = ctx.recover(r)
		}
	}
	for _, r := range late { // now that nothing is read any more
		*ctx.place(int(r.Register)) = values[r.Register]
	}
}

// recover is what the guest register that r is for holds.
func (ctx *Context) recover(r ir.Recovery) (v uint64) {
	switch r.From {
	case ir.InPlace:
		v = *ctx.place(int(r.Register))
	case ir.InHost:
		v = ctx.Host[r.N]
	case ir.InSpill:
		v = ctx.Spill[r.N]
	case ir.InVariable:
		v = *ctx.place(int(r.N))
	default:
		v = uint64(int64(r.N))
	}
	switch single := math.Float32frombits(uint32(v)); {
	case r.Fix&ir.FixNaN64 != 0 && math.IsNaN(math.Float64frombits(v)):
		v = constants[constNaND]
	case r.Fix&ir.FixNaN32 != 0 && single != single:
		v = v>>32<<32 | constants[constNaNS]&math.MaxUint32
	}
	if r.Fix&ir.FixBox != 0 {
		v |= box32
	}
	if r.Fix&ir.FixSign != 0 {
		v = uint64(int64(int32(v)))
	}
	return v
}

// place is where variable n is in the context.
func (ctx *Context) place(n int) *uint64 {
	switch {
	case n >= ir.GuestVars:
		return &ctx.Vars[n-ir.GuestVars]
	case n >= firstF:
		return &ctx.R[ir.FirstF+n-firstF]
	}
	return &ctx.R[n]
}

// Target is where a computed call that has faulted was to go.
func (ctx *Context) Target() uint64 { return ctx.Host[amd64.RAX] }
