//go:build linux && amd64

package trap

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"

	"github.com/hospes-vm/hospes/internal/irq"
)

// Info is a siginfo_t.
type Info [128]byte

// Signal is si_signo.
func (i *Info) Signal() int { return int(int32(binary.NativeEndian.Uint32(i[0:]))) }

// Code is si_code.
func (i *Info) Code() int32 { return int32(binary.NativeEndian.Uint32(i[8:])) }

// Results of [Thread.Syscall] for calls that did not run to completion.
const (
	// Restart is the result of a call that the kernel would restart under
	// SA_RESTART (ERESTARTSYS; for calls that always restart, ERESTARTNOINTR).
	Restart = syscall.Errno(512)
	// NotMade is the result of a call that was not made, because a signal or a
	// kick was waiting. It can be made later as if nothing had happened.
	NotMade = syscall.Errno(513)
)

// Of the interrupt word, for the handler.
const (
	//lint:ignore U1000 in the assembly
	irqSignal = irq.Signal
	//lint:ignore U1000 in the assembly
	irqLimit = irq.LimitOffset
	//lint:ignore U1000 in the assembly
	irqMask = irq.MaskOffset
)

const (
	slotOrdinary = 0      // index of the slot for signals that can be masked
	numSlots     = 7      // that one, and the unmaskable six
	kickBit      = 1 << 7 // in Thread.ready
	traceBit     = 1 << 8 // in Thread.ready

	// kickCode is the si_code of a kick: negative, as the kernel lets nobody
	// send others to a thread, and none that Linux uses.
	kickCode = -0x68_6f73

	// freezeCode is the si_code of the signal that goes to freezer.
	freezeCode = kickCode - 1

	// traceCode is the si_code of a kick by the thread's tracer (trace.go).
	traceCode = kickCode - 2

	// stopCode is the si_code of a SIGSTOP of SendStop.
	stopCode = kickCode - 3

	// carryCode minus n is the si_code of a signal that stands for signal n (Carry).
	carryCode = kickCode - 0x100

	// leastCode is the least of these.
	//lint:ignore U1000 in the assembly
	leastCode = carryCode - 64
)

// slotOf is the slot of each signal number. The handler reads it.
var slotOf = [65]uint8{
	int(syscall.SIGILL): 1, int(syscall.SIGTRAP): 2, int(syscall.SIGBUS): 3,
	int(syscall.SIGFPE): 4, int(syscall.SIGSEGV): 5, int(syscall.SIGSTKFLT): 6,
}

// Unmaskable are the signals that are never blocked on the host, as a signal mask.
const Unmaskable = 1<<(syscall.SIGILL-1) | 1<<(syscall.SIGTRAP-1) | 1<<(syscall.SIGBUS-1) |
	1<<(syscall.SIGFPE-1) | 1<<(syscall.SIGSEGV-1) | 1<<(syscall.SIGSTKFLT-1)

// blocked is the host mask of a thread that is to get no signal.
const blocked = ^uint64(Unmaskable)

// Thread is what the signal handler knows of a guest thread. It must not be
// copied. All methods but Kick are for the host thread that called Bind.
type Thread struct {
	irq     *irq.Word // raised (irq.Signal) whenever ready becomes non-zero
	ready   uint32    // bit i: slot i is full; kickBit; set by the handler, cleared by the thread
	gate    uint32    // which bits of ready keep stub from making its call
	tid     uint32    // host thread ID; 0 when not bound
	traced  uint32    // somebody traces the thread; set by the handler too
	noticed uint32    // see Noticed
	vforked *Vforked  // set for the thread of a vfork child

	// The profile; the handler sets them, but for timer. See profile.go.
	sampling  uint32  // its state
	steps     uint32  // that are left
	periods   uint32  // since the last sample was taken
	timer     int     // 0, or the timer's number plus 1
	sampledAt uintptr // Sample.Code, while there is a sample

	slots [numSlots]Info // slots[i] belongs to the handler while bit i of ready is clear, to the thread otherwise
}

// NewThread returns a Thread that raises irq.Signal of w when a signal arrives.
func NewThread(w *irq.Word) *Thread { return &Thread{irq: w, gate: ^uint32(0)} }

// Pending reports whether a signal or a kick waits to be taken.
func (t *Thread) Pending() bool { return atomic.LoadUint32(&t.ready) != 0 }

// Take takes a signal out of its slot: the ordinary one first, if it is full, upon
// which everything that can be blocked stays so until the next SetMask.
func (t *Thread) Take() (info Info, ok bool) {
	for slot := range numSlots {
		if info, ok = t.take(slot); ok {
			break
		}
	}
	return info, ok
}

// TakeUnmaskable takes a signal of set, which are some of the unmaskable six.
func (t *Thread) TakeUnmaskable(set uint64) (info Info, ok bool) {
	for sig, slot := range slotOf {
		if slot != slotOrdinary && set&(1<<(sig-1)) != 0 {
			if info, ok = t.take(int(slot)); ok {
				break
			}
		}
	}
	return info, ok
}

func (t *Thread) take(slot int) (info Info, ok bool) {
	if atomic.LoadUint32(&t.ready)&(1<<slot) == 0 {
		return info, false
	}
	info = t.slots[slot]
	atomic.AndUint32(&t.ready, ^uint32(1<<slot))
	return info, true
}

// TakeKick reports whether the thread was kicked since the last call.
func (t *Thread) TakeKick() bool {
	return atomic.AndUint32(&t.ready, ^uint32(kickBit))&kickBit != 0
}

// Kick interrupts the thread: CPU.Run and Syscall return soon. It may be called
// from any thread, as long as t stays bound meanwhile.
func (t *Thread) Kick() {
	t.irq.Raise(irq.Signal)
	var info Info
	code := int32(kickCode)
	binary.NativeEndian.PutUint32(info[0:], uint32(syscall.SIGSTKFLT))
	binary.NativeEndian.PutUint32(info[8:], uint32(code))
	// The only failure is a thread that is gone. With a full queue (RLIMIT_SIGPENDING)
	// a standard signal comes without its information; the handler knows that.
	_ = queueThread(int(atomic.LoadUint32(&t.tid)), syscall.SIGSTKFLT, &info)
}

// SendSelf sends a signal to the calling thread, which sees no difference from kill(2).
func SendSelf(sig int) syscall.Errno {
	var info Info // its si_code is SI_USER
	binary.NativeEndian.PutUint32(info[0:], uint32(sig))
	binary.NativeEndian.PutUint32(info[16:], uint32(syscall.Getpid()))
	binary.NativeEndian.PutUint32(info[20:], uint32(syscall.Getuid()))
	return queueThread(syscall.Gettid(), syscall.Signal(sig), &info)
}

// Freeze blocks every signal that can be blocked, until the next SetMask. It reports
// whether the ordinary slot is empty, and so will stay.
func (t *Thread) Freeze() bool {
	setMask(blocked)
	return atomic.LoadUint32(&t.ready)&(1<<slotOrdinary) == 0
}
