package hospes

import (
	"errors"
	"fmt"

	"github.com/hospes-vm/hospes/internal/guest"
)

// ErrClosed says that the guest of an instance has ended, so it cannot be run or called any more.
var ErrClosed = errors.New("hospes: the instance has ended")

// ErrBusy says that an instance is used by another goroutine.
var ErrBusy = errors.New("hospes: the instance is in use")

// Limit is one of those in Limits.
type Limit string

// The limits.
const (
	MemoryLimit      Limit = "memory"
	InstructionLimit Limit = "instructions"
	ThreadLimit      Limit = "threads"
	FileLimit        Limit = "open files"
	OutputLimit      Limit = "output"
	TimeLimit        Limit = "time"
)

// LimitError says that a guest has ended by one of its limits, or after one has kept it from something. Two of them are the
// same to errors.Is if they are about the same limit:
//
//	errors.Is(err, &hospes.LimitError{Limit: hospes.MemoryLimit})
type LimitError struct{ Limit Limit }

func (e *LimitError) Error() string { return fmt.Sprintf("the limit on %s has been reached", e.Limit) }

// Is reports whether target is about the same limit.
func (e *LimitError) Is(target error) bool {
	other, ok := target.(*LimitError)
	return ok && *other == *e
}

// ExitError says that a guest has ended with another exit status than 0.
type ExitError struct {
	Code  int
	Limit error // a *LimitError if one has kept the guest from something, else nil
}

func (e *ExitError) Error() string { return withLimit(fmt.Sprintf("exit status %d", e.Code), e.Limit) }

// Unwrap is e.Limit.
func (e *ExitError) Unwrap() error { return e.Limit }

// SignalError says that a guest has died of a signal.
type SignalError struct {
	Signal int   // of Linux
	Trap   *Trap // what has raised it, or nil if somebody has sent it
	Limit  error // as in ExitError
}

func (e *SignalError) Error() string {
	s := fmt.Sprintf("signal %d", e.Signal)
	if name := signalNames[e.Signal]; name != "" {
		s = name
	}
	if e.Trap != nil {
		s += " " + e.Trap.where()
	}
	return withLimit(s, e.Limit)
}

// Unwrap is e.Limit.
func (e *SignalError) Unwrap() error { return e.Limit }

// Trap is an exception at an instruction.
type Trap struct {
	PC       uint64 // of the instruction
	Function string // that it is in, "main+0x8", or "" if that is not known
	Addr     uint64 // what it has accessed (si_addr)
	Code     int    // si_code: why
}

func (t *Trap) where() string {
	s := fmt.Sprintf("at %#x", t.PC)
	if t.Function != "" {
		s += " (" + t.Function + ")"
	}
	if t.Addr != t.PC {
		s += fmt.Sprintf(", address %#x", t.Addr)
	}
	return s
}

// HostError says that a function of the host's has returned an error, or panicked (Err is a *PanicError), which has ended the guest.
// It is also for panics of what Options has.
type HostError struct {
	Function string // its name; or "standard input", "standard output", "file system", "Dial", "connection"
	Err      error
}

func (e *HostError) Error() string { return e.Function + ": " + e.Err.Error() }

// Unwrap is e.Err.
func (e *HostError) Unwrap() error { return e.Err }

// PanicError is a panic of the host's code.
type PanicError struct {
	Value any
	Stack []byte // as of debug.Stack, at the panic
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap is the value, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// MemoryError says that guest memory cannot be accessed.
type MemoryError struct {
	Addr  uint64
	Write bool
}

func (e *MemoryError) Error() string {
	how := "read"
	if e.Write {
		how = "written"
	}
	return fmt.Sprintf("guest memory at %#x cannot be %s", e.Addr, how)
}

func withLimit(s string, limit error) string {
	if limit != nil {
		s += ", after " + limit.Error()
	}
	return s
}

// signalNames are those that programs die of most.
var signalNames = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", guest.SIGILL: "SIGILL", guest.SIGTRAP: "SIGTRAP", 6: "SIGABRT", guest.SIGBUS: "SIGBUS",
	8: "SIGFPE", 9: "SIGKILL", 10: "SIGUSR1", guest.SIGSEGV: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 31: "SIGSYS",
}
