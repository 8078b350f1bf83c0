//go:build linux && amd64

package trap

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelAction is the kernel's struct sigaction on amd64.
type kernelAction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// Flags and dispositions of sigaction(2).
const (
	SA_NOCLDSTOP = 0x1
	SA_NOCLDWAIT = 0x2
	saSiginfo    = 0x4
	saRestorer   = 0x04000000
	saOnStack    = 0x08000000
	saRestart    = 0x10000000

	sigDfl = 0
	sigIgn = 1
)

func sigaction(sig int, act, old *kernelAction) {
	_, _, e := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if e != 0 {
		panic("rt_sigaction: " + e.Error()) // only a wrong signal number makes it fail
	}
}

// setMask sets the host thread's mask.
func setMask(mask uint64) {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
}

// currentMask is the host thread's mask.
func currentMask() (mask uint64) {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, 0, uintptr(unsafe.Pointer(&mask)), 8, 0, 0)
	return mask
}

// queueThread queues a signal for one thread of this process.
func queueThread(tid int, sig syscall.Signal, info *Info) syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(syscall.Getpid()), uintptr(tid), uintptr(sig), uintptr(unsafe.Pointer(info)), 0, 0)
	return e
}

// Requeue puts a signal that was delivered to this thread back into the queue of
// the process, for a thread that has it unblocked.
func Requeue(info *Info) syscall.Errno {
	// Only for its own thread ID may a thread use any si_code. A thread ID
	// stands for the whole process here.
	_, _, e := syscall.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(syscall.Gettid()), uintptr(info.Signal()), uintptr(unsafe.Pointer(info)))
	return e
}

// codeAddrs returns the addresses of stub, handler and restorer.
func codeAddrs() (stub, handler, restorer uintptr)

// findSyscall returns the address of the first REX.W-prefixed SYSCALL at or after pc.
func findSyscall(pc uintptr) uintptr {
	for ; ; pc++ {
		if *(*[3]byte)(addr(pc)) == [3]byte{0x48, 0x0f, 0x05} {
			return pc
		}
	}
}

// findBreakpoint returns the address behind the first INT3, which is followed by a TEST
// of R13, at or after pc.
func findBreakpoint(pc uintptr) uintptr {
	for ; ; pc++ {
		if *(*[4]byte)(addr(pc)) == [4]byte{0xcc, 0x4d, 0x85, 0xed} {
			return pc + 1
		}
	}
}

// addr is the pointer to memory that is not Go's.
func addr(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }
