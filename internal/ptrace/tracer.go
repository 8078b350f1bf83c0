//go:build linux && amd64

package ptrace

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Events that the host's kernel and the guest's have in common (linux/ptrace.h).
const (
	EventFork      = unix.PTRACE_EVENT_FORK
	EventVfork     = unix.PTRACE_EVENT_VFORK
	EventClone     = unix.PTRACE_EVENT_CLONE
	EventExec      = unix.PTRACE_EVENT_EXEC
	EventVforkDone = unix.PTRACE_EVENT_VFORK_DONE
	EventExit      = unix.PTRACE_EVENT_EXIT
	EventSeccomp   = unix.PTRACE_EVENT_SECCOMP
	EventStop      = unix.PTRACE_EVENT_STOP
)

// Tracer is what a process knows of its tracees.
type Tracer struct {
	mu      sync.Mutex
	tracees map[int]*Tracee // by thread ID
}

// Tracee is a thread that one of this process's threads traces. Only that thread uses it.
type Tracee struct {
	TID    int
	pid    int // of its process
	tracer int // thread ID of the tracer
	group  *Tracer

	peer *peer.Peer // nil when not known, or not known any more
	at   uint64     // host address of its record in its memory; 0 when not known
	rec  Record     // while it is stopped

	stopped   bool // for the guest
	status    int  // that wait reported
	jobStop   bool // by job control of the host, anywhere in hospes
	listening bool // PTRACE_LISTEN

	seized    bool
	options   uint32
	mode      Mode
	code      bool // code may have been changed since it last went on
	asked     bool // it has been kicked to stop, and has not done so since
	interrupt bool // PTRACE_INTERRUPT
	attach    bool // the SIGSTOP of PTRACE_ATTACH is under way
	newborn   bool // nothing is known of it yet but that it has been born
	execing   bool // it has no guest program at the moment
	native    bool // its next program is the host's
}

// hostOptions are the options on the host for those of the guest.
func hostOptions(options uint32) uintptr {
	return unix.PTRACE_O_TRACEEXEC | uintptr(options&(unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACEVFORK))
}

func (g *Tracer) add(t *Tracee) *Tracee {
	t.group, t.tracer = g, unix.Gettid()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tracees == nil {
		g.tracees = map[int]*Tracee{}
	}
	g.tracees[t.TID] = t
	return t
}

func (g *Tracer) get(tid int) *Tracee {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tracees[tid]
}

// Ended forgets a thread that has ended or is traced no more.
func (g *Tracer) Ended(tid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tracees, tid)
}

// Forked forgets all tracees: this is a new process, that has none.
func (g *Tracer) Forked() { g.tracees = nil }

// Others lists the running tracees of the calling thread except tid. Those that stop
// for hospes have to be looked after while the thread waits for another one.
func (g *Tracer) Others(tid int) (list []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tracees) == 0 {
		return nil
	}
	self := unix.Gettid()
	for id, t := range g.tracees {
		if id != tid && t.tracer == self && !t.stopped {
			list = append(list, id)
		}
	}
	return list
}

// Stopped turns the host's wait status of a thread that has stopped into the guest's.
// It reports false if the guest is not to see the stop; then the thread goes on.
func (g *Tracer) Stopped(tid, status int) (int, bool) {
	t := g.get(tid)
	if t == nil {
		if t = g.adopt(tid); t == nil {
			return status, true // it has stopped for its parent, not for its tracer
		}
	}
	switch {
	case t.stopped:
		return t.status, true // WNOWAIT
	case t.tracer != unix.Gettid():
		return status, true
	}
	guest, visible := t.hostStop(status>>8&0xff, status>>16)
	if visible {
		t.stopped, t.status, t.interrupt, t.asked = true, guest, false, false
	}
	return guest, visible
}

// adopt makes a tracee of a child that has become one by itself, or was born as one.
func (g *Tracer) adopt(tid int) *Tracee {
	var info trap.Info
	if e := hostInfo(unix.PTRACE_GETSIGINFO, tid, &info); e != 0 && e != syscall.EINVAL {
		return nil
	}
	t := g.add(&Tracee{TID: tid, pid: tid, newborn: true})
	_ = host(unix.PTRACE_SETOPTIONS, tid, 0, hostOptions(0))
	return t
}

// statusOf makes a wait status of a stop.
func statusOf(sig int, event uint32) int { return int(event)<<16 | sig<<8 | 0x7f }

// hostStop decides about a stop of the host with a signal and an event.
func (t *Tracee) hostStop(sig, event int) (int, bool) {
	switch event {
	case 0:
		return t.signalStop(sig)
	case EventExec:
		t.execed()
		return 0, false
	case EventVfork:
		if t.load() {
			t.rec.Message, _ = hostMessage(t.TID)
			return statusOf(sig, EventVfork), true
		}
	case EventStop:
		if sig != int(unix.SIGTRAP) {
			return t.jobStopped(sig)
		}
		if t.seized && !t.newborn && !t.execing { // a SIGCONT has come
			t.listening = false
			return t.jobStopped(sig)
		}
	}
	t.resumeHost(0)
	return 0, false
}

// jobStopped reports a stop of job control.
func (t *Tracee) jobStopped(sig int) (int, bool) {
	t.load()
	t.rec.Kind, t.jobStop, t.listening = Group, true, false
	if t.seized {
		return statusOf(sig, EventStop), true
	}
	return statusOf(sig, 0), true
}

// execed has the tracee go on into its new program, or lets go of it if that is
// none of a guest.
func (t *Tracee) execed() {
	if old, e := hostMessage(t.TID); e == 0 && int(old) != t.TID {
		t.group.Ended(int(old))
	}
	t.at, t.peer, t.execing = 0, nil, true
	if t.native {
		t.group.Ended(t.TID)
		_ = host(unix.PTRACE_DETACH, t.TID, 0, 0)
		return
	}
	t.resumeHost(0)
}

// signalStop decides about a signal that the tracee is about to get on the host.
func (t *Tracee) signalStop(sig int) (int, bool) {
	var info trap.Info
	if hostInfo(unix.PTRACE_GETSIGINFO, t.TID, &info) == syscall.EINVAL {
		return t.jobStopped(sig)
	}
	internal, kick := info.Internal()
	switch {
	case sig == int(unix.SIGTRAP) && t.breakpoint(&info):
		return t.halted()
	case sig == int(unix.SIGTRAP) && info.Code() == siUser && t.fresh():
		t.execed() // without PTRACE_O_TRACEEXEC: it did not wait for us
	case internal && t.execing:
		t.resumeHost(0) // who sent it meant the program before
	case internal:
		if kick && t.asked {
			trap.AskToStop(&info) // the kernel keeps one signal of a number only
			_ = hostInfo(unix.PTRACE_SETSIGINFO, t.TID, &info)
		}
		t.resumeHost(sig)
	case t.newborn && sig == int(unix.SIGSTOP) && info.Code() == siUser && sender(&info) == 0:
		t.resumeHost(0) // the kernel's, of a child that it has attached
	case t.forHost(sig, &info):
		t.resumeHost(sig)
	default:
		t.carry(&info)
	}
	return 0, false
}

// Values of si_code.
const (
	siUser   = 0
	siKernel = 0x80
)

func (t *Tracee) resumeHost(sig int) { _ = host(unix.PTRACE_CONT, t.TID, 0, uintptr(sig)) }

// breakpoint reports whether the tracee has stopped on purpose, and reads its record.
func (t *Tracee) breakpoint(info *trap.Info) bool {
	var regs unix.PtraceRegs
	if info.Code() != siKernel || hostRegs(t.TID, &regs) != 0 || regs.Rax != trap.StopMagic {
		return false
	}
	t.at = regs.Rbx
	return t.load()
}

// fresh reports whether the tracee has just executed a program: the kernel has cleared
// its registers.
func (t *Tracee) fresh() bool {
	var regs unix.PtraceRegs
	if hostRegs(t.TID, &regs) != 0 {
		return false
	}
	return regs.Rbx|regs.Rcx|regs.Rdx|regs.Rsi|regs.Rdi|regs.Rbp|regs.R8|regs.R9|regs.R10|regs.R11|regs.R12|regs.R13|regs.R14|regs.R15 == 0
}

// forHost reports whether a signal is delivered as it is: faults; those that have a
// handler of hospes at all times; and those whose effect on the host is wanted.
func (t *Tracee) forHost(sig int, info *trap.Info) bool {
	bit := uint64(1) << (sig - 1)
	if t.execing || trap.Unmaskable&bit != 0 {
		return true
	}
	return t.load() && (t.rec.Native != 0 || t.rec.Pass == uint32(sig))
}

// carry hands a signal on to the tracee.
func (t *Tracee) carry(info *trap.Info) {
	if t.attach && info.Signal() == int(unix.SIGSTOP) {
		t.attach = false
		*info = trap.Info{}
		setInfo(info, int(unix.SIGSTOP), siKernel)
	}
	info.Unwrap()
	trap.Carry(info)
	_ = hostInfo(unix.PTRACE_SETSIGINFO, t.TID, info)
	t.resumeHost(info.Signal())
}

// halted decides about a stop that the tracee has made on purpose.
func (t *Tracee) halted() (int, bool) {
	t.execing, t.native = false, false
	trap5 := int(unix.SIGTRAP)
	switch t.rec.Kind {
	case Born:
		if t.newborn {
			t.newborn = false
			t.options, t.seized = t.rec.Options, t.rec.Seized != 0
		}
		if t.seized {
			return statusOf(trap5, EventStop), true
		}
		setInfo(t.info(), int(unix.SIGSTOP), siUser)
		return statusOf(int(unix.SIGSTOP), 0), true
	case Exec:
		t.newborn = false
		if t.options&unix.PTRACE_O_TRACEEXEC != 0 {
			return statusOf(trap5, EventExec), true
		}
	case Native:
		t.native = true
	case SyscallEntry, SyscallExit:
		if t.options&unix.PTRACE_O_TRACESYSGOOD != 0 {
			return statusOf(trap5|0x80, 0), true
		}
		return statusOf(trap5, 0), true
	case Signal:
		t.newborn = false
		return statusOf(t.info().Signal(), 0), true
	case Event:
		if t.rec.Event == EventFork || t.rec.Event == EventClone {
			t.attachChild(int(t.rec.Message))
		}
		return statusOf(trap5, t.rec.Event), true
	case Ask:
		t.newborn, t.asked = false, false
		if t.interrupt {
			return statusOf(trap5, EventStop), true
		}
	}
	t.resume(t.mode, 0)
	return 0, false
}

// attachChild attaches the child that the tracee has just made. It waits for that.
func (t *Tracee) attachChild(tid int) {
	if host(unix.PTRACE_SEIZE, tid, 0, hostOptions(t.options)) != 0 {
		return // it has died
	}
	pid := int(t.rec.Child)
	t.group.add(&Tracee{TID: tid, pid: pid, seized: t.seized, options: t.options, asked: true})
	ask(pid, tid)
}

// Traces reports whether a thread is a tracee.
func (g *Tracer) Traces(tid int) bool { return g.get(tid) != nil }
