//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	Flags, PidFD, ChildTID, ParentTID, ExitSignal uint64
	Stack, StackSize, TLS                         uint64
	SetTID, SetTIDSize, Cgroup                    uint64
}

// Sizes in bytes of the versions of struct clone_args.
const (
	cloneArgsVer0 = 64
	cloneArgsVer2 = 88
)

const (
	csignal        = 0xff // CSIGNAL: the exit signal in the flags of clone(2)
	cloneDetached  = unix.CLONE_DETACHED
	cloneNewTime   = unix.CLONE_NEWTIME
	cloneKnown     = 1<<32 - 1 | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_INTO_CGROUP
	maxPidNSLevel  = 32
	pidfdThread    = unix.O_EXCL // PIDFD_THREAD
	sharedByThread = unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SYSVSEM

	// Namespaces that a single thread may have of its own (unshare(2)).
	threadNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
)

// sysClone is clone(2) with the order of arguments that all machines have but a few.
func sysClone(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := uint64(uint32(c.Args[0]))
	a := cloneArgs{
		Flags: flags &^ csignal, ExitSignal: flags & csignal,
		Stack: c.Args[1], ParentTID: c.Args[2], PidFD: c.Args[2], TLS: c.Args[3], ChildTID: c.Args[4],
	}
	if flags&unix.CLONE_PIDFD != 0 && flags&unix.CLONE_PARENT_SETTID != 0 {
		return 0, syscall.EINVAL // one argument for two purposes
	}
	return t.clone(&a)
}

func sysClone3(t *Task, c *Call) (uint64, syscall.Errno) {
	a, e := t.readCloneArgs(c.Args[0], c.Args[1])
	if e != 0 {
		return 0, e
	}
	switch {
	case a.SetTIDSize > maxPidNSLevel, (a.SetTID == 0) != (a.SetTIDSize == 0):
		return 0, syscall.EINVAL
	case a.ExitSignal&^csignal != 0, a.ExitSignal > numSignals:
		return 0, syscall.EINVAL
	case a.Flags&unix.CLONE_INTO_CGROUP != 0 && (a.Cgroup > 1<<31-1 || c.Args[1] < cloneArgsVer2):
		return 0, syscall.EINVAL
	case a.Flags&^cloneKnown != 0, a.Flags&(cloneDetached|csignal&^cloneNewTime) != 0:
		return 0, syscall.EINVAL
	case a.Flags&unix.CLONE_SIGHAND != 0 && a.Flags&unix.CLONE_CLEAR_SIGHAND != 0:
		return 0, syscall.EINVAL
	case a.Flags&(unix.CLONE_THREAD|unix.CLONE_PARENT) != 0 && a.ExitSignal != 0:
		return 0, syscall.EINVAL
	case (a.Stack == 0) != (a.StackSize == 0), a.StackSize > t.Mem.Limit(), a.Stack > t.Mem.Limit()-a.StackSize:
		return 0, syscall.EINVAL
	}
	if a.Stack != 0 {
		a.Stack += a.StackSize
	}
	return t.clone(&a)
}

// readCloneArgs reads a struct of the size that the caller knows. What it has
// beyond what is known here must be 0.
func (t *Task) readCloneArgs(addr, size uint64) (a cloneArgs, e syscall.Errno) {
	if size > t.Mem.PageSize() {
		return a, syscall.E2BIG
	}
	if size < cloneArgsVer0 {
		return a, syscall.EINVAL
	}
	b := make([]byte, max(size, cloneArgsVer2))
	if t.Mem.CopyIn(b[:size], addr) != nil {
		return a, syscall.EFAULT
	}
	for _, unknown := range b[cloneArgsVer2:] {
		if unknown != 0 {
			return a, syscall.E2BIG
		}
	}
	_, _ = binary.Decode(b, binary.LittleEndian, &a) // it is long enough
	return a, 0
}

// check refuses combinations of flags as the kernel's copy_process does.
func (a *cloneArgs) check() syscall.Errno {
	has := func(flags uint64) bool { return a.Flags&flags == flags }
	switch {
	case has(unix.CLONE_NEWNS | unix.CLONE_FS), has(unix.CLONE_NEWUSER | unix.CLONE_FS),
		has(unix.CLONE_THREAD) && !has(unix.CLONE_SIGHAND),
		has(unix.CLONE_SIGHAND) && !has(unix.CLONE_VM),
		has(unix.CLONE_THREAD) && a.Flags&(unix.CLONE_NEWUSER|unix.CLONE_NEWPID) != 0,
		has(unix.CLONE_PIDFD) && has(cloneDetached):
		return syscall.EINVAL
	case has(unix.CLONE_NEWIPC | unix.CLONE_SYSVSEM):
		return syscall.EINVAL
	}
	return 0
}

// clone makes a thread or a process.
func (t *Task) clone(a *cloneArgs) (uint64, syscall.Errno) {
	if e := a.check(); e != 0 {
		return 0, e
	}
	if a.SetTIDSize != 0 || a.Flags&(unix.CLONE_INTO_CGROUP|cloneNewTime) != 0 {
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
