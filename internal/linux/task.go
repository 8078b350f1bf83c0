//go:build linux && amd64

package linux

import (
	"sync/atomic"
	"syscall"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/abi"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Task is a guest thread. It runs on one goroutine, locked to one host thread,
// whose thread ID and signal mask are the guest's. Only that goroutine uses it,
// save for what says otherwise.
type Task struct {
	P   *Process
	Mem *mem.Space
	CPU guest.CPU
	TID int

	host  *trap.Thread // the part that host signal handlers touch
	sig   taskSignals  // mask, alternate stack (signal.go)
	trace taskTrace    // the tracer (traced.go)
	thr   taskThread   // clear_child_tid, robust list (thread.go)
	io    ioScratch    // memory for the host's arguments of one call (file.go)
	call  *Call        // memory for the next one; nil for none (run.go)

	// secure is what the thread has said about its system calls (seccomp.go); nil for
	// nothing. Another thread may change it.
	secure atomic.Pointer[secureState]

	restart restartBlock // what restart_syscall(2) continues (time.go)

	seen *peer.Thread // what other guest processes see of the thread; nil if nothing

	// calling is set while a system call is under way, where memory may move (moved.go).
	// Other threads look at it.
	calling atomic.Bool
	asleep  atomic.Pointer[sleep]

	gate forkall.Gate // where the thread waits while another one forks (fork.go)

	// exiting is set by a handler that ends the thread; the run loop then returns.
	exiting bool
}

// Call is one system call under way.
type Call struct {
	Row  *Row
	Args [6]uint64

	asked   bool // the tracer, by SECCOMP_RET_TRACE
	allowed bool // the thread's filters have let it through
}

// Int is argument i as a C int.
func (c *Call) Int(i int) int { return int(int32(c.Args[i])) }

// Uint is argument i as a C unsigned int.
func (c *Call) Uint(i int) uint32 { return uint32(c.Args[i]) }

// Handler carries out a system call. It returns the result, or an errno: one of
// Linux's or one of the restart codes below.
type Handler func(t *Task, c *Call) (uint64, syscall.Errno)

// Restart codes, which never reach the guest.
const (
	ERESTARTSYS           = uapi.ERESTARTSYS
	ERESTARTNOINTR        = uapi.ERESTARTNOINTR
	ERESTARTNOHAND        = uapi.ERESTARTNOHAND
	ERESTART_RESTARTBLOCK = uapi.ERESTART_RESTARTBLOCK // continues what Task.restart says
)

// Syscall performs a host system call that may block. When a guest signal arrives,
// also just before it, the result is a restart code, as the host kernel would go
// on: ERESTARTSYS; ERESTARTNOINTR if the call has not been made; and EINTR, which
// stands for all that fail with it after any handler (see restart).
//
// Go variables whose addresses are converted in the argument list itself stay alive
// and where they are until the call is over; for others see marshaller.keep.
//
//go:uintptrescapes
func (t *Task) Syscall(nr uintptr, a ...uintptr) (uint64, syscall.Errno) {
	var v [6]uintptr
	copy(v[:], a)
	r, e := t.host.Syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5])
	return uint64(r), e
}

// restart maps EINTR of an interrupted call to a restart code: ERESTARTNOHAND, or
// ERESTART_RESTARTBLOCK for a call with a relative time-out. EINTR itself would
// reach the guest even if no handler ran.
func restart(r uint64, e, code syscall.Errno) (uint64, syscall.Errno) {
	if e == syscall.EINTR {
		e = code
	}
	return r, e
}

// hostCall returns the handler of a call that the host has too, with the same
// meaning of all arguments: the specification says how to hand them over.
// Interrupted calls restart as the host's do.
func hostCall(nr uintptr) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		m := marshaller{t: t}
		v, e := m.host(c)
		if e != 0 {
			m.finish()
			return 0, e
		}
		r, e := t.host.Syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5])
		if f := m.finish(); f != nil && e == 0 {
			return 0, syscall.EFAULT
		}
		return restart(uint64(r), e, ERESTARTNOHAND)
	}
}

// always returns a handler that fails with e.
func always(e syscall.Errno) Handler {
	return func(*Task, *Call) (uint64, syscall.Errno) { return 0, e }
}

// ownCall makes the same call of the host, one that has no arguments and never waits.
func ownCall(nr uintptr) Handler {
	return func(*Task, *Call) (uint64, syscall.Errno) {
		r, _, e := syscall.RawSyscall(nr, 0, 0, 0)
		return uint64(r), e
	}
}

// specs are argument specifications that have been parsed, by system call number.
var specs [512]atomic.Pointer[parsedSpec]

type parsedSpec struct {
	text string
	args []abi.Arg
}

// spec returns the parsed argument specification of the call.
func (c *Call) spec() []abi.Arg {
	nr := uint(c.Row.Nr)
	if nr >= uint(len(specs)) {
		return abi.Parse(c.Row.Args)
	}
	s := specs[nr].Load()
	if s == nil || s.text != c.Row.Args {
		s = &parsedSpec{c.Row.Args, abi.Parse(c.Row.Args)}
		specs[nr].Store(s)
	}
	return s.args
}
