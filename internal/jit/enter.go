//go:build amd64

package jit

// enter runs translated code at ctx.entry until an exit. It must not be stopped by Go's
// scheduler, and what it runs must not be Go.
//
//go:noescape
func enter(ctx *Context)

// leaveAddr is where translated code jumps to leave.
func leaveAddr() uintptr
