//go:build amd64

package jit

import _ "unsafe" // for go:linkname

//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// Enter runs translated code from a host address until it takes an exit: see
// Context.Exit. To Go's scheduler and collector it is a system call, so neither waits.
// The goroutine must be locked to its thread.
//
// It is nosplit because the stack must not move or grow between entersyscall and
// exitsyscall, both of which record this frame.
//
//go:nosplit
//go:norace
func (ctx *Context) Enter(host uintptr) {
	ctx.entry = host
	entersyscall()
	enter(ctx)
	exitsyscall()
}

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

// EnterAlone is Enter for a thread that is not expected to come back soon: it gives its P away, for which
// Go's scheduler would look at it again and again for some milliseconds.
//
//go:nosplit
//go:norace
func (ctx *Context) EnterAlone(host uintptr) {
	ctx.entry = host
	entersyscallblock()
	enter(ctx)
	exitsyscall()
}

// enter runs translated code at ctx.entry until an exit. It must not be stopped by Go's
// scheduler, and what it runs must not be Go.
//
//go:noescape
func enter(ctx *Context)

// leaveAddrs are where translated code jumps to leave, where it goes on after a fault, and where it leaves by ExitIndirect for
// noGuess.
func leaveAddrs() (leave, fault, indirect uintptr)
