//go:build linux && amd64

package ptrace

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

// load reads the record of a tracee that has stopped on the host.
func (t *Tracee) load() bool {
	if t.at == 0 {
		return false
	}
	n, err := unix.ProcessVMReadv(t.TID, local(t.rec.bytes()), remote(t.at, len(t.rec.bytes())), 0)
	return err == nil && n == len(t.rec.bytes()) && t.rec.Version == Version
}

// store writes the record back.
func (t *Tracee) store() bool {
	n, err := unix.ProcessVMWritev(t.TID, local(t.rec.bytes()), remote(t.at, len(t.rec.bytes())), 0)
	return err == nil && n == len(t.rec.bytes())
}

func local(b []byte) []unix.Iovec { return []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}} }

func remote(at uint64, n int) []unix.RemoteIovec {
	return []unix.RemoteIovec{{Base: uintptr(at), Len: n}}
}

func (t *Tracee) info() *trap.Info { return (*trap.Info)(&t.rec.Info) }

// setInfo makes info that of a signal from nobody.
func setInfo(info *trap.Info, sig int, code int32) {
	*info = trap.Info{}
	binary.NativeEndian.PutUint32(info[0:], uint32(sig))
	binary.NativeEndian.PutUint32(info[8:], uint32(code))
}

// sender is si_pid.
func sender(info *trap.Info) int { return int(int32(binary.NativeEndian.Uint32(info[16:]))) }

// answer writes into the record how the tracee is to go on.
func (t *Tracee) answer(mode Mode, sig int) {
	t.mode = mode
	if t.at == 0 {
		return
	}
	r := &t.rec
	r.Answered, r.Mode, r.Signal = 1, mode, uint32(sig)
	r.Options, r.Seized = t.options, 0
	if t.seized {
		r.Seized = 1
	}
	if t.code {
		r.Dirty |= DirtyCode
		t.code = false
	}
	r.Tracer, r.UID = uint32(os.Getpid()), uint32(os.Getuid())
	t.store()
}

// resume has the tracee go on.
func (t *Tracee) resume(mode Mode, sig int) {
	t.answer(mode, sig)
	t.stopped, t.jobStop = false, false
	t.resumeHost(0)
	if t.interrupt {
		t.askToStop()
	}
}

// settle has the tracee go on that has just been asked to stop, if it does so at once:
// the guest may not wait for it for a long time.
func (t *Tracee) settle() {
	for range 100 {
		var info trap.Info
		e := peekStop(t.TID, &info)
		if e != 0 || sender(&info) != 0 {
			if _, visible := t.group.Stopped(t.TID, int(binary.NativeEndian.Uint32(info[24:]))<<8|0x7f); e != 0 || visible {
				return
			}
		}
		if !t.asked {
			return
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (t *Tracee) askToStop() {
	t.asked = true
	ask(t.pid, t.TID)
}

// Attach begins to trace a thread, as PTRACE_ATTACH does or, with seize, PTRACE_SEIZE.
func (g *Tracer) Attach(tid int, seize bool, options uint32) syscall.Errno {
	p, err := peer.Open(tid)
	if e, ok := err.(syscall.Errno); ok {
		return e
	} else if err != nil {
		return syscall.EPERM // no guest: nothing could be told of it
	}
	pid, ok := p.Process(tid)
	switch {
	case !ok:
		return syscall.ESRCH
	case pid == os.Getpid():
		return syscall.EPERM
	}
	if e := host(unix.PTRACE_SEIZE, tid, 0, hostOptions(options)); e != 0 {
		return e
	}
	t := g.add(&Tracee{TID: tid, pid: pid, seized: seize, options: options})
	if seize {
		t.askToStop() // it does not stop for that, but learns that it is traced
		t.settle()
		return 0
	}
	t.attach = true
	_, _, _ = syscall.RawSyscall(unix.SYS_TGKILL, uintptr(pid), uintptr(tid), uintptr(unix.SIGSTOP))
	return 0
}

// Tracee returns a tracee of the calling thread that is stopped. The error is ESRCH.
func (g *Tracer) Tracee(tid int) (*Tracee, syscall.Errno) {
	t := g.get(tid)
	if t == nil || t.tracer != unix.Gettid() || !t.stopped || t.listening {
		return nil, syscall.ESRCH
	}
	if t.jobStop && host(unix.PTRACE_GETEVENTMSG, tid, 0, 0) == syscall.ESRCH {
		return nil, syscall.ESRCH
	}
	return t, 0
}

// Interrupt is PTRACE_INTERRUPT.
func (g *Tracer) Interrupt(tid int) syscall.Errno {
	t := g.get(tid)
	switch {
	case t == nil || t.tracer != unix.Gettid():
		return syscall.ESRCH
	case !t.seized:
		return syscall.EIO
	case t.listening:
		return host(unix.PTRACE_INTERRUPT, tid, 0, 0)
	}
	t.interrupt = true
	if !t.stopped {
		t.askToStop()
	}
	return 0
}

// Kill is PTRACE_KILL.
func (g *Tracer) Kill(tid int) syscall.Errno {
	if t := g.get(tid); t == nil || t.tracer != unix.Gettid() {
		return syscall.ESRCH
	}
	return host(unix.PTRACE_KILL, tid, 0, 0)
}

// Resume has the tracee go on, with a signal unless sig is 0.
func (t *Tracee) Resume(mode Mode, sig int) syscall.Errno {
	if sig < 0 || sig > 64 {
		return syscall.EIO
	}
	t.resume(mode, sig)
	return 0
}

// Detach lets go of the tracee.
func (t *Tracee) Detach(sig int) syscall.Errno {
	if sig < 0 || sig > 64 {
		return syscall.EIO
	}
	t.answer(Detached, sig)
	t.group.Ended(t.TID)
	return host(unix.PTRACE_DETACH, t.TID, 0, 0)
}

// Step has the tracee go on until it has executed an instruction and the pc is not in
// [from, to), with a signal unless sig is 0.
func (t *Tracee) Step(from, to uint64, sig int) {
	t.rec.From, t.rec.To = from, to
	t.resume(Step, sig)
	t.rec.From, t.rec.To = 0, 0
}

// Listen is PTRACE_LISTEN.
func (t *Tracee) Listen() syscall.Errno {
	if !t.seized || !t.jobStop {
		return syscall.EIO
	}
	t.answer(t.mode, 0)
	if e := host(unix.PTRACE_LISTEN, t.TID, 0, 0); e != 0 {
		return e
	}
	t.stopped, t.listening = false, true
	return 0
}

// optionsKnown are the options that there are.
const optionsKnown = 0xff | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_SUSPEND_SECCOMP

// CheckOptions is the errno for options that cannot be set.
func CheckOptions(options uint64) syscall.Errno {
	switch {
	case options&^optionsKnown != 0:
		return syscall.EINVAL
	case options&unix.PTRACE_O_SUSPEND_SECCOMP != 0:
		return syscall.EINVAL // as without CONFIG_CHECKPOINT_RESTORE
	}
	return 0
}

// SetOptions sets the options of a stopped tracee.
func (t *Tracee) SetOptions(options uint64) syscall.Errno {
	if e := CheckOptions(options); e != 0 {
		return e
	}
	t.options = uint32(options)
	return host(unix.PTRACE_SETOPTIONS, t.TID, 0, hostOptions(t.options))
}
