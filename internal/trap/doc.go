//go:build linux && amd64

// Package trap connects the host's signals to guest threads.
//
// The host kernel keeps the guest's signals: a guest thread is a goroutine locked
// to a host thread whose real signal mask is the guest's, and a disposition of
// SIG_DFL or SIG_IGN is set on the host. Queues, order, default actions, atomic
// masks (ppoll), sigtimedwait and signalfd are therefore the kernel's own. Go
// without libc reserves no signal, so numbers map one to one. Only a signal for
// which the guest has a handler comes here.
//
// # The slot
//
// The host handler, in assembly, finds the [Thread] of the current host thread by
// its thread ID, copies the siginfo into the Thread's slot, raises the CPU's
// interrupt word and returns to a mask in which everything is blocked: one signal
// at most is under way, the rest stays in the kernel's queues. The guest thread
// takes the signal ([Thread.Take]), builds the guest's frame, and sets the guest's
// new mask ([Thread.SetMask]), upon which the kernel delivers the next one.
//
// # The unmaskable six
//
// SIGILL, SIGTRAP, SIGBUS, SIGFPE and SIGSEGV are how faults arrive in Go, so
// they always have a handler and are never blocked on the host: raised by an
// instruction (si_code > 0) they go on to Go's handler, sent by somebody they are
// the guest's. SIGSTKFLT, the kick, interrupts a guest thread that blocks in the
// kernel; sent by anybody but [Thread.Kick] it is the guest's too. The six have a
// slot each; blocking and ignoring them is left to the caller.
//
// # System calls
//
// [Thread.Syscall] never sleeps through a signal: when the handler finds the
// thread in the few instructions before SYSCALL, it moves it past them. It also
// tells calls that were not made, calls that the kernel would restart, and calls
// that fail with EINTR from each other, so that nobody needs a table of which
// system calls restart. The instruction is written with a superfluous REX prefix:
// the kernel restarts a call by moving the instruction pointer back by the two
// bytes of a plain SYSCALL, which makes a restart distinguishable from a call that
// has not begun.
//
// # Threads of Go's runtime
//
// They must not take the guest's signals. With package trap/early in the program
// they are born with all signals blocked. Without it, those that exist at [Init]
// are told to block everything, and a later one does so when it gets its first
// signal, which goes back into the end of the process's queue: none is lost, but the
// order of those of one number may suffer. [Release] gives signals back to Go.
package trap
