//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// deliver does what there is to do before the task goes on: it delivers all signals that the mask lets through,
// stops, or ends. The first signal decides how a system call goes on that ended with a restart
// code e; arg0 is that call's first argument, which the result has overwritten.
func (t *Task) deliver(e syscall.Errno, arg0 uint64) {
	t.CPU.IRQ().Lower(irq.All)
	for {
		info, action, ok := t.nextSignal()
		if t.exiting {
			return
		}
		uapi.Restart(t.CPU, e, arg0, ok, action.Flags)
		e = 0
		if !ok {
			break
		}
		t.handle(&info, &action)
	}
	t.restoreMask()
}

// nextSignal takes signals until it finds one for which a handler is to be called;
// the others have their effect on the way.
func (t *Task) nextSignal() (info sigInfo, action sigaction, ok bool) {
	k, p := t.K, t.P
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		t.sleeper.attention.Store(false)
		if p.ending || p.execing != nil && p.execing != t {
			t.exiting = true
			return info, action, false
		}
		if p.stopped {
			t.stay()
			continue
		}
		if info, ok = t.takeSignal(^t.sig.mask); !ok {
			return info, action, false
		}
		sig := info.Signal()
		if action = p.takeAction(sig); action.handles() {
			t.sleeper.attention.Store(t.deliverable()) // for what follows handle
			return info, action, true
		}
		switch {
		case action.ignored(sig):
		case defaultOf(sig) == defaultStop:
			if sig == int(unix.SIGSTOP) || !k.orphaned(p.group, p.session) {
				p.stop(sig)
			}
		default:
			p.end(Status{Signal: sig})
		}
	}
}

// takeAction returns the action with which a signal is delivered now, with Kernel.mu held: it becomes
// the default for the next one if it has SA_RESETHAND.
func (p *Process) takeAction(sig int) sigaction {
	a := p.actions[sig]
	if a.handles() && a.Flags&saResetHand != 0 {
		p.actions[sig].Handler = sigDfl
	}
	return a
}

// stop stops the process, with Kernel.mu held.
func (p *Process) stop(sig int) {
	if p.stopped {
		return
	}
	p.stopped = true
	for _, t := range p.tasks {
		t.notify()
	}
	p.report(changes{stoppedBy: sig}, cldStopped, sig)
}

// stay waits for the process to continue or to end, with Kernel.mu held, which it releases
// meanwhile.
func (t *Task) stay() {
	for t.P.stopped && !t.P.ending {
		t.K.mu.Unlock()
		_ = t.sleep(never)
		t.K.mu.Lock()
		t.sleeper.attention.Store(false)
	}
}

// handle enters the handler of a signal.
func (t *Task) handle(info *sigInfo, action *sigaction) {
	sig := info.Signal()
	mask := t.sig.mask
	if t.sig.hasSaved {
		mask = t.sig.saved
	}
	frame := guest.SignalFrame{
		Signal:  sig,
		Info:    *info,
		Mask:    mask,
		Stack:   t.sig.stack,
		Handler: action.Handler,
		Return:  t.mm.image.SigReturn,
		SP:      t.CPU.SP(),
	}
	if action.Flags&saOnStack != 0 && t.sig.stack.Size != 0 && !t.sig.stack.Holds(frame.SP) {
		frame.SP = t.sig.stack.SP + t.sig.stack.Size
	}
	if err := t.CPU.PushSignal(&frame); err != nil {
		t.badFrame(sig)
		return
	}
	t.sig.hasSaved = false
	t.callEnded()
	mask = t.sig.mask | action.Mask
	if action.Flags&saNoDefer == 0 {
		mask |= sigbit(sig)
	}
	if t.sig.stack.Flags&guest.SS_AUTODISARM != 0 {
		t.sig.stack = uapi.NoStack
	}
	t.setMask(mask)
}

// badFrame is called when there is no room for a signal frame, or none that makes
// sense: the task gets a SIGSEGV, or the process dies if that cannot be delivered
// either.
func (t *Task) badFrame(sig int) {
	info := newInfo(int(unix.SIGSEGV), siKernel)
	if sig == int(unix.SIGSEGV) {
		t.K.mu.Lock()
		defer t.K.mu.Unlock()
		t.P.end(Status{Signal: sig})
		return
	}
	t.force(&info)
}

// trap delivers the signal of an instruction that trapped.
func (t *Task) trap(tr guest.Trap) {
	if t.returned(tr) {
		return
	}
	t.K.mu.Lock()
	t.P.trap = &Trap{PC: t.CPU.PC(), Trap: tr, Exe: t.mm.image.Exe, Bias: t.mm.image.Bias}
	t.K.mu.Unlock()
	info := faultInfo(tr.Signal, tr.Code, tr.Addr)
	t.force(&info)
}

// force delivers a signal that cannot wait: one that is blocked or ignored
// ends the process.
func (t *Task) force(info *sigInfo) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	sig := info.Signal()
	if a := &t.P.actions[sig]; t.sig.mask&sigbit(sig) != 0 || a.Handler == sigIgn {
		a.Handler = sigDfl
		t.sig.mask &^= sigbit(sig)
	}
	t.sig.pending.drop(sigbit(sig)) // what is forced counts
	t.sig.pending.add(info)
	t.sleeper.attention.Store(true)
}
