//go:build linux && amd64

package sandbox

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Support says how far a system call is there.
type Support uint8

const (
	Full    Support = iota // as Linux has it
	Partial                // the note says what is missing
	None                   // fails as on a kernel without it; the note says why
)

func (s Support) String() string { return [...]string{"full", "partial", "none"}[s] }

// Row is one system call: its number in the generic table
// (include/uapi/asm-generic/unistd.h), its name, what carries it out, and how far.
type Row struct {
	Nr      int
	Name    string
	Do      Handler
	Support Support
	Note    string
}

// Call is one system call under way.
type Call struct {
	Row  *Row
	Args [6]uint64
}

// Int is argument i as a C int.
func (c *Call) Int(i int) int { return int(int32(c.Args[i])) }

// Uint is argument i as a C unsigned int.
func (c *Call) Uint(i int) uint32 { return uint32(c.Args[i]) }

// Handler carries out a system call. It returns the result, or an errno: one of
// Linux's or one of the restart codes below.
type Handler func(t *Task, c *Call) (uint64, syscall.Errno)

// Restart codes: how a call that was interrupted goes on (include/linux/errno.h).
// They never reach the guest.
const (
	ERESTARTSYS    = syscall.Errno(512) // restart if no handler ran, or its action has SA_RESTART; else EINTR
	ERESTARTNOINTR = syscall.Errno(513) // restart always
	ERESTARTNOHAND = syscall.Errno(514) // restart if no handler ran; else EINTR

	// ERESTART_RESTARTBLOCK: go on through restart_syscall(2), which continues what
	// Task.restart says, if no handler ran; else EINTR.
	ERESTART_RESTARTBLOCK = syscall.Errno(516)

	// errNoResult is what rt_sigreturn and execve return: the registers are the result.
	errNoResult = syscall.Errno(0x10000)
)

// always returns a handler that fails with e; 0 is success without any effect.
func always(e syscall.Errno) Handler {
	return func(*Task, *Call) (uint64, syscall.Errno) { return 0, e }
}

// value returns a handler whose result does not depend on arguments.
func value(f func(t *Task) int) Handler {
	return func(t *Task, _ *Call) (uint64, syscall.Errno) { return uint64(f(t)), 0 }
}

// table is indexed by system call number.
type table []*Row

// unknownCall is what numbers without a row mean.
var unknownCall = Row{Nr: -1, Name: "unknown", Do: always(syscall.ENOSYS), Support: None}

// row returns the row of a number.
func (tb table) row(nr uint64) *Row {
	if nr < uint64(len(tb)) && tb[nr] != nil {
		return tb[nr]
	}
	return &unknownCall
}

// newTable returns the generic rows and those of arch.
func newTable(arch guest.Arch) table {
	tb := make(table, 512)
	for _, rows := range [][]Row{Rows, FileRows} {
		for i := range rows {
			tb[rows[i].Nr] = &rows[i]
		}
	}
	for _, s := range arch.Syscalls() {
		tb[s.Nr] = &Row{Nr: int(s.Nr), Name: s.Name, Do: archCall(s.Do)}
	}
	return tb
}

// archCall makes a handler of an architecture's own system call.
func archCall(do func(guest.CPU, *mem.Space, [6]uint64) int64) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		r := do(t.CPU, t.Mem, c.Args)
		if r < 0 && r >= -4095 {
			return 0, syscall.Errno(-r)
		}
		return uint64(r), 0
	}
}

// Rows is the system call table without the calls that are about files (FileRows), in the order
// of the numbers.
var Rows = []Row{
	{93, "exit", sysExit, Full, ""},
	{94, "exit_group", sysExitGroup, Full, ""},
	{96, "set_tid_address", sysSetTidAddress, Full, ""},
	{172, "getpid", value(func(t *Task) int { return t.P.Pid }), Full, ""},
	{178, "gettid", value(func(t *Task) int { return t.TID }), Full, ""},
	{214, "brk", sysBrk, Full, ""},
}
