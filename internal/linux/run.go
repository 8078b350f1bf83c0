//go:build linux && amd64

package linux

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/guest"
)

// run executes the task until it ends. It is the emulation loop's outer half:
// guest code runs in CPU.Run; everything that needs Linux comes back here.
func (t *Task) run() {
	for !t.exiting && !t.gone() {
		if t.P.stop.Ordered() {
			t.gate.Park(&t.P.stop)
		}
		switch exit := t.CPU.Run(); exit.Kind {
		case guest.ExitSyscall:
			t.syscall()
		case guest.ExitTrap:
			t.trap(exit.Trap)
		case guest.ExitInterrupt:
			t.interrupted()
		}
	}
}

// syscall carries out the system call that the guest has just made.
func (t *Task) syscall() {
	nr, args := t.CPU.Syscall()
	c := Call{Row: t.P.table.row(nr), Args: args}
	if c.Row == &unknownCall {
		c.Row = &Row{Nr: int(int32(nr)), Name: "unknown", Do: unknownCall.Do}
	}
	if t.P.Tracer != nil {
		t.P.Tracer.Enter(t, &c)
	}
	r, e := t.carryOut(&c)
	if t.exiting || t.gone() {
		return
	}
	if e == errNoResult {
		return
	}
	result := int64(r)
	if e != 0 {
		result = -int64(e)
	}
	if t.P.Tracer != nil {
		t.P.Tracer.Leave(t, &c, result)
	}
	t.CPU.SetResult(result)
	t.afterSyscall(e, args[0])
}

// errNoResult is what rt_sigreturn and execve return: the registers are the
// result.
const errNoResult = syscall.Errno(0x10000)
