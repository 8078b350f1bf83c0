//go:build linux && amd64

package ptrace

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

// host is ptrace(2) of the host, for the calling thread's tracees. What its arguments point
// to must not be on the stack, which may move when it is called.
//
//go:uintptrescapes
func host(request, tid int, addr, data uintptr) syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	return e
}

func hostInfo(request, tid int, info *trap.Info) syscall.Errno {
	return host(request, tid, 0, uintptr(unsafe.Pointer(info)))
}

func hostRegs(tid int, regs *unix.PtraceRegs) syscall.Errno {
	return host(unix.PTRACE_GETREGS, tid, 0, uintptr(unsafe.Pointer(regs)))
}

func hostMessage(tid int) (msg uint64, e syscall.Errno) {
	e = host(unix.PTRACE_GETEVENTMSG, tid, 0, uintptr(unsafe.Pointer(&msg)))
	return msg, e
}

// peek and poke read and write a word of the tracee, whatever its page allows.
func peek(tid int, addr uint64) (v uint64, e syscall.Errno) {
	e = host(unix.PTRACE_PEEKDATA, tid, uintptr(addr), uintptr(unsafe.Pointer(&v)))
	return v, e
}

func poke(tid int, addr, v uint64) syscall.Errno {
	return host(unix.PTRACE_POKEDATA, tid, uintptr(addr), uintptr(v))
}

// peekInfoArgs is struct ptrace_peeksiginfo_args.
type peekInfoArgs struct {
	off   uint64
	flags uint32
	n     int32
}

// peekInfos returns signals that wait for the tracee.
func peekInfos(tid int, off uint64, flags uint32, n int) ([]trap.Info, syscall.Errno) {
	if n == 0 {
		return nil, 0
	}
	list := make([]trap.Info, n)
	a := peekInfoArgs{off, flags, int32(n)}
	r, _, e := syscall.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_PEEKSIGINFO, uintptr(tid),
		uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&list[0])), 0, 0)
	if e != 0 {
		return nil, e
	}
	return list[:r], 0
}

// peekStop looks whether a thread has stopped, which a later wait finds again. The
// information is as from waitid(2): without a sender if it has not.
func peekStop(tid int, info *trap.Info) syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_WAITID, unix.P_PID, uintptr(tid), uintptr(unsafe.Pointer(info)),
		unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, 0, 0)
	return e
}

// ask kicks a thread so that it stops for its tracer.
func ask(pid, tid int) {
	var info trap.Info
	trap.AskToStop(&info)
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(info.Signal()),
		uintptr(unsafe.Pointer(&info)), 0, 0)
}

// bytes is the memory of a record.
func (r *Record) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}
