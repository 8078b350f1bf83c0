//go:build linux && amd64

package linux

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/trap"
)

// ptrace(2), the tracee's side: where a traced thread stops, and how it goes on.
// Package ptrace describes the protocol.

// taskTrace is what a task keeps as a tracee.
type taskTrace struct {
	rec *ptrace.Record // nil until it is needed; the tracer has its address

	start     startStop     // the stop that the thread makes before it runs anything
	parent    int           // Born: process that knows whether there will be a tracer
	parentTID int           // and its thread
	release   chan struct{} // Born, of a thread, or of a program under a debugger: closed when there will be none
	oldTID    int           // Exec: thread ID before execve

	// later: the host is told at execve that the parent traces this child of vfork. Until
	// then the parent sleeps, and cannot have it go on from stops that are none of the guest's,
	// such as for faults that hospes deals with.
	later bool

	reason ptrace.Reason // of the next stop
	data   uint64
	points []ptrace.Point // what has come of the tracer's list
}

// startStop is a stop before the first instruction.
type startStop uint8

const (
	noStop       startStop = iota
	stopBorn               // by a tracer that is still to come
	stopAttached           // a child that the host's kernel has attached
	stopExec
)

// traced reports whether the thread has a tracer.
func (t *Task) traced() bool {
	return t.host.Traced() && (t.trace.rec == nil || t.trace.rec.Mode != ptrace.Detached)
}

// mode is how the thread is to go on.
func (t *Task) mode() ptrace.Mode {
	if t.trace.rec == nil || !t.host.Traced() {
		return ptrace.Cont
	}
	return t.trace.rec.Mode
}

func (t *Task) record() *ptrace.Record {
	if t.trace.rec == nil {
		t.trace.rec = new(ptrace.Record)
		t.trace.rec.Version = ptrace.Version
	}
	return t.trace.rec
}

// prepare writes into the record why the thread stops, and its registers.
func (t *Task) prepare(kind ptrace.Kind) *ptrace.Record {
	r := t.record()
	t.applyCode(r)
	r.Kind, r.Answered, r.Dirty = kind, 0, 0
	r.Signal, r.Message = 0, 0
	r.Reason, r.Data = t.trace.reason, t.trace.data
	t.trace.reason, t.trace.data = ptrace.NoReason, 0
	r.GPLen = uint32(copy(r.GP[:], t.CPU.Regset(guest.NT_PRSTATUS)))
	r.FPLen = uint32(copy(r.FP[:], t.CPU.Regset(guest.NT_PRFPREG)))
	r.Arch, r.PC, r.SP = t.P.Arch.AuditArch(), t.CPU.PC(), t.CPU.SP()
	r.SigMask = t.sig.mask
	return r
}

// halt stops the thread after prepare. It returns false if nobody has answered: the
// thread has no tracer any more.
func (t *Task) halt() bool {
	r := t.trace.rec
	for {
		t.gate.Halt(&t.P.stop, t.host, unsafe.Pointer(r))
		if t.gone() || r.Answered == 0 || r.Mode != ptrace.Serve {
			break
		}
		t.takePoints(r)
		r.Answered = 0
	}
	return !t.gone() && t.answered()
}

// answered takes over what the tracer wants.
func (t *Task) answered() bool {
	r := t.trace.rec
	if r.Answered == 0 {
		t.host.SetTraced(false)
		r.Mode = ptrace.Cont
		return false
	}
	if r.Dirty&ptrace.DirtyGP != 0 {
		t.CPU.SetRegset(guest.NT_PRSTATUS, r.GP[:r.GPLen])
	}
	if r.Dirty&ptrace.DirtyFP != 0 {
		t.CPU.SetRegset(guest.NT_PRFPREG, r.FP[:r.FPLen])
	}
	if r.Dirty&ptrace.DirtyMask != 0 {
		t.sig.mask = r.SigMask &^ unblockable
		t.noticeVirtual()
	}
	t.applyCode(r)
	t.host.SetTraced(r.Mode != ptrace.Detached)
	return true
}

// applyCode has the process look at its code again, if the tracer has written to memory.
func (t *Task) applyCode(r *ptrace.Record) {
	if r.Dirty&ptrace.DirtyCode != 0 {
		r.Dirty &^= ptrace.DirtyCode
		t.Mem.CodeChanged(0, t.Mem.Limit())
	}
}

// sendSelf sends the thread the signal with which its tracer has it go on from a stop
// that is not one for a signal.
func (t *Task) sendSelf(sig uint32) {
	if sig != 0 && !t.gone() {
		_ = unix.Tgkill(os.Getpid(), t.TID, syscall.Signal(sig))
	}
}

// startTraced makes the stop before the first instruction.
func (t *Task) startTraced() {
	start := t.trace.start
	t.trace.start = noStop
	switch start {
	case stopBorn:
		t.awaitTracer()
	case stopAttached:
		t.born()
	case stopExec:
		t.executed()
	}
}

// awaitTracer makes the first stop of a new tracee once the tracer has attached it; a
// stop without a tracer has no effect. Nobody may come: if the tracer has ended.
func (t *Task) awaitTracer() {
	for pause := 100 * time.Microsecond; !t.exiting && !t.P.ending.Load(); pause = min(2*pause, 20*time.Millisecond) {
		t.host.TakeTrace()
		last := t.host.TakeKick() && t.trace.release == nil || t.released(pause)
		if t.born() || last {
			return
		}
		if t.P.stop.Ordered() {
			t.gate.Park(&t.P.stop)
		}
		ts := unix.NsecToTimespec(int64(pause))
		_, _ = t.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0)
	}
}

// released reports whether the parent knows that nobody will come, or cannot tell any
// more. It takes a closer look after a while.
func (t *Task) released(pause time.Duration) bool {
	if t.trace.release != nil {
		select {
		case <-t.trace.release:
			return true
		default:
			return false
		}
	}
	if os.Getppid() != t.trace.parent {
		return true
	}
	return pause >= 20*time.Millisecond && !tracedByAnyone(t.trace.parentTID)
}

// tracedByAnyone reports whether a thread has a tracer.
func tracedByAnyone(tid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	return err == nil && !bytes.Contains(status, []byte("\nTracerPid:\t0\n"))
}

// born makes the first stop of a new tracee. It returns false if there is no tracer.
func (t *Task) born() bool {
	t.prepare(ptrace.Born)
	if !t.halt() {
		return false
	}
	t.deliverInstead(int(t.trace.rec.Signal))
	return true
}

// deliverInstead gives the signal its effect with which a stop ends that is like one for
// a SIGSTOP.
func (t *Task) deliverInstead(sig int) {
	if sig == 0 {
		return
	}
	info := t.infoFromTracer(sig)
	if !t.host.Freeze() {
		t.sendSelf(uint32(sig))
		return
	}
	t.act(&info)
}

// act does what a signal does, with the host blocking everything.
func (t *Task) act(info *trap.Info) {
	action := t.P.sig.takeAction(info.Signal())
	switch {
	case action.handles():
		t.handle(info, &action)
		return
	case !action.ignored(info.Signal()):
		t.defaultAction(info)
	}
	if !t.exiting {
		t.host.SetMask(t.sig.mask)
	}
}

// executed makes the stops after execve.
func (t *Task) executed() {
	r := t.prepare(ptrace.Exec)
	r.Message = uint64(t.trace.oldTID)
	if !t.halt() {
		return
	}
	if t.mode() == ptrace.Syscall {
		t.prepare(ptrace.SyscallExit).Result = 0
		if !t.halt() {
			return
		}
		t.sendSelf(t.trace.rec.Signal)
	}
	if r.Seized == 0 && r.Options&unix.PTRACE_O_TRACEEXEC == 0 {
		info := kernelInfo(int(unix.SIGTRAP), 0, 0)
		binary.LittleEndian.PutUint32(info[16:], uint32(os.Getpid()))
		if t.signalStop(&info) && !t.gone() && t.host.Freeze() {
			t.act(&info)
		}
	}
}

// infoFromTracer is the siginfo_t of a signal that the tracer sends by going on.
func (t *Task) infoFromTracer(sig int) trap.Info {
	info := kernelInfo(sig, 0, 0)
	binary.LittleEndian.PutUint32(info[16:], t.trace.rec.Tracer)
	binary.LittleEndian.PutUint32(info[20:], t.trace.rec.UID)
	return info
}

// signalStop stops the thread for a signal that is about to have its effect. It
// changes it to what the tracer wants and returns false if that is none.
func (t *Task) signalStop(info *trap.Info) bool {
	r := t.prepare(ptrace.Signal)
	r.Info = *info
	if !t.halt() {
		// The tracer has ended. If it knew of the signal, that ends with it, as in the kernel.
		return !t.gone() && !t.exiting && !t.host.Noticed()
	}
	switch sig := int(r.Signal); sig {
	case 0:
		return false
	case (*trap.Info)(&r.Info).Signal():
		*info = r.Info
	default:
		*info = t.infoFromTracer(sig)
	}
	if sig := info.Signal(); t.sig.mask&sigbit(sig) != 0 {
		t.sendSelf(uint32(sig)) // it waits until it is let through
		return false
	}
	return true
}

// event makes the stop for PTRACE_EVENT_*, if the tracer wants it. It returns false if
// there is no tracer.
func (t *Task) event(event int, message uint64, child int) bool {
	if !t.wantsEvent(event) {
		return t.traced()
	}
	r := t.prepare(ptrace.Event)
	r.Event, r.Message, r.Child = uint32(event), message, uint32(child)
	return t.halt()
}

func (t *Task) wantsEvent(event int) bool {
	return t.traced() && t.trace.rec != nil && t.trace.rec.Options&(1<<event) != 0
}

// enterTraced makes the stop before a system call. It returns false if the call is not
// to be made; the result register holds the result then.
func (t *Task) enterTraced(c *Call) bool {
	mode := t.mode()
	if mode != ptrace.Syscall && !mode.Emulates() {
		return true
	}
	r := t.prepareCall(ptrace.SyscallEntry, c)
	if t.halt() {
		t.sendSelf(r.Signal)
	} else if t.gone() {
		return false
	} else {
		mode = ptrace.Cont
	}
	return t.changeCall(c) && !mode.Emulates()
}

// prepareCall is prepare for a stop at which the tracer may change the call. As on
// riscv the result register says ENOSYS meanwhile.
func (t *Task) prepareCall(kind ptrace.Kind, c *Call) *ptrace.Record {
	t.CPU.SetResult(-int64(syscall.ENOSYS))
	r := t.prepare(kind)
	r.Nr, r.Args = uint64(c.Row.Nr), c.Args
	return r
}

// changeCall takes over what the tracer has made of a call, in registers or as
// PTRACE_SET_SYSCALL_INFO does. It returns false if that is none.
func (t *Task) changeCall(c *Call) bool {
	r := t.trace.rec
	nr, args := t.CPU.Syscall()
	args[0] = c.Args[0] // the tracer sees the result there
	if r.Answered != 0 && r.Dirty&ptrace.DirtyCall != 0 {
		nr, args = r.Nr, r.Args
	}
	c.Args = args
	c.Row = t.P.row(nr)
	return int32(nr) != -1
}

// seccompStop asks the tracer about a call. If it is not to be made, its result is what
// the tracer has left in the register.
func (t *Task) seccompStop(c *Call, data uint64) (result uint64, made bool) {
	r := t.prepareCall(ptrace.Event, c)
	r.Event, r.Message, r.Returned = ptrace.EventSeccomp, data, data
	t.halt() // when there is no tracer any more, the call is made
	made = t.changeCall(c) && !t.gone()
	_, regs := t.CPU.Syscall()
	return regs[0], made
}

// leaveTraced makes the stop after a system call, whose result is in its register. It
// returns the call's errno as the tracer has left it.
func (t *Task) leaveTraced(e syscall.Errno) syscall.Errno {
	if t.mode() == ptrace.Syscall {
		_, regs := t.CPU.Syscall()
		r := t.prepare(ptrace.SyscallExit)
		r.Result = int64(regs[0])
		if t.halt() {
			if r.Dirty&ptrace.DirtyCall != 0 {
				t.CPU.SetResult(r.Result)
			}
			t.sendSelf(r.Signal)
		}
		if _, regs = t.CPU.Syscall(); int64(regs[0]) != -int64(e) {
			return 0
		}
	}
	return e
}

// hidden reports whether a call that has to be made again was interrupted by hospes
// only, which no tracer needs to see.
func (t *Task) hidden(e syscall.Errno) bool {
	return t.mode() == ptrace.Syscall && e >= ERESTARTSYS && e <= ERESTARTNOHAND && t.host.OnlyKicked() &&
		!t.virtualReady(t.blocked()) && !t.P.ending.Load()
}

// deliverTraced is deliver for a tracee. As on riscv and arm64 a call that is to be
// restarted has been rewound when the thread stops for a signal.
func (t *Task) deliverTraced(e syscall.Errno, arg0 uint64) {
	behind := t.CPU.PC()
	uapi.Restart(t.CPU, e, arg0, false, 0)
	rewound := t.CPU.PC()
	info, action, ok := t.nextSignal()
	if t.gone() {
		return
	}
	if ok && rewound != behind && t.CPU.PC() == rewound && e != ERESTARTNOINTR && !(e == ERESTARTSYS && action.Flags&saRestart != 0) {
		t.CPU.SetPC(behind)
		t.CPU.SetResult(-int64(syscall.EINTR))
	}
	for ; ok && !t.exiting; info, action, ok = t.nextSignal() {
		t.handle(&info, &action)
	}
	t.dropTempMask()
	if t.P.ending.Load() {
		t.exiting = true
	}
	if !t.exiting && !t.gone() && t.host.TakeTrace() {
		t.prepare(ptrace.Ask)
		if t.halt() {
			t.sendSelf(t.trace.rec.Signal)
		}
	}
}

// groupStop stops the process, as the default action of a signal does, from a thread
// that is traced. The host's kernel does it once the tracer has let the signal through.
func (t *Task) groupStop(sig int) {
	r := t.prepare(ptrace.Group)
	r.Pass = uint32(sig)
	r.Info = kernelInfo(sig, 0, 0)
	t.host.SetMask(t.sig.mask)
	_ = unix.Tgkill(os.Getpid(), t.TID, syscall.Signal(sig))
	r.Pass = 0
	if r.Answered != 0 {
		t.answered()
	}
}

// traceMe is PTRACE_TRACEME.
func (t *Task) traceMe() syscall.Errno {
	if t.traced() {
		return syscall.EPERM
	}
	t.trace.rec = nil
	t.record()
	if t.trace.later = t.P.vfork != nil && !t.P.death.hidden; !t.trace.later {
		if e := hostTraceMe(); e != 0 {
			return e
		}
	}
	t.host.SetTraced(true)
	return 0
}

func hostTraceMe() syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0, 0, 0)
	return e
}

// execTrace is what the next program has to know of the tracer, as words.
func (t *Task) execTrace() [4]uint64 {
	if !t.traced() {
		return [4]uint64{}
	}
	r := t.record()
	return [4]uint64{uint64(t.TID), uint64(r.Mode), uint64(r.Options), uint64(r.Seized)}
}

// resumeTrace takes over what execTrace has told.
func (t *Task) resumeTrace(state [4]uint64) {
	if state[0] == 0 {
		return
	}
	r := t.record()
	t.trace.start, t.trace.oldTID = stopExec, int(state[0])
	r.Mode, r.Options, r.Seized = ptrace.Mode(state[1]), uint32(state[2]), uint32(state[3])
	t.host.SetTraced(true)
}

// leavingForHost tells the tracer that the next program is none of a guest. A tracer
// that has never said anything may be a parent that waits for this very execve.
func (t *Task) leavingForHost() {
	if t.traced() && t.trace.rec != nil && t.trace.rec.Tracer != 0 {
		t.prepare(ptrace.Native)
		t.halt()
	}
}
