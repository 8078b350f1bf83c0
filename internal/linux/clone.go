//go:build linux && amd64

package linux

import (
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

// cloneArgs is what clone(2) and clone3(2) are asked for.
type cloneArgs = uapi.CloneArgs

const (
	pidfdThread    = unix.O_EXCL // PIDFD_THREAD
	sharedByThread = unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SYSVSEM

	// Namespaces that a single thread may have of its own (unshare(2)).
	threadNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
)

func sysClone(t *Task, c *Call) (uint64, syscall.Errno) {
	a, e := uapi.Clone(&c.Args)
	if e != 0 {
		return 0, e
	}
	return t.clone(&a)
}

func sysClone3(t *Task, c *Call) (uint64, syscall.Errno) {
	a, e := uapi.Clone3(t.Mem, c.Args[0], c.Args[1])
	if e != 0 {
		return 0, e
	}
	return t.clone(&a)
}

// clone makes a thread or a process.
func (t *Task) clone(a *cloneArgs) (uint64, syscall.Errno) {
	if e := a.Check(); e != 0 {
		return 0, e
	}
	if a.SetTIDSize != 0 || a.Flags&(unix.CLONE_INTO_CGROUP|unix.CLONE_NEWTIME) != 0 {
		return 0, syscall.EPERM
	}
	f := t.follow(a)
	switch {
	case a.Flags&unix.CLONE_THREAD != 0:
		return t.cloneThread(a, f)
	case a.Flags&trap.CloneFlags == trap.CloneFlags:
		return f.cloned(t.cloneVfork(a, f))
	case a.Flags&unix.CLONE_VM != 0:
		return f.cloned(t.cloneShared(a, f))
	case a.Flags&(unix.CLONE_VM|unix.CLONE_FILES) == 0:
		return f.cloned(t.cloneFork(a))
	}
	return 0, syscall.ENOSYS
}

// childCPU returns the registers that a new thread or process starts with.
func (t *Task) childCPU(a *cloneArgs) guest.CPU {
	cpu := t.CPU.Clone()
	cpu.SetResult(0)
	if a.Stack != 0 {
		cpu.SetSP(a.Stack)
	}
	if a.Flags&unix.CLONE_SETTLS != 0 {
		cpu.SetTLS(a.TLS)
	}
	return cpu
}

// cloneThread makes a thread.
func (t *Task) cloneThread(a *cloneArgs, f *follow) (uint64, syscall.Errno) {
	if t.P.vfork != nil {
		return 0, syscall.EAGAIN // the host thread would belong to the parent
	}
	s := threadStart{
		args:       *a,
		task:       t.P.newTask(t.childCPU(a)),
		parent:     t,
		mask:       t.sig.mask,
		attributes: t.attributesToInherit(),
		result:     make(chan syscall.Errno, 1),
	}
	f.prepare(s.task)
	if a.Flags&unix.CLONE_SYSVSEM != 0 {
		peer.SetUndoes(true)
	}
	if hostthread.Empty() { // the next statement but one may need a thread
		if e := hostthread.Reserve(1); e != 0 {
			return 0, e
		}
	}
	_ = commCall(unix.PR_GET_NAME, &s.comm)
	go s.thread()
	if e := <-s.result; e != 0 {
		return 0, e
	}
	f.threadCloned(s.task)
	return uint64(s.tid), 0
}

// threadStart is what a new thread is given.
type threadStart struct {
	args       cloneArgs
	task       *Task
	parent     *Task
	mask       uint64
	attributes *attributes
	comm       [commLen]byte // the thread's name, its creator's
	tid        int           // set by the thread before the result is sent
	result     chan syscall.Errno
}

// thread is the life of a guest thread. The goroutine stays locked, so that the
// host thread, which is no more what Go made it, ends with it.
func (s *threadStart) thread() {
	// While this is one of the runtime's threads, with nothing of a guest's about it.
	if e := hostthread.Reserve(s.task.P.spareThreads()); e != 0 {
		s.result <- e
		return
	}
	runtime.LockOSThread()
	defer forkall.Leaving()
	debug.SetPanicOnFault(true)
	t := s.task
	e := s.begin()
	s.result <- e
	if e != 0 {
		return
	}
	t.run()
	t.leave()
}

// spareThreads is how many host threads there should be for Go's runtime to use
// when it wants to, beside the one that a new guest thread needs.
func (p *Process) spareThreads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 3 + len(p.tasks)/4
}

// begin makes the calling thread what clone(2) was asked for. The new thread's ID
// is where the flags want it before either thread goes on.
func (s *threadStart) begin() syscall.Errno {
	a, t := &s.args, s.task
	if s.attributes != nil {
		s.attributes.apply()
	}
	_ = commCall(unix.PR_SET_NAME, &s.comm)
	if own := sharedByThread&^a.Flags | a.Flags&threadNamespaces; own != 0 {
		if err := unix.Unshare(int(own)); err != nil {
			return errnoOf(err)
		}
	}
	if err := t.host.Bind(); err != nil {
		return syscall.EAGAIN
	}
	s.tid = unix.Gettid()
	if e := s.writeIDs(); e != 0 {
		t.host.Unbind()
		return e
	}
	t.join(s.mask, s.parent)
	return 0
}

// writeIDs stores what the parent and the child are to find in memory. As on Linux
// it is no error if the addresses of thread IDs are bad.
func (s *threadStart) writeIDs() syscall.Errno {
	a, t := &s.args, s.task
	if a.Flags&unix.CLONE_PIDFD != 0 {
		fd, err := unix.PidfdOpen(s.tid, pidfdThread)
		if err != nil {
			return syscall.EINVAL // a host before Linux 6.9: so was clone then
		}
		if t.Mem.Store(a.PidFD, 4, uint64(fd)) != nil {
			_ = unix.Close(fd)
			return syscall.EFAULT
		}
	}
	if a.Flags&unix.CLONE_PARENT_SETTID != 0 {
		_ = t.Mem.Store(a.ParentTID, 4, uint64(s.tid))
	}
	t.takeID(a, s.tid)
	return 0
}

// checkPidFD fails if the descriptor of CLONE_PIDFD cannot be stored. The child
// of a fork must not find it there.
func (t *Task) checkPidFD(a *cloneArgs) syscall.Errno {
	if a.Flags&unix.CLONE_PIDFD == 0 {
		return 0
	}
	v, f := t.Mem.Load(a.PidFD, 4)
	if f == nil {
		f = t.Mem.Store(a.PidFD, 4, v)
	}
	return faultErrno(f)
}

// takeID stores what a child is to find in memory of its own ID.
func (t *Task) takeID(a *cloneArgs, tid int) {
	if a.Flags&unix.CLONE_CHILD_SETTID != 0 {
		_ = t.Mem.Store(a.ChildTID, 4, uint64(tid))
	}
	if a.Flags&unix.CLONE_CHILD_CLEARTID != 0 {
		t.thr.clearTID = a.ChildTID
	}
}
