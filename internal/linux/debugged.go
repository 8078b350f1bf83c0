//go:build linux && amd64

package linux

import (
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/ptrace"
)

// What a tracee does for a debugger beyond ptrace(2): breakpoints and watchpoints, which are
// the address space's, and steps over more than an instruction.

// takePoints takes over a part of the tracer's breakpoints and watchpoints; the last one
// makes them all valid, for whoever shares the memory.
func (t *Task) takePoints(r *ptrace.Record) {
	t.trace.points = append(t.trace.points, r.Points[:min(int(r.NumPoints), len(r.Points))]...)
	if r.More != 0 {
		return
	}
	var breaks []uint64
	var watches []mem.Watch
	for _, p := range t.trace.points {
		if p.Prot&unix.PROT_EXEC != 0 {
			breaks = append(breaks, p.Addr)
		} else {
			watches = append(watches, mem.Watch{Range: mem.Range{Start: p.Addr, End: p.Addr + uint64(p.Len)}, Prot: mem.Prot(p.Prot)})
		}
	}
	t.trace.points = nil
	t.Mem.SetBreaks(breaks)
	t.Mem.SetWatches(watches)
}

// atBreak deals with a breakpoint at the pc, or in the midst of the instruction there: that
// is executed all the same, and so it is where nobody debugs any more.
func (t *Task) atBreak() guest.Exit {
	pc := t.CPU.PC()
	switch {
	case t.traced() && t.Mem.HasBreak(pc):
		t.debugStop(ptrace.Broken, guest.TRAP_BRKPT, pc)
		return guest.Exit{Kind: guest.ExitInterrupt}
	case !t.traced() && t.P.vfork == nil: // else they are its parent's
		t.forgetDebugger()
	}
	return t.CPU.Step()
}

// forgetDebugger removes what a debugger has left that has gone without a word.
func (t *Task) forgetDebugger() {
	t.Mem.SetBreaks(nil)
	t.Mem.SetWatches(nil)
}

// steps runs the CPU as far as the tracer wants: for an instruction, or until something
// that is watched is accessed, or until something else needs the task.
func (t *Task) steps() guest.Exit {
	stepping, watching := t.mode().Steps(), t.Mem.Watches()
	if !stepping && !watching {
		return t.CPU.Run()
	}
	for again := false; ; again = true {
		if (again || !stepping) && t.Mem.HasBreak(t.CPU.PC()) {
			return guest.Exit{Kind: guest.ExitBreak}
		}
		var a guest.Access
		if watching {
			a = t.CPU.Access()
		}
		before := t.CPU.Retired()
		exit := t.CPU.Step()
		if t.CPU.Retired() == before || exit.Kind != guest.ExitInterrupt && exit.Kind != guest.ExitBreak {
			return exit
		}
		switch at, found := t.watched(a); {
		case found:
			t.trace.data = at
			t.debugStop(ptrace.Watched, guest.TRAP_HWBKPT, at)
			return guest.Exit{Kind: guest.ExitInterrupt}
		case stepping && !t.inRange():
			t.debugStop(ptrace.Stepped, guest.TRAP_TRACE, t.CPU.PC())
			return guest.Exit{Kind: guest.ExitInterrupt}
		}
	}
}

// watched returns where an access concerns what is watched.
func (t *Task) watched(a guest.Access) (at uint64, found bool) {
	var access mem.Prot
	if a.Read {
		access |= mem.Read
	}
	if a.Write {
		access |= mem.Write
	}
	at, _, found = t.Mem.Watched(a.Addr, a.Size, access)
	return at, found
}

// inRange reports whether the pc is where a step is not over yet.
func (t *Task) inRange() bool {
	r, pc := t.trace.rec, t.CPU.PC()
	return pc >= r.From && pc < r.To
}

// steppedOver makes the stop of a single step behind a system call, or at the beginning of a
// handler.
func (t *Task) steppedOver() {
	if t.mode() == ptrace.Step && !t.exiting && !t.gone() && !t.inRange() {
		t.debugStop(ptrace.Stepped, guest.TRAP_TRACE, t.CPU.PC())
	}
}

// debugStop stops the thread for its debugger, with a SIGTRAP that has its effect only if
// the debugger wants that.
func (t *Task) debugStop(reason ptrace.Reason, code int32, addr uint64) {
	info := kernelInfo(int(unix.SIGTRAP), code, addr)
	t.trace.reason = reason
	if t.signalStop(&info) && t.traced() && !t.gone() && t.host.Freeze() {
		t.act(&info)
	}
}
