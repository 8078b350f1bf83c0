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
// is, late says, if it does, else s.Homes; s is nil for code without such lists: see ir.States.
func (ctx *Context) Restore(s *ir.States, late []ir.Recovery) {
	r := restorer{ctx: ctx, homes: commonHomes}
	if s != nil && s.Homes != nil {
		r.homes, r.computed = s.Homes, s.Computed
	}
	var values [ir.GuestVars]uint64
	var found uint64 // bits of those that late has
	for _, l := range late {
		values[l.Register] = r.recover(l)
		found |= 1 << l.Register
	}
	for _, h := range r.homes {
		if found>>h.Register&1 == 0 {
			*ctx.place(int(h.Register)) = r.recover(h)
		}
	}
	for _, l := range late { // now that nothing is read any more
		*ctx.place(int(l.Register)) = values[l.Register]
	}
}

// restorer is the state of Restore.
type restorer struct {
	ctx      *Context
	homes    []ir.Recovery
	computed []ir.Computation
}

// recover is what the guest register, or the argument, that l is for holds.
func (r *restorer) recover(l ir.Recovery) (v uint64) {
	switch l.From {
	case ir.InPlace:
		v = *r.ctx.place(int(l.Register))
	case ir.InHost:
		v = r.ctx.Host[l.N]
	case ir.InSpill:
		v = r.ctx.Spill[l.N]
	case ir.InVariable:
		v = *r.ctx.place(int(l.N))
	case ir.IsComputed:
		c := &r.computed[l.N]
		v = ir.Compute(c.Op, c.Imm, r.recover(c.Args[0]), r.recover(c.Args[1]), 0)
	default:
		v = uint64(int64(l.N))
	}
	switch single := math.Float32frombits(uint32(v)); {
	case l.Fix&ir.FixNaN64 != 0 && math.IsNaN(math.Float64frombits(v)):
		v = constants[constNaND]
	case l.Fix&ir.FixNaN32 != 0 && single != single:
		v = v>>32<<32 | constants[constNaNS]&math.MaxUint32
	}
	if l.Fix&ir.FixBox != 0 {
		v |= box32
	}
	if l.Fix&ir.FixSign != 0 {
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
