//go:build linux && amd64

package inferior

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/gdbstub"
	"github.com/hospes-vm/hospes/internal/ptrace"
)

// watch tells of something to wait for, whenever it is asked to look.
func (t *Target) watch() {
	for range t.look {
		for unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL, nil) == unix.EINTR {
		}
		t.events <- struct{}{}
	}
}

// Events receives when Poll has something to do.
func (t *Target) Events() <-chan struct{} { return t.events }

// Resume has threads go on.
func (t *Target) Resume(action func(gdbstub.ID) (gdbstub.Action, bool)) bool {
	var list []*thread
	waiting := len(t.ended) > 0
	for _, id := range t.Threads() {
		th := t.threads[id.TID]
		a, goes := action(id)
		th.resumed = goes
		if th.running || !goes {
			continue
		}
		th.action = a
		list = append(list, th)
		waiting = waiting || th.pending != nil
	}
	if !waiting && len(list) == 0 {
		return false
	}
	if waiting { // nothing goes on before the debugger knows
		t.events <- struct{}{}
		return true
	}
	for _, p := range t.procs {
		t.sync(p.mem)
	}
	for _, th := range list {
		t.goOn(th)
	}
	t.look <- struct{}{}
	return true
}

// goOn has a thread go on as its action says.
func (t *Target) goOn(th *thread) {
	d := t.stopped(th.TID)
	if d == nil {
		return // it has ended
	}
	a := th.action
	th.running, th.action.Signal = true, 0
	switch {
	case th.listen:
		d.Listen()
	case a.Step:
		d.Step(a.From, a.To, a.Signal)
	case t.wants.Syscalls:
		d.Resume(ptrace.Syscall, a.Signal)
	default:
		d.Resume(ptrace.Cont, a.Signal)
	}
}

// Interrupt has a thread stop, if it can.
func (t *Target) Interrupt() {
	for _, id := range t.Threads() {
		if th := t.threads[id.TID]; th.running && !th.vforks {
			th.action.Signal = interrupted
			t.tracer.Interrupt(th.TID)
			return
		}
	}
}

// interrupted is in the place of a signal that Interrupt has sent.
const interrupted = -1

// Poll deals with what has happened.
func (t *Target) Poll() (gdbstub.Event, bool) {
	for t.wait(unix.WNOHANG) {
	}
	e, ok := t.next()
	if !ok {
		t.look <- struct{}{}
		return e, false
	}
	t.stopAll()
	return e, true
}

// next takes an event that is to be told.
func (t *Target) next() (e gdbstub.Event, ok bool) {
	if len(t.ended) > 0 {
		e, t.ended = t.ended[0], t.ended[1:]
		return e, true
	}
	for _, id := range t.Threads() {
		if th := t.threads[id.TID]; th.resumed && th.pending != nil {
			e, th.pending = *th.pending, nil
			return e, true
		}
	}
	if len(t.threads) > 0 && !slices.ContainsFunc(t.Threads(), func(id gdbstub.ID) bool { return t.threads[id.TID].running }) {
		return gdbstub.Event{Kind: gdbstub.NoneRuns}, true // those that went on have ended
	}
	return e, false
}

// stopAll returns when no thread runs.
func (t *Target) stopAll() {
	t.stopping = true
	defer func() { t.stopping = false }()
	for _, th := range t.threads {
		if th.running && !th.vforks {
			t.tracer.Interrupt(th.TID)
		}
	}
	for t.anyRuns() && t.wait(0) {
	}
}

func (t *Target) anyRuns() bool {
	for _, th := range t.threads {
		if th.running && !th.vforks {
			return true
		}
	}
	return false
}

// wait deals with one thing that wait4(2) tells. It reports false if there is none.
func (t *Target) wait(how int) bool {
	var status unix.WaitStatus
	for {
		tid, err := unix.Wait4(-1, &status, unix.WALL|how, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || tid == 0:
			return false
		case !status.Stopped():
			t.gone(tid, status)
		default:
			t.hostStopped(tid, int(status))
		}
		return true
	}
}

// gone is for a thread that has ended.
func (t *Target) gone(tid int, status unix.WaitStatus) {
	t.tracer.Ended(tid)
	th := t.threads[tid]
	if th == nil {
		return
	}
	delete(t.threads, tid)
	if tid != th.PID {
		return
	}
	t.forget(th.PID)
	e := gdbstub.Event{ID: th.ID, Kind: gdbstub.Exited, Code: status.ExitStatus()}
	if status.Signaled() {
		e.Kind, e.Signal = gdbstub.Killed, int(status.Signal())
	}
	t.ended = append(t.ended, e)
}

// hostStopped is for a thread that has stopped on the host.
func (t *Target) hostStopped(tid, status int) {
	status, visible := t.tracer.Stopped(tid, status)
	if !visible {
		if th := t.threads[tid]; th != nil && !t.tracer.Traces(tid) { // its next program is the host's
			t.forget(th.PID)
			t.ended = append(t.ended, gdbstub.Event{ID: th.ID, Kind: gdbstub.Exited})
		}
		return
	}
	d := t.stopped(tid)
	if d == nil {
		return
	}
	th := t.threads[tid]
	if th == nil { // a child of vfork, which its parent will tell of
		t.add(tid, d.Pid()).running = false
		return
	}
	interrupt := th.action.Signal == interrupted
	th.action.Signal = 0
	th.running, th.listen, th.vforks = false, false, false
	e, tell := t.classify(th, d, status)
	switch {
	case tell:
		e.ID = th.ID
		th.pending = &e
	case interrupt && status>>16 == ptrace.EventStop:
		th.pending = &gdbstub.Event{ID: th.ID, Signal: int(unix.SIGINT)}
	case !t.stopping:
		t.goOn(th)
		if interrupt {
			t.Interrupt()
		}
	}
}

// classify finds out what a stop of a thread means, and whether the debugger is told. If not, the
// thread's action says how it goes on.
func (t *Target) classify(th *thread, d *ptrace.Tracee, status int) (e gdbstub.Event, tell bool) {
	r := d.Record()
	e.Signal = int(unix.SIGTRAP)
	switch sig, event := status>>8&0xff, status>>16; {
	case event == ptrace.EventStop:
		th.listen = sig != int(unix.SIGTRAP)
		return e, false
	case event == ptrace.EventClone && int(r.Child) == th.PID:
		t.addChild(th, int(r.Message), th.PID)
		return e, false
	case event == ptrace.EventFork, event == ptrace.EventClone, event == ptrace.EventVfork:
		return t.forked(th, event, int(r.Message))
	case event == ptrace.EventVforkDone:
		e.Kind = gdbstub.VforkDone
		return e, t.wants.Vfork
	case event == ptrace.EventExec:
		t.execed(th)
		e.Kind, e.Path = gdbstub.Execed, t.Exe(th.PID)
		return e, t.wants.Exec
	case event != 0:
		return e, false
	case sig == int(unix.SIGTRAP)|0x80:
		return t.atCall(th, r)
	case r.Kind == ptrace.Signal && r.Reason != ptrace.NoReason:
		return t.atPoint(th, r)
	default:
		e.Signal = sig
		if t.wants.Pass&(1<<(sig-1)) != 0 {
			th.action.Signal = sig
			return e, false
		}
		return e, true
	}
}

// atPoint is for a thread that has stopped for the debugger's sake. If something else is told
// first, only an access to memory has happened once and for all.
func (t *Target) atPoint(th *thread, r *ptrace.Record) (e gdbstub.Event, tell bool) {
	e.Signal = int(unix.SIGTRAP)
	m := t.procs[th.PID].mem
	switch r.Reason {
	case ptrace.Broken:
		e.Kind = gdbstub.Breakpoint
		return e, !t.stopping
	case ptrace.Watched:
		e.Kind, e.Addr, e.Point = gdbstub.Watchpoint, r.Data, m.watching(r.Data)
		return e, true
	}
	return e, !t.stopping
}

// atCall is for a thread before or after a system call.
func (t *Target) atCall(th *thread, r *ptrace.Record) (e gdbstub.Event, tell bool) {
	e.Signal, e.Kind = int(unix.SIGTRAP), gdbstub.SyscallReturn
	if r.Kind == ptrace.SyscallEntry {
		e.Kind, th.call = gdbstub.SyscallEntry, int(r.Nr)
	}
	e.Code = th.call
	return e, t.wants.Syscalls && (t.wants.Calls == nil || t.wants.Calls[th.call])
}

// addChild notes a thread that another one has made; it may have stopped already.
func (t *Target) addChild(th *thread, tid, pid int) *thread {
	if child := t.threads[tid]; child != nil {
		return child
	}
	return t.add(tid, pid)
}

// forked is for a thread whose process has made a child. If the debugger does not want that, it
// is let go.
func (t *Target) forked(th *thread, event, pid int) (e gdbstub.Event, tell bool) {
	e.Signal, e.Kind, tell = int(unix.SIGTRAP), gdbstub.Forked, t.wants.Fork
	parent := t.procs[th.PID]
	child := t.addChild(th, pid, pid)
	if event == ptrace.EventVfork {
		e.Kind, tell = gdbstub.Vforked, t.wants.Vfork
		t.procs[pid].mem = parent.mem
		th.vforks = true
	} else {
		t.procs[pid].mem = parent.mem.copy()
	}
	e.Child = child.ID
	t.await(child)
	if t.threads[pid] != nil && !tell {
		t.Detach(pid)
	}
	return e, tell
}

// await returns when a thread has stopped, or ended. Others go on as if nobody had waited.
func (t *Target) await(th *thread) {
	var others []*thread
	for _, other := range t.threads {
		if other.running && other != th {
			others = append(others, other)
		}
	}
	stopping := t.stopping
	t.stopping = true
	for t.threads[th.TID] == th && th.running && t.wait(0) {
	}
	t.stopping = stopping
	for _, other := range others {
		if !stopping && !other.running && other.pending == nil {
			t.goOn(other)
		}
	}
}

// execed is for a thread whose process has begun a program.
func (t *Target) execed(th *thread) {
	for _, other := range t.inProcess(th.PID) {
		if other != th {
			t.tracer.Ended(other.TID)
			delete(t.threads, other.TID)
		}
	}
	t.procs[th.PID].mem = newMemory()
}
