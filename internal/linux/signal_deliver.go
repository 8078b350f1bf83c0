//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/ptrace"
	"github.com/hospes-vm/hospes/internal/trap"
)

// interrupted is called when something has raised the interrupt word.
func (t *Task) interrupted() {
	t.CPU.IRQ().Lower(irq.All)
	t.deliver(0, 0)
}

// afterSyscall is called when a system call is over, with its errno and the first
// argument, which the result has overwritten. It restarts the call or not, and
// delivers signals.
func (t *Task) afterSyscall(e syscall.Errno, arg0 uint64) {
	restarts := e >= ERESTARTSYS && e <= ERESTART_RESTARTBLOCK
	if !restarts && !t.host.Pending() && !t.virtualReady(t.blocked()) {
		return
	}
	switch {
	case e == ERESTARTNOINTR && t.sig.tempReady:
		e = ERESTARTNOHAND // setTempMask kept the call from being made
	case e == ERESTARTNOHAND && !t.host.Pending() && !t.virtualReady(t.blocked()):
		e = syscall.EINTR // nothing came: it is one that fails after SIGSTOP and SIGCONT (signal(7))
		t.CPU.SetResult(-int64(e))
	}
	t.deliver(e, arg0)
}

// deliver delivers all signals that the mask lets through. The first one decides
// how a system call goes on that ended with a restart code e.
func (t *Task) deliver(e syscall.Errno, arg0 uint64) {
	t.host.TakeKick()
	if t.host.Traced() {
		t.deliverTraced(e, arg0)
		return
	}
	t.host.TakeTrace() // of a tracer that has let go since
	info, action, ok := t.nextSignal()
	uapi.Restart(t.CPU, e, arg0, ok, action.Flags)
	for ; ok && !t.exiting; info, action, ok = t.nextSignal() {
		t.handle(&info, &action)
	}
	t.dropTempMask()
	if t.P.ending.Load() {
		t.exiting = true
	}
}

// nextSignal takes signals until it finds one for which a handler is to be called;
// the others have their effect on the way. When it returns true the host blocks
// everything, until handle sets the handler's mask.
func (t *Task) nextSignal() (info trap.Info, action sigaction, ok bool) {
	for !t.exiting {
		if info, ok = t.takeSignal(); !ok {
			break
		}
		if t.host.Traced() && !t.signalStop(&info) {
			if t.gone() {
				break
			}
			t.host.SetMask(t.sig.mask)
			continue
		}
		sig := info.Signal()
		if action = t.P.sig.takeAction(sig); action.handles() {
			return info, action, true
		}
		if !action.ignored(sig) {
			t.defaultAction(&info)
		}
		if !t.exiting {
			t.host.SetMask(t.sig.mask) // on to the next
		}
	}
	return info, action, false
}

// takeSignal takes a signal that the mask lets through, upon which the host blocks
// everything. Blocking comes first: one that the host delivers after another has
// been taken might be blocked by then.
func (t *Task) takeSignal() (info trap.Info, ok bool) {
	for {
		if info, ok = t.host.Take(); ok {
			sig := info.Signal()
			switch {
			case trap.Unmaskable&sigbit(sig) == 0:
				return info, true
			case t.blocked()&sigbit(sig) != 0:
				t.enqueueVirtual(&info)
				continue
			}
		} else if info, ok = t.takeVirtual(^t.blocked()); !ok {
			return info, false
		}
		if t.host.Freeze() {
			return info, true
		}
		t.sig.own.add(&info) // another has just arrived, and goes first
	}
}

// defaultAction does what a signal without handler does, other than nothing.
func (t *Task) defaultAction(info *trap.Info) {
	sig := info.Signal()
	if defaultOf(sig) == defaultStop && t.traced() {
		t.groupStop(sig)
		return
	}
	if defaultOf(sig) == defaultStop {
		// Its handler has gone while the signal was on its way: let the host act.
		t.host.SetMask(t.sig.mask)
		_ = unix.Tgkill(os.Getpid(), t.TID, syscall.Signal(sig))
		return
	}
	if os.Getpid() == 1 {
		return // nobody ends the first process of a PID namespace but by force (kill(2))
	}
	t.die(info)
}

// die ends the process by a signal.
func (t *Task) die(info *trap.Info) {
	if t.P.Tracer != nil {
		t.P.Tracer.Signal(t, info.Signal(), (*[128]byte)(info))
	}
	t.event(ptrace.EventExit, uint64(info.Signal()), 0)
	t.dumpCore(info)
	t.end(Status{Signal: info.Signal()})
}

// handle enters the handler of a signal.
func (t *Task) handle(info *trap.Info, action *sigaction) {
	sig := info.Signal()
	if t.P.Tracer != nil {
		t.P.Tracer.Signal(t, sig, (*[128]byte)(info))
	}
	frame := &t.sig.frame
	*frame = guest.SignalFrame{
		Signal:  sig,
		Info:    *info,
		Mask:    t.sig.mask,
		Stack:   t.sig.stack,
		Handler: action.Handler,
		Return:  t.P.Image.SigReturn,
		SP:      t.CPU.SP(),
	}
	if action.Flags&saOnStack != 0 && t.sig.stack.Size != 0 && !t.sig.stack.Holds(frame.SP) {
		frame.SP = t.sig.stack.SP + t.sig.stack.Size
	}
	if err := t.CPU.PushSignal(frame); err != nil {
		t.badFrame(sig)
		return
	}
	mask := t.blocked() | action.Mask
	if action.Flags&saNoDefer == 0 {
		mask |= sigbit(sig)
	}
	t.dropTempMask()
	t.thr.wait.stop()
	if t.sig.stack.Flags&guest.SS_AUTODISARM != 0 {
		t.sig.stack = uapi.NoStack
	}
	t.setMask(mask)
	t.steppedOver() // into the handler
}

// badFrame is called when there is no room for a signal frame, or none that makes
// sense: the thread gets a SIGSEGV, or the process dies if that cannot be delivered
// either.
func (t *Task) badFrame(sig int) {
	info := kernelInfo(int(unix.SIGSEGV), siKernel, 0)
	if sig == int(unix.SIGSEGV) {
		t.die(&info)
		return
	}
	t.forceSignal(&info)
}

// siKernel is the si_code of signals from the kernel without further meaning.
const siKernel = 0x80

// kernelInfo returns a siginfo_t of a signal that the kernel itself raises.
func kernelInfo(sig int, code int32, addr uint64) (info trap.Info) {
	le := binary.LittleEndian
	le.PutUint32(info[0:], uint32(sig))
	le.PutUint32(info[8:], uint32(code))
	le.PutUint64(info[16:], addr)
	return info
}

// trap delivers the signal of an instruction that trapped.
func (t *Task) trap(tr guest.Trap) {
	if !t.host.Freeze() {
		t.deliver(0, 0) // the one that has just arrived goes first; the instruction will trap again
		return
	}
	info := kernelInfo(tr.Signal, tr.Code, tr.Addr)
	t.forceSignal(&info)
}

// forceSignal delivers a signal that cannot wait: one that is blocked or ignored
// ends the process. The host blocks everything when it is called.
func (t *Task) forceSignal(info *trap.Info) {
	if t.host.Traced() && !t.signalStop(info) {
		if !t.gone() {
			t.host.SetMask(t.sig.mask)
		}
		return
	}
	sig := info.Signal()
	action := t.P.sig.takeAction(sig)
	if !action.handles() || t.blocked()&sigbit(sig) != 0 {
		t.die(info)
		return
	}
	t.handle(info, &action)
}
