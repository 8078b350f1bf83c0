//go:build linux && amd64

package trap

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A guest thread whose tracer is another guest is traced on the host too (package
// ptrace). The host's kernel stops it for each signal; the tracer hands those that
// are the guest's on with Carry, whatever their disposition, so that the thread can
// stop for them in its own way; and it stops, on purpose, in Halt.

// StopMagic is in RAX of a thread that has stopped in [Thread.Halt]; the address of
// its record is in RBX.
const StopMagic = 0x706f_7473_736f_6801

// Traced reports whether the thread has a tracer, as far as is known here.
func (t *Thread) Traced() bool { return atomic.LoadUint32(&t.traced) != 0 }

// SetTraced says whether the thread has a tracer.
func (t *Thread) SetTraced(on bool) {
	v := uint32(0)
	if on {
		v = 1
	}
	atomic.StoreUint32(&t.traced, v)
}

// TakeTrace reports whether the tracer has asked the thread to stop since the last call.
func (t *Thread) TakeTrace() bool {
	return atomic.AndUint32(&t.ready, ^uint32(traceBit))&traceBit != 0
}

// OnlyKicked reports whether nothing waits to be taken but a kick.
func (t *Thread) OnlyKicked() bool { return atomic.LoadUint32(&t.ready) == kickBit }

// Halt stops the thread for its tracer, which finds the record in its registers, and
// returns when that has it go on; at once if there is none. It is for package
// forkall, which knows what to tell Go's scheduler. A vfork child may be killed here:
// then this returns in the parent.
//
//go:nosplit
func (t *Thread) Halt(record unsafe.Pointer) { stop(t, record) }

// Noticed reports whether a tracer has waited for the thread's last Halt, or has it go
// on: only a stop that nobody has noticed becomes a signal when the tracer is gone.
func (t *Thread) Noticed() bool { return t.noticed != 0 }

//go:noescape
func stop(t *Thread, record unsafe.Pointer) (gone uintptr)

func stopAddr() uintptr

// KickProcess kicks the first thread of another process.
func KickProcess(pid int) {
	var info Info
	AskToStop(&info)
	code := int32(kickCode)
	binary.NativeEndian.PutUint32(info[8:], uint32(code))
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(pid), uintptr(syscall.SIGSTKFLT), uintptr(unsafe.Pointer(&info)), 0, 0)
}

// SendStop sends SIGSTOP to a traced process as kill(2) does, but to its first thread. That is the guest's;
// the others are Go's, cannot block SIGSTOP, and have no tracer: whichever took it would stop them all, and the
// guest's tracer would not be asked.
func SendStop(pid int) syscall.Errno {
	var info Info
	put := func(at int, v int32) { binary.NativeEndian.PutUint32(info[at:], uint32(v)) }
	put(0, int32(syscall.SIGSTOP))
	put(8, stopCode)
	put(16, int32(os.Getpid()))
	put(20, int32(os.Getuid()))
	_, _, e := syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(pid), uintptr(syscall.SIGSTOP), uintptr(unsafe.Pointer(&info)), 0, 0)
	return e
}

// Unwrap gives a signal of SendStop the si_code of kill(2).
func (i *Info) Unwrap() {
	if i.Signal() == int(syscall.SIGSTOP) && i.Code() == stopCode {
		binary.NativeEndian.PutUint32(i[8:], 0)
	}
}

// Carry wraps a signal up as one that the handler takes for it whatever the
// disposition of the other, and that interrupts the thread. It has to go to a guest
// thread that lets signals through, by way of ptrace(2).
func Carry(info *Info) {
	sig, code, errno := info.Signal(), info.Code(), binary.NativeEndian.Uint32(info[4:])
	put := func(at int, v uint32) { binary.NativeEndian.PutUint32(info[at:], v) }
	put(0, uint32(syscall.SIGSTKFLT))
	put(4, uint32(code))
	put(8, uint32(int32(carryCode)-int32(sig)))
	put(12, errno)
}

// AskToStop is the siginfo of a kick that makes a thread stop for its tracer.
func AskToStop(info *Info) {
	*info = Info{}
	binary.NativeEndian.PutUint32(info[0:], uint32(syscall.SIGSTKFLT))
	code := int32(traceCode)
	binary.NativeEndian.PutUint32(info[8:], uint32(code))
}

// Internal reports whether a signal is one that threads of hospes send each other, and
// whether it is a kick.
func (i *Info) Internal() (internal, kick bool) {
	if i.Signal() != int(syscall.SIGSTKFLT) {
		return false, false
	}
	c := i.Code()
	if c == 0 && binary.NativeEndian.Uint32(i[16:]) == 0 { // a kick that lacks its information
		return true, true
	}
	return c == freezeCode || c == kickCode || c == traceCode || i.isSample(), c == kickCode
}
