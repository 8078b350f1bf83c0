//go:build amd64

package jit

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// OffFaultAt is where an instruction that has faulted is to be noted: the displacement of
// Context.FaultAt from RBP, for trap.AddCode.
const OffFaultAt = int32(unsafe.Offsetof(Context{}.FaultAt)) - bias

// Restore brings the guest's registers that have a home back to their places after an exit by
// ExitFault.
func (ctx *Context) Restore() {
	for n, h := range homes {
		if h != amd64.RAX {
			*ctx.register(n) = ctx.Host[h]
		}
	}
}

// RestoreHomes is Restore for a graph, with its homes.
func (ctx *Context) RestoreHomes(list []Home) {
	for _, h := range list {
		*ctx.register(int(h.Variable)) = ctx.Host[h.Reg]
	}
}

// Target is where a computed call that has faulted was to go.
func (ctx *Context) Target() uint64 { return ctx.Host[amd64.RAX] }

// register is the place of guest register n.
func (ctx *Context) register(n int) *uint64 {
	if n >= firstF {
		return &ctx.R[ir.FirstF+n-firstF]
	}
	return &ctx.R[n]
}
