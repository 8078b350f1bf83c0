//go:build linux && amd64

package linux

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/trap"
)

// follow is what a tracer wants of a clone(2) under way; nil for nothing. The event is
// told after the clone, and the child waits until the tracer has attached it. But a
// thread that makes a vfork child sleeps in the host's kernel: there the kernel tells the
// event and attaches the child.
type follow struct {
	t      *Task
	event  int  // PTRACE_EVENT_*; 0 for none
	done   bool // PTRACE_EVENT_VFORK_DONE is wanted
	parent int  // of the child
	tid    int  // of t, also in a child where t is the child's
}

func (t *Task) follow(a *cloneArgs) *follow {
	if !t.traced() || a.Flags&unix.CLONE_UNTRACED != 0 {
		return nil
	}
	f := &follow{t: t, parent: os.Getpid(), tid: t.TID}
	vfork := a.Flags&unix.CLONE_VFORK != 0
	switch {
	case vfork:
		f.event = ptrace.EventVfork
	case a.Flags&unix.CLONE_THREAD != 0 || a.ExitSignal != uint64(unix.SIGCHLD):
		f.event = ptrace.EventClone
	default:
		f.event = ptrace.EventFork
	}
	f.done = vfork && t.wantsEvent(ptrace.EventVforkDone)
	if !t.wantsEvent(f.event) {
		f.event = 0
	}
	if a.Flags&unix.CLONE_PARENT != 0 {
		f.parent = os.Getppid()
	}
	if f.event == ptrace.EventVfork {
		t.prepare(ptrace.Event).Event = ptrace.EventVfork
	}
	return f
}

// prepare makes the child stop before its first instruction.
func (f *follow) prepare(child *Task) {
	if f == nil || f.event == 0 {
		return
	}
	f.adopt(child, f.t.trace.rec)
	if child.P == f.t.P {
		child.trace.release = make(chan struct{})
	}
}

// adopt gives the child what the tracer has told its parent, in own.
func (f *follow) adopt(child *Task, own *ptrace.Record) {
	child.trace = taskTrace{start: stopBorn, parent: f.parent, parentTID: f.tid}
	if f.event == ptrace.EventVfork {
		child.trace.start = stopAttached
	}
	r := child.record()
	r.Options, r.Seized, r.Tracer, r.UID = own.Options, own.Seized, own.Tracer, own.UID
}

// threadCloned tells that a thread has been made.
func (f *follow) threadCloned(child *Task) {
	if f != nil && f.event != 0 && !f.t.event(f.event, uint64(child.TID), os.Getpid()) {
		close(child.trace.release)
	}
}

// cloned tells that a process has been made. In the copy of a process, where the
// result is 0, t is the child.
func (f *follow) cloned(pid uint64, e syscall.Errno) (uint64, syscall.Errno) {
	switch {
	case f == nil, e != 0, f.t.gone():
		return pid, e
	case pid == 0:
		f.becomeChild()
		return pid, e
	}
	switch f.event {
	case ptrace.EventVfork:
		if f.t.trace.rec.Answered != 0 {
			f.t.answered()
		}
	case ptrace.EventFork, ptrace.EventClone:
		if !f.t.event(f.event, pid, int(pid)) {
			trap.KickProcess(int(pid))
		}
	}
	if f.done {
		f.t.event(ptrace.EventVforkDone, pid, 0)
	}
	return pid, e
}

// becomeChild makes the task, which is now that of a child, wait for its tracer.
func (f *follow) becomeChild() {
	own := f.t.trace.rec
	f.t.trace = taskTrace{}
	if f.event != 0 {
		f.adopt(f.t, own)
	}
}
