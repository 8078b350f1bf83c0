//go:build linux

package sandbox

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// cloneArgs is what clone(2) and clone3(2) are asked for.
type cloneArgs = uapi.CloneArgs

// namespaces are flags for what there is only one of.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
	unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

func sysClone(t *Task, c *Call) (uint64, syscall.Errno) {
	a, e := uapi.Clone(&c.Args)
	if e != 0 {
		return 0, e
	}
	return t.clone(&a)
}

func sysClone3(t *Task, c *Call) (uint64, syscall.Errno) {
	a, e := uapi.Clone3(t.Mem, c.Args[0], c.Args[1])
	switch {
	case e != 0:
		return 0, e
	case a.SetTIDSize != 0, a.Flags&unix.CLONE_INTO_CGROUP != 0:
		return 0, syscall.EPERM
	}
	return t.clone(&a)
}

// clone makes a task, of this process or of a new one.
func (t *Task) clone(a *cloneArgs) (uint64, syscall.Errno) {
	if e := a.Check(); e != 0 {
		return 0, e
	}
	if a.Flags&namespaces != 0 {
		return 0, syscall.EPERM
	}
	pidfd, e := t.clonePidFD(a)
	if e != 0 {
		return 0, e
	}
	child, e := t.newTask(a)
	if e != 0 {
		if a.Flags&unix.CLONE_PIDFD != 0 {
			t.closeFD(int(pidfd.fd))
		}
		return 0, e
	}
	if a.Flags&unix.CLONE_PIDFD != 0 {
		pidfd.h.set(child, a.Flags&unix.CLONE_THREAD != 0)
		_ = t.Mem.Store(a.PidFD, 4, pidfd.fd)
		if a.Flags&unix.CLONE_FILES == 0 {
			child.closeFD(int(pidfd.fd)) // it is the parent's alone
		}
	}
	tid := child.TID
	if a.Flags&unix.CLONE_PARENT_SETTID != 0 {
		_ = t.Mem.Store(a.ParentTID, 4, uint64(tid))
	}
	if a.Flags&unix.CLONE_CHILD_SETTID != 0 {
		_ = child.Mem.Store(a.ChildTID, 4, uint64(tid))
	}
	if a.Flags&unix.CLONE_CHILD_CLEARTID != 0 {
		child.clearTID = a.ChildTID
	}
	p := child.P
	t.K.turns.lineUp(child)
	go child.main()
	if a.Flags&unix.CLONE_VFORK != 0 {
		t.lend(p)
	}
	return uint64(tid), 0
}

// newPidFD is a descriptor of the task that clone(2) is about to make.
type newPidFD struct {
	h  *pidFD
	fd uint64
}

// clonePidFD makes the descriptor of CLONE_PIDFD.
func (t *Task) clonePidFD(a *cloneArgs) (n newPidFD, e syscall.Errno) {
	if a.Flags&unix.CLONE_PIDFD == 0 {
		return n, 0
	}
	if n.h, n.fd, e = t.installPidFD(0); e != 0 {
		return n, e
	}
	v, f := t.Mem.Load(a.PidFD, 4) // it is written later, so that a copy of the memory does not have it
	if f == nil {
		f = t.Mem.Store(a.PidFD, 4, v)
	}
	if f != nil {
		t.closeFD(int(n.fd))
		return n, syscall.EFAULT
	}
	return n, 0
}

// newTask makes a task that does not run yet.
func (t *Task) newTask(a *cloneArgs) (*Task, syscall.Errno) {
	child := &Task{K: t.K, P: t.P, sleeper: newSleeper(), turn: make(chan struct{}, 1), sig: taskSignals{mask: t.sig.mask, stack: uapi.NoStack}}
	if a.Flags&unix.CLONE_VM == 0 || a.Flags&unix.CLONE_VFORK != 0 {
		child.sig.stack = t.sig.stack
	}
	if e := t.giveMemory(child, a); e != 0 {
		return nil, e
	}
	child.CPU.SetResult(0)
	if a.Stack != 0 {
		child.CPU.SetSP(a.Stack)
	}
	if a.Flags&unix.CLONE_SETTLS != 0 {
		child.CPU.SetTLS(a.TLS)
	}
	child.files = t.files.clone(a.Flags)
	if e := t.enroll(child, a); e != 0 {
		child.files.release()
		if a.Flags&unix.CLONE_THREAD == 0 {
			child.mm.release()
		}
		return nil, e
	}
	return child, 0
}

// giveMemory gives a child memory, and a CPU in the state of this one: the same memory with CLONE_VM, else
// a copy.
func (t *Task) giveMemory(child *Task, a *cloneArgs) syscall.Errno {
	if a.Flags&unix.CLONE_VM != 0 {
		if a.Flags&unix.CLONE_THREAD == 0 {
			t.mm.users.Add(1)
		}
		child.mm, child.Mem, child.CPU = t.mm, t.Mem, t.CPU.Clone()
		return 0
	}
	m, err := t.K.newMemory()
	if err != nil {
		return syscall.ENOMEM
	}
	if err := t.Mem.ForkInto(m.Space); err != nil {
		m.release()
		if errors.Is(err, mem.ErrLimit) {
			return syscall.ENOMEM
		}
		return syscall.EAGAIN
	}
	m.image, m.env = t.mm.image, t.mm.env
	m.denyWX(uapi.InheritedMDWE(t.mm.mdwe.Load()))
	child.mm, child.Mem, child.CPU = m, m.Space, m.machine.Arch.NewCPU(m.Space)
	child.CPU.SetClock(t.K.clock.Realtime)
	for _, set := range []uint32{guest.NT_PRSTATUS, guest.NT_PRFPREG} {
		child.CPU.SetRegset(set, t.CPU.Regset(set))
	}
	return 0
}

// enroll makes child a task of this process or of a new one. It fails with EAGAIN if there are too many.
func (t *Task) enroll(child *Task, a *cloneArgs) syscall.Errno {
	k := t.K
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case t.P.ending || k.ended || t.P.execing != nil:
		return ERESTARTNOINTR // to its end
	case len(k.tasks) >= k.cfg.Limits.Tasks, uint64(len(k.tasks)) >= t.P.limits[unix.RLIMIT_NPROC].Cur:
		return syscall.EAGAIN
	}
	child.TID = k.newID()
	child.name, child.sched = t.name, t.sched
	if a.Flags&unix.CLONE_THREAD == 0 {
		t.newChild(child, a)
		if a.Flags&unix.CLONE_VFORK != 0 {
			child.P.borrower = t
		}
	}
	k.join(child)
	return 0
}

// newChild makes child's process, with Kernel.mu held.
func (t *Task) newChild(child *Task, a *cloneArgs) {
	k, p := t.K, t.P
	c := k.newProcess(p)
	c.Pid, c.group, c.session, c.cred, c.limits = child.TID, p.group, p.session, p.cred, p.limits
	c.mm, c.exitSignal, c.by = child.mm, int(a.ExitSignal), t.TID
	c.limitCPU()
	c.persona, c.dumpable, c.keepCaps, c.noNewPrivs, c.noHugePages = p.persona, p.dumpable, p.keepCaps, p.noNewPrivs, p.noHugePages
	if a.Flags&unix.CLONE_PARENT != 0 {
		c.parent, c.exitSignal = p.parent, p.exitSignal
	}
	if c.parent != nil {
		c.parent.children = append(c.parent.children, c)
	}
	switch {
	case a.Flags&unix.CLONE_SIGHAND != 0:
		c.actions = p.actions
	case a.Flags&unix.CLONE_CLEAR_SIGHAND != 0:
		*c.actions = *p.actions
		c.actions.reset()
	default:
		*c.actions = *p.actions
	}
	child.P = c
	k.processes[c.Pid] = c
}

// lend waits until a child has let go of the memory that it has from a vfork. No signal interrupts that but the end.
func (t *Task) lend(p *Process) {
	t.waitUninterrupted(func() bool { return p.borrower != t })
}

// waitUninterrupted waits until done reports true, which is called with Kernel.mu held, or the process ends. Signals
// that come meanwhile are looked at afterwards.
func (t *Task) waitUninterrupted(done func() bool) {
	for {
		t.K.mu.Lock()
		if done() || t.P.ending || t.P.execing != nil && t.P.execing != t {
			t.sleeper.attention.Store(true)
			t.K.mu.Unlock()
			return
		}
		t.sleeper.attention.Store(false)
		t.K.mu.Unlock()
		_ = t.sleep(never)
	}
}

// reset has all handlers be the default again, as execve(2) does; what is ignored stays so.
func (a *actions) reset() {
	for sig := range a {
		if a[sig].Handler != sigIgn {
			a[sig].Handler = sigDfl
		}
		a[sig].Flags, a[sig].Mask = 0, 0
	}
}
