//go:build linux && amd64

package linux

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Children that share memory and run beside their parent: CLONE_VM without
// CLONE_VFORK. To the host such a child is a vfork's, but of a thread that is there for
// nothing else: so it sleeps, and the guest's thread goes on.
//
// The child lives on the Go runtime of its parent. So the parent cannot fork while it
// is there, waits some time for it when it exits, and takes it along when it is killed.

const (
	forkPatience = time.Second     // for shared children to leave, when the process wants to fork
	exitPatience = 5 * time.Second // the same, when it wants to exit
)

// sharedStart is what a shared child is made from.
type sharedStart struct {
	args       cloneArgs
	parent     *Task
	child      *Task
	attributes *attributes
	result     chan sharedResult // with room for one
}

type sharedResult struct {
	pid int
	e   syscall.Errno
}

// cloneShared makes a child that shares memory.
func (t *Task) cloneShared(a *cloneArgs, f *follow) (uint64, syscall.Errno) {
	if t.P.vfork != nil {
		return 0, syscall.EAGAIN // the host thread would belong to the parent
	}
	if e := t.checkPidFD(a); e != 0 {
		return 0, e
	}
	if !t.P.beginVfork() {
		time.Sleep(50 * time.Microsecond) // not to come back at once
		return 0, ERESTARTNOINTR
	}
	s := sharedStart{
		args:       *a,
		parent:     t,
		child:      t.P.child().newTask(t.childCPU(a)),
		attributes: t.attributesToInherit(),
		result:     make(chan sharedResult, 1),
	}
	s.child.inherit(t)
	f.prepare(s.child)
	s.child.P.vfork = new(trap.Vforked)
	s.child.host.SetVforked(s.child.P.vfork)
	t.P.shared.Add(1)
	go s.thread()
	r := <-s.result
	return uint64(r.pid), r.e
}

// thread is the life of the thread that the host takes for the child's parent. The
// child runs in it, too.
func (s *sharedStart) thread() {
	p, v := s.parent.P, s.child.P.vfork
	defer p.endVfork()
	defer p.shared.Add(-1)
	if e := hostthread.Reserve(p.spareThreads()); e != 0 {
		s.result <- sharedResult{e: e}
		return
	}
	runtime.LockOSThread()
	defer forkall.Leaving()
	debug.SetPanicOnFault(true)
	if s.attributes != nil {
		s.attributes.apply()
	}
	inChild, e := v.Clone(uintptr(s.args.Flags&hostCloneFlags | s.args.ExitSignal))
	if e != 0 {
		s.result <- sharedResult{e: e}
		return
	}
	if inChild {
		s.child.live(&s.args, func() {
			s.child.P.death.hidden = true
			s.child.P.death.hide()
			s.result <- sharedResult{pid: unix.Getpid()}
		})
	}
	// This is the parent, the child has left.
	select {
	case s.result <- sharedResult{pid: v.PID()}: // it had no time to say so
	default:
	}
	s.child.forget()
}

// deathSignal is PR_SET_PDEATHSIG of a shared child. The host has SIGKILL in its place
// until the child leaves the memory of its parent, without which it cannot run.
type deathSignal struct {
	hidden bool
	wanted int
}

// hide gives the host SIGKILL, reveal what the guest wants.
func (d *deathSignal) hide() {
	if d.hidden {
		prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	}
}

func (d *deathSignal) reveal() {
	if d.hidden {
		prctl(unix.PR_SET_PDEATHSIG, uintptr(d.wanted), 0)
	}
}

func prctlSetDeathSignal(t *Task, c *Call) (uint64, syscall.Errno) {
	if !t.P.death.hidden {
		return hostPrctl(t, c)
	}
	if c.Args[1] > numSignals {
		return 0, syscall.EINVAL
	}
	t.P.death.wanted = int(c.Args[1])
	return 0, 0
}

func prctlGetDeathSignal(t *Task, c *Call) (uint64, syscall.Errno) {
	if !t.P.death.hidden {
		return prctlGetInt(t, c)
	}
	return 0, faultErrno(t.Mem.WriteObject(c.Args[1], int32(t.P.death.wanted)))
}

// awaitShared waits until there is no shared child, and reports whether that is so.
func (p *Process) awaitShared(patience time.Duration) bool {
	for begin := time.Now(); p.shared.Load() > 0; {
		if time.Since(begin) > patience {
			return false
		}
		time.Sleep(100 * time.Microsecond)
	}
	return true
}
