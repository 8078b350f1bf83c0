//go:build linux && amd64

package linux

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Signals. The host kernel queues, blocks, ignores, stops and continues; see
// package trap for what arrives here: signals that have a handler in the guest,
// and the unmaskable six (trap.Unmaskable), for which the kernel's work is done
// here (signal_virtual.go).

// Flags of sigaction(2) that the host need not know.
const (
	saSiginfo       = 0x00000004
	saExposeTagbits = 0x00000800
	saOnStack       = 0x08000000
	saRestart       = uapi.SA_RESTART
	saNoDefer       = 0x40000000
	saResetHand     = 0x80000000

	// saKnown are the flags that Linux keeps; it clears all others, by which
	// programs find out what it supports.
	saKnown = trap.SA_NOCLDSTOP | trap.SA_NOCLDWAIT | saSiginfo | saExposeTagbits |
		saOnStack | saRestart | saNoDefer | saResetHand
)

// Special values of a handler.
const (
	sigDfl = 0
	sigIgn = 1
)

// sigaction is the kernel's struct sigaction on machines without sa_restorer.
type sigaction struct{ Handler, Flags, Mask uint64 }

// handles reports whether a function of the guest is to be called.
func (a *sigaction) handles() bool { return a.Handler != sigDfl && a.Handler != sigIgn }

// unblockable are the signals that no mask can hold, as a mask.
const unblockable = 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)

// numSignals is the number of the last signal (SIGRTMAX of the kernel).
const numSignals = 64

// sigbit is the bit of a signal in a mask.
func sigbit(sig int) uint64 { return 1 << (sig - 1) }

// signalState is what a process keeps about signals.
type signalState struct {
	mu      sync.Mutex                // guards actions and their counterparts on the host
	actions [numSignals + 1]sigaction // by number
	shared  virtualQueue              // signals for the process that no thread has taken

	// throughFD says that signalfd(2) was asked for signals that wait here.
	throughFD atomic.Bool

	// inherited are those of the unmaskable six that waited when the program was
	// started, for its first thread and for the process.
	inherited [2][]trap.Info

	// intercept says that the host must not end the process by the default action
	// of any signal: Task.die does.
	intercept bool
}

// taskSignals is what a task keeps about signals.
type taskSignals struct {
	mask  uint64            // blocked signals; never any of unblockable
	stack guest.AltStack    // sigaltstack(2); Size is 0 when there is none
	own   virtualQueue      // signals for this thread that it blocks
	frame guest.SignalFrame // for use in handle

	// unmaskable are those of mask that the host does not block, for other threads to
	// look at.
	unmaskable atomic.Uint64

	// A call such as ppoll has put temp in the place of mask, until a signal is
	// delivered (which restores mask when its handler returns) or the call is over.
	temp      uint64
	tempInUse bool
	tempReady bool // at the start of the call temp let a virtual signal through
}

// initActions takes over the ignored signals that the program was started with.
func (s *signalState) initActions() {
	_, ignored, _ := trap.Inherited()
	s.mu.Lock()
	defer s.mu.Unlock()
	for sig := 1; sig <= numSignals; sig++ {
		if ignored&sigbit(sig) != 0 {
			s.actions[sig].Handler = sigIgn
		}
		if s.intercepts(sig) {
			s.install(sig)
		}
	}
}

// sets returns the signals that the guest ignores and those that it handles.
func (s *signalState) sets() (ignored, handled uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sig := 1; sig <= numSignals; sig++ {
		switch a := &s.actions[sig]; {
		case a.handles():
			handled |= sigbit(sig)
		case a.Handler == sigIgn:
			ignored |= sigbit(sig)
		}
	}
	return ignored, handled
}

// action returns the action of a signal.
func (s *signalState) action(sig int) sigaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.actions[sig]
}

// set changes the action of a signal, here and on the host, and returns the old one.
func (s *signalState) set(sig int, a sigaction) (old sigaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.actions[sig]
	// A signal that is on its way meanwhile meets the new action.
	s.actions[sig] = a
	s.install(sig)
	return old
}

// install sets the host's action of a signal.
func (s *signalState) install(sig int) {
	switch a := s.actions[sig]; {
	case unblockable&sigbit(sig) != 0:
	case a.handles(), s.intercepts(sig):
		trap.Install(sig, a.Flags)
	case a.Handler == sigIgn:
		trap.Ignore(sig, a.Flags)
	default:
		trap.Default(sig, a.Flags)
	}
}

// intercepts reports whether a signal ends the process by Task.die rather than by the
// host's kernel. One that dumps core always does: what the host would dump is hospes.
func (s *signalState) intercepts(sig int) bool {
	return s.actions[sig].Handler == sigDfl && defaultOf(sig) == defaultKill &&
		(s.intercept || dumpsCore&sigbit(sig) != 0)
}

// dumpsCore are the signals that by default end a process with a core dump, but for
// the unmaskable six, which never have the host's default action.
const dumpsCore = 1<<(unix.SIGQUIT-1) | 1<<(unix.SIGABRT-1) | 1<<(unix.SIGSYS-1) |
	1<<(unix.SIGXCPU-1) | 1<<(unix.SIGXFSZ-1)

// takeAction returns the action with which a signal is delivered now: it becomes
// the default for the next one if it has SA_RESETHAND.
func (s *signalState) takeAction(sig int) sigaction {
	a := s.action(sig)
	if a.handles() && a.Flags&saResetHand != 0 {
		reset := a
		reset.Handler = sigDfl
		s.set(sig, reset)
	}
	return a
}

// ignored reports whether a signal with this action has no effect.
func (a *sigaction) ignored(sig int) bool {
	return a.Handler == sigIgn || a.Handler == sigDfl && defaultOf(sig) == defaultIgnore
}

// defaultAction is what a signal does that has no handler (signal(7)).
type defaultAction uint8

const (
	defaultKill defaultAction = iota
	defaultIgnore
	defaultStop
)

func defaultOf(sig int) defaultAction {
	switch sig {
	case int(unix.SIGCHLD), int(unix.SIGCONT), int(unix.SIGURG), int(unix.SIGWINCH):
		return defaultIgnore
	case int(unix.SIGSTOP), int(unix.SIGTSTP), int(unix.SIGTTIN), int(unix.SIGTTOU):
		return defaultStop
	}
	return defaultKill
}

// blocked is the mask in force.
func (t *Task) blocked() uint64 {
	if t.sig.tempInUse {
		return t.sig.temp
	}
	return t.sig.mask
}

// setMask sets the thread's mask, unless a signal that the present one lets
// through has just arrived and must be delivered first: then it returns false.
func (t *Task) setMask(mask uint64) bool {
	mask &^= unblockable
	if !t.host.SetMask(mask) {
		return false
	}
	t.sig.mask = mask
	if hidden := mask & trap.Unmaskable; t.sig.unmaskable.Load() != hidden {
		t.sig.unmaskable.Store(hidden)
	}
	t.noticeVirtual()
	return true
}

// setTempMask puts mask in the place of the thread's mask for a call that waits
// (ppoll and the like). It returns the mask that the host is to install for it.
// endTempMask must follow the call.
func (t *Task) setTempMask(mask uint64) uint64 {
	mask &^= unblockable
	t.sig.temp, t.sig.tempInUse = mask, true
	if t.sig.tempReady = t.virtualReady(mask); t.sig.tempReady {
		t.host.Kick() // the host knows of no signal, but the call must not wait
	}
	return mask &^ trap.Unmaskable
}

// endTempMask ends what setTempMask began. A call that returns e because of a
// signal leaves the mask in force until that is delivered.
func (t *Task) endTempMask(e error) {
	switch {
	case e == ERESTARTNOHAND:
	case e == ERESTARTNOINTR && t.sig.tempReady:
	default:
		t.dropTempMask()
	}
}

func (t *Task) dropTempMask() { t.sig.tempInUse, t.sig.tempReady = false, false }
