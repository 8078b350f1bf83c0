//go:build amd64

package jit

import "sync/atomic"

// Retarget has computed jumps to a guest address lead to another host address, if they lead
// to from now. Any thread may call it, but not while another calls SetJump.
func (ctx *Context) Retarget(pc uint64, from, to uintptr) {
	for _, i := range [...]int{first(pc), second(pc)} {
		e := &ctx.Jumps[i]
		// A thread that looks the address up finds both entries right; one that forgets
		// all jumps meanwhile makes PC another one.
		if atomic.LoadUint64(&e.PC) == pc && atomic.LoadUintptr(&e.Host) == from {
			atomic.StoreUintptr(&e.Host, to)
		}
	}
}
