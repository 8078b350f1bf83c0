//go:build linux && amd64

// Package inferior is guest processes under a debugger of the host: the gdbstub.Target that
// traces them. It does so as a guest tracer would (package ptrace), from a process of its own:
// what is not debugged costs nothing, and a guest can be attached to that knows nothing of it.
//
// A thread that stops has the others stopped, too (stop.go), before the debugger hears of it.
// What else has happened by then is kept until the thread is to go on; that a thread has come to
// a breakpoint is not, as it will do so again. Breakpoints and watchpoints are the tracees' own
// work: they are handed over before threads go on (point.go), all at once and only if they
// have changed, as GDB removes them at each stop and sets them again.
//
// All of a Target belongs to one goroutine, locked to its thread, because the kernel
// takes that for the tracer. Another one (watch) tells it when there is something to wait for.
package inferior
