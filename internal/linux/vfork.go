//go:build linux && amd64

package linux

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

// Children that share memory until they exec or exit: vfork(2), posix_spawn(3) and
// the like. The host child is a real one (trap.Vforked): it runs on the parent's
// goroutine, in a nested run loop, with a Process and a Task of its own. Nothing of
// the parent's is changed, so nothing is to be put back.
//
// The nested loop begins in the child and ends in the parent. So whatever the child
// opens must be closed before it leaves: the numbers of descriptors mean others
// afterwards.

// hostCloneFlags are the flags of clone(2) that the host's kernel carries out for a
// new process.
const hostCloneFlags = unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_PTRACE | unix.CLONE_PARENT |
	unix.CLONE_NEWNS | unix.CLONE_SYSVSEM | unix.CLONE_UNTRACED | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_IO |
	unix.CLONE_PIDFD

// cloneVfork makes a child that shares memory, and returns when it has left.
func (t *Task) cloneVfork(a *cloneArgs, f *follow) (uint64, syscall.Errno) {
	if e := t.checkPidFD(a); e != 0 {
		return 0, e
	}
	if !t.P.beginVfork() {
		time.Sleep(50 * time.Microsecond) // not to come back at once
		return 0, ERESTARTNOINTR
	}
	defer t.P.endVfork()
	if !t.host.Freeze() {
		return 0, ERESTARTNOINTR // the signal that has just arrived comes first
	}
	defer t.setMask(t.sig.mask)
	v := new(trap.Vforked)
	child := t.P.child().newTask(t.childCPU(a))
	child.inherit(t)
	child.P.vfork = v
	f.prepare(child)
	child.host.SetVforked(v)
	inChild, e := v.Clone(uintptr(a.Flags&hostCloneFlags | a.ExitSignal))
	if e != 0 {
		return 0, e
	}
	if inChild {
		child.live(a, nil)
	}
	// This is the parent, the child has left.
	child.forget()
	return uint64(v.PID()), 0
}

// beginVfork announces a child in this process's memory. It fails while a thread
// wants to fork.
func (p *Process) beginVfork() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forkers > 0 || p.stop.Ordered() {
		return false
	}
	p.vforks++
	return true
}

func (p *Process) endVfork() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.vforks--
}

// child returns a new process like p without threads, in the same address space.
func (p *Process) child() *Process {
	c := &Process{
		Arch: p.Arch, Mem: p.Mem, Root: p.Root, Image: p.Image,
		Exe: p.Exe, program: p.program, Argv: p.Argv, Env: p.Env, ExecOptions: p.ExecOptions,
		Tracer: p.Tracer, TraceCode: p.TraceCode, OnExit: p.OnExit,
		table:  p.table,
		cpus:   p.cpus,
		tasks:  map[int]*Task{},
		exited: make(chan struct{}),
		parent: p,
	}
	p.sig.mu.Lock()
	c.sig.actions = p.sig.actions
	c.sig.throughFD.Store(p.sig.throughFD.Load())
	p.sig.mu.Unlock()
	p.limits.mu.Lock()
	c.limits.kept, c.limits.nofileMax = p.limits.kept, p.limits.nofileMax
	p.limits.mu.Unlock()
	c.files.chrooted.Store(p.files.chrooted.Load())
	c.attributesChanged.Store(p.attributesChanged.Load())
	return c
}

// inherit takes over what a thread hands on to one that it creates in a new process.
func (t *Task) inherit(parent *Task) {
	t.sig.mask, t.sig.stack = parent.sig.mask, parent.sig.stack
	t.secure.Store(parent.secure.Load())
}

// live is the life of a child. It begins in the child and ends in the parent. What
// begun does comes before the guest's code.
func (t *Task) live(a *cloneArgs, begun func()) {
	v := t.P.vfork
	if t.host.Bind() != nil {
		v.Die(int(unix.SIGKILL))
		return
	}
	t.TID = unix.Gettid()
	if a.Flags&unix.CLONE_PIDFD != 0 {
		_ = t.Mem.Store(a.PidFD, 4, uint64(v.PIDFD()))
	}
	if a.Flags&unix.CLONE_PARENT_SETTID != 0 {
		_ = t.Mem.Store(a.ParentTID, 4, uint64(t.TID))
	}
	t.takeID(a, t.TID)
	if a.Flags&unix.CLONE_CLEAR_SIGHAND != 0 {
		t.P.sig.clear()
	}
	t.P.sig.setIntercept(true)
	if begun != nil {
		begun()
	}
	t.join(t.sig.mask, nil)
	t.run()
}

// forget removes what the parent's memory holds of a child that has left.
func (t *Task) forget() {
	t.P.cpus.remove(t.CPU)
	t.unsee()
	t.host.Forget()
	if addr := t.thr.clearTID; addr != 0 && t.Mem.Store(addr, 4, 0) == nil {
		t.wakeFutex(addr, 1)
	}
}

// endVforked ends the process of a child.
func (p *Process) endVforked(s Status) {
	if s.Signal != 0 {
		p.vfork.Die(s.Signal)
	} else {
		p.vfork.Exit(s.Code)
	}
}

// gone reports whether t is a child that has left, so that the rest of it is the
// parent's to do.
func (t *Task) gone() bool { return t.P.vfork != nil && t.P.vfork.Gone() }

// execVforked is execveat(2) of the host in a child. All actions are the default ones
// from before the mask opens: a signal ends the child now, or finds the new image.
// It returns errNoResult in the parent.
func (t *Task) execVforked(args [5]uintptr) syscall.Errno {
	if !t.host.Freeze() {
		return ERESTARTNOINTR
	}
	s := &t.P.sig
	s.exposeDefaults()
	t.P.death.reveal()
	if t.trace.later {
		t.trace.later = hostTraceMe() != 0
	}
	e := t.P.vfork.Leave(t.sig.mask, unix.SYS_EXECVEAT, args)
	if t.gone() {
		t.exiting = true
		return errNoResult
	}
	s.setIntercept(true)
	t.P.death.hide()
	t.setMask(t.sig.mask)
	return e
}

// interceptAll is setIntercept(true). It is for a process that shares memory with
// others: robust futexes in it are released before the process ends (robust.go).
func (s *signalState) interceptAll() {
	s.mu.Lock()
	already := s.intercept
	s.mu.Unlock()
	if !already {
		s.setIntercept(true)
	}
}

// setIntercept says whether the host is to leave default actions that end the
// process to Task.die, and sets all actions on the host accordingly.
func (s *signalState) setIntercept(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = on
	for sig := 1; sig <= numSignals; sig++ {
		s.install(sig)
	}
}

// clear gives all signals that have a handler the default action, as
// CLONE_CLEAR_SIGHAND does.
func (s *signalState) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sig := range s.actions {
		if s.actions[sig].handles() {
			s.actions[sig] = sigaction{}
		}
	}
}

// exposeDefaults gives all signals that are not ignored the default action on the
// host, as execve(2) will.
func (s *signalState) exposeDefaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sig := 1; sig <= numSignals; sig++ {
		if unblockable&sigbit(sig) == 0 && s.actions[sig].Handler != sigIgn {
			trap.Default(sig, 0)
		}
	}
}
