//go:build linux

package sandbox

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// Signals: kernel/signal.c of Linux, with Kernel.mu for what is siglock and tasklist_lock there.

// numSignals is the number of the last signal (SIGRTMAX of the kernel); the first of real time is firstRT.
const (
	numSignals = 64
	firstRT    = 32
)

// Flags of sigaction(2) (asm-generic/signal-defs.h).
const (
	saNoCldStop     = 0x00000001
	saNoCldWait     = 0x00000002
	saSiginfo       = 0x00000004
	saExposeTagbits = 0x00000800
	saOnStack       = 0x08000000
	saRestart       = uapi.SA_RESTART
	saNoDefer       = 0x40000000
	saResetHand     = 0x80000000

	// saKnown are the flags that Linux keeps; it clears all others, by which
	// programs find out what it supports.
	saKnown = saNoCldStop | saNoCldWait | saSiginfo | saExposeTagbits | saOnStack | saRestart | saNoDefer | saResetHand
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

// ignored reports whether a signal with this action has no effect.
func (a *sigaction) ignored(sig int) bool {
	return a.Handler == sigIgn || a.Handler == sigDfl && defaultOf(sig) == defaultIgnore
}

// actions are those of all signals, by number; processes may share them (CLONE_SIGHAND).
type actions [numSignals + 1]sigaction

// sigbit is the bit of a signal in a mask.
func sigbit(sig int) uint64 { return 1 << (sig - 1) }

// Masks of signals.
const (
	unblockable = 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)
	stopSignals = 1<<(unix.SIGSTOP-1) | 1<<(unix.SIGTSTP-1) | 1<<(unix.SIGTTIN-1) | 1<<(unix.SIGTTOU-1)

	// synchronous are those that instructions raise: they go first.
	synchronous = 1<<(unix.SIGSEGV-1) | 1<<(unix.SIGBUS-1) | 1<<(unix.SIGILL-1) |
		1<<(unix.SIGTRAP-1) | 1<<(unix.SIGFPE-1) | 1<<(unix.SIGSYS-1)
)

// defaultAction is what a signal does that has no handler (signal(7)).
type defaultAction uint8

const (
	defaultKill defaultAction = iota
	defaultIgnore
	defaultStop
)

func defaultOf(sig int) defaultAction {
	switch unix.Signal(sig) {
	case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH:
		return defaultIgnore
	}
	if stopSignals&sigbit(sig) != 0 {
		return defaultStop
	}
	return defaultKill
}

// sigInfo is a siginfo_t.
type sigInfo [128]byte

// Values of si_code (asm-generic/siginfo.h).
const (
	siUser   = 0
	siKernel = 0x80
	siTimer  = -2
	siTKill  = -6
)

// Signal is si_signo.
func (i *sigInfo) Signal() int { return int(int32(binary.LittleEndian.Uint32(i[0:]))) }

// Code is si_code.
func (i *sigInfo) Code() int32 { return int32(binary.LittleEndian.Uint32(i[8:])) }

// word is the 32-bit word at an offset.
func (i *sigInfo) word(at int) uint32 { return binary.LittleEndian.Uint32(i[at:]) }

func (i *sigInfo) setWord(at int, w uint32) { binary.LittleEndian.PutUint32(i[at:], w) }

// newInfo returns a siginfo_t whose further fields, from offset 16 on, are 32-bit words.
func newInfo(sig int, code int32, words ...uint32) (i sigInfo) {
	le := binary.LittleEndian
	le.PutUint32(i[0:], uint32(sig))
	le.PutUint32(i[8:], uint32(code))
	for k, w := range words {
		le.PutUint32(i[16+4*k:], w)
	}
	return i
}

// faultInfo returns the siginfo_t of an instruction that trapped.
func faultInfo(sig int, code int32, addr uint64) sigInfo {
	return newInfo(sig, code, uint32(addr), uint32(addr>>32))
}

// sentInfo is the siginfo_t of a signal that t sends.
func (t *Task) sentInfo(sig int, code int32) sigInfo {
	return newInfo(sig, code, uint32(t.P.Pid), t.P.cred.uid.real)
}

// sigQueue are signals that wait, with Kernel.mu held.
type sigQueue struct {
	set  uint64    // which there are
	list []sigInfo // in the order of their coming
}

// maxPending is how many signals may wait in a queue (RLIMIT_SIGPENDING).
const maxPending = 4096

// add puts a signal into the queue; one that is not of real time counts once. It reports false if there is
// no room.
func (q *sigQueue) add(info *sigInfo) bool {
	sig := info.Signal()
	if sig < firstRT && q.set&sigbit(sig) != 0 {
		return true
	}
	if len(q.list) >= maxPending && sig >= firstRT {
		return false
	}
	q.set |= sigbit(sig)
	q.list = append(q.list, *info)
	return true
}

// take removes the first of the signals with the lowest number among those of set; those that
// instructions raise first.
func (q *sigQueue) take(set uint64) (info sigInfo, ok bool) {
	if set &= q.set; set == 0 {
		return info, false
	}
	if set&synchronous != 0 {
		set &= synchronous
	}
	sig := bits.TrailingZeros64(set) + 1
	first, more := -1, false
	for i := range q.list {
		switch {
		case q.list[i].Signal() != sig:
		case first < 0:
			first = i
		default:
			more = true
		}
	}
	info = q.list[first]
	q.list = slices.Delete(q.list, first, first+1)
	if !more {
		q.set &^= sigbit(sig)
	}
	return info, true
}

// drop removes all signals of set.
func (q *sigQueue) drop(set uint64) {
	if q.set&set == 0 {
		return
	}
	q.set &^= set
	q.list = slices.DeleteFunc(q.list, func(i sigInfo) bool { return set&sigbit(i.Signal()) != 0 })
}

// taskSignals is what a task keeps about signals.
type taskSignals struct {
	mask    uint64         // blocked signals; Kernel.mu is held to change it
	stack   guest.AltStack // sigaltstack(2); Size is 0 when there is none
	pending sigQueue       // signals for this task; guarded by Kernel.mu
	waiting uint64         // what rt_sigtimedwait(2) waits for; guarded by Kernel.mu

	// A call such as ppoll has put another mask in the place of saved, until a signal is
	// delivered (the return of whose handler restores it) or the call is over.
	saved    uint64
	hasSaved bool
}

// send sends a signal to a process, or to its task t if that is not nil, with Kernel.mu held. It fails with
// EAGAIN if there is no room.
func (p *Process) send(t *Task, info *sigInfo) syscall.Errno {
	sig := info.Signal()
	if p.zombie || p.ending {
		return 0
	}
	p.prepare(sig)
	if p.ignores(t, sig) {
		return 0
	}
	q := &p.pending
	if t != nil {
		q = &t.sig.pending
	}
	if !q.add(info) {
		return syscall.EAGAIN
	}
	p.noteSignals()
	if sig == int(unix.SIGKILL) {
		p.end(Status{Signal: sig})
		return 0
	}
	p.find(t, sig)
	return 0
}

// find has a task look for a signal that waits, with Kernel.mu held: t, or one that does not
// block it, if possible one that has nothing else to look for.
func (p *Process) find(t *Task, sig int) {
	if t == nil {
		for _, other := range p.tasks {
			if other.wants(sig) && (t == nil || t.interrupted()) {
				t = other
			}
		}
	}
	if t != nil && t.wants(sig) {
		t.sig.waiting = 0 // the next one is for others who wait
		t.notify()
	}
}

// findAll does find for all signals of set that wait for the process.
func (p *Process) findAll(set uint64) {
	for set &= p.pending.set; set != 0; set &= set - 1 {
		p.find(nil, bits.TrailingZeros64(set)+1)
	}
}

// wants reports whether the task would take a signal now, with Kernel.mu held.
func (t *Task) wants(sig int) bool {
	return t.sig.mask&sigbit(sig) == 0 || t.sig.waiting&sigbit(sig) != 0
}

// ignores reports whether a signal need not be kept, with Kernel.mu held: one that is ignored, unless the task that
// it is for blocks it and so may want it later.
func (p *Process) ignores(t *Task, sig int) bool {
	if t == nil && len(p.tasks) > 0 {
		t = p.tasks[0]
	}
	return p.actions[sig].ignored(sig) && (t == nil || t.sig.mask&sigbit(sig) == 0 && t.sig.waiting&sigbit(sig) == 0)
}

// prepare is what a signal does when it is sent, whether it is blocked or not, with Kernel.mu held:
// SIGCONT continues a process and takes back stops, and a stop takes back SIGCONT.
func (p *Process) prepare(sig int) {
	switch {
	case stopSignals&sigbit(sig) != 0:
		p.drop(sigbit(int(unix.SIGCONT)))
	case sig == int(unix.SIGCONT):
		p.drop(stopSignals)
		if p.stopped {
			p.stopped = false
			p.report(changes{continued: true}, cldContinued, int(unix.SIGCONT))
			for _, t := range p.tasks {
				t.Wake()
			}
		}
	case sig == int(unix.SIGKILL):
		p.stopped = false
	}
}

// drop discards signals of set wherever they wait for the process, with Kernel.mu held.
func (p *Process) drop(set uint64) {
	p.pending.drop(set)
	for _, t := range p.tasks {
		t.sig.pending.drop(set)
	}
	p.noteSignals()
}

// deliverable reports whether a signal waits that the mask lets through, with Kernel.mu held.
func (t *Task) deliverable() bool { return (t.sig.pending.set|t.P.pending.set)&^t.sig.mask != 0 }

// setMask sets the task's mask.
func (t *Task) setMask(mask uint64) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.setMaskLocked(mask)
}

func (t *Task) setMaskLocked(mask uint64) {
	mask &^= unblockable
	newly := mask &^ t.sig.mask
	t.sig.mask = mask
	if t.deliverable() {
		t.sleeper.attention.Store(true)
	}
	t.P.findAll(newly) // somebody else may be the one to take them now
}

// setTempMask puts mask in the place of the task's mask for a call that waits
// (ppoll and the like). endTempMask must follow the call.
func (t *Task) setTempMask(mask uint64) {
	t.sig.saved, t.sig.hasSaved = t.sig.mask, true
	t.setMask(mask)
}

// endTempMask ends what setTempMask began. A call that returns e because of a
// signal, ERESTARTNOHAND, leaves the mask in force until that is delivered.
func (t *Task) endTempMask(e syscall.Errno) {
	if e != ERESTARTNOHAND {
		t.restoreMask()
	}
}

// restoreMask puts back the mask that setTempMask has replaced.
func (t *Task) restoreMask() {
	if t.sig.hasSaved {
		t.sig.hasSaved = false
		t.setMask(t.sig.saved)
	}
}
