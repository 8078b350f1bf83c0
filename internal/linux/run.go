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
		if t.trace.start != noStop {
			t.startTraced()
			continue
		}
		t.sample(nil) // one whose interrupt has been taken for another one
		exit := t.next()
		t.sample(nil)
		switch exit.Kind {
		case guest.ExitSyscall:
			t.syscall()
			t.steppedOver()
		case guest.ExitTrap:
			t.trap(exit.Trap)
		case guest.ExitInterrupt:
			t.interrupted()
		case guest.ExitFailed:
			t.P.end(Status{Code: ExitFailure})
			t.exiting = true
		}
	}
}

// ExitFailure is the exit status of a guest that hospes cannot go on with.
const ExitFailure = 125

// next runs the CPU until something needs the task.
func (t *Task) next() guest.Exit {
	var exit guest.Exit
	if t.host.Traced() {
		exit = t.steps()
	} else {
		exit = t.CPU.Run()
	}
	if exit.Kind == guest.ExitBreak {
		return t.atBreak()
	}
	return exit
}

// syscall carries out the system call that the guest has just made.
func (t *Task) syscall() {
	c := t.newCall()
	defer func() { t.call = c }()
	traced := t.host.Traced()
	if traced && !t.enterTraced(c) {
		if !t.gone() {
			t.afterSyscall(t.leaveTraced(0), 0)
		}
		return
	}
	if t.P.Tracer != nil {
		t.P.Tracer.Enter(t, c)
	}
	r, e := t.carry(c)
	t.sample(c)
	for traced && t.hidden(e) {
		if t.P.stop.Ordered() {
			t.gate.Park(&t.P.stop)
		}
		t.host.TakeKick()
		r, e = t.carry(c)
	}
	if t.exiting || t.gone() {
		return
	}
	if e == errNoResult {
		if t.host.Traced() {
			t.leaveTraced(0)
		}
		return
	}
	result := int64(r)
	if e != 0 {
		result = -int64(e)
	}
	if t.P.Tracer != nil {
		t.P.Tracer.Leave(t, c, result)
	}
	t.CPU.SetResult(result)
	if t.host.Traced() {
		if e = t.leaveTraced(e); t.gone() {
			return
		}
	}
	t.afterSyscall(e, c.Args[0])
}

// newCall is the system call that the guest has just made. It is not used again before the
// call is over: a vfork's child makes calls of its own within its parent's.
func (t *Task) newCall() (c *Call) {
	if c, t.call = t.call, nil; c == nil {
		c = new(Call)
	}
	nr, args := t.CPU.Syscall()
	*c = Call{Row: t.P.row(nr), Args: args}
	return c
}

// row is the row of a system call; those that do not exist have one of their own.
func (p *Process) row(nr uint64) *Row {
	row := p.table.row(nr)
	if row == &unknownCall {
		row = &Row{Nr: int(int32(nr)), Name: "unknown", Do: unknownCall.Do}
	}
	return row
}

// errNoResult is what rt_sigreturn and execve return: the registers are the
// result.
const errNoResult = syscall.Errno(0x10000)
