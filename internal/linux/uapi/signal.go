//go:build linux

package uapi

import (
	"encoding/binary"
	"syscall"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Restart codes: how a call that a signal has interrupted goes on (include/linux/errno.h).
// They never reach the guest.
const (
	ERESTARTSYS    = syscall.Errno(512) // restart if no handler ran, or its action has SA_RESTART; else EINTR
	ERESTARTNOINTR = syscall.Errno(513) // restart always
	ERESTARTNOHAND = syscall.Errno(514) // restart if no handler ran; else EINTR

	// ERESTART_RESTARTBLOCK: go on through restart_syscall(2), which continues what
	// the task has noted, if no handler ran; else EINTR.
	ERESTART_RESTARTBLOCK = syscall.Errno(516)
)

// SA_RESTART is the flag of sigaction(2).
const SA_RESTART = 0x10000000

// restartSyscall is the number of restart_syscall(2) in the generic table.
const restartSyscall = 128

// Restart applies a restart code to a CPU whose call has ended with e, as arch_do_signal_or_restart of the kernel does. handled
// says that a handler is about to run, whose action has these flags; arg0 is the call's first argument, which the result has
// overwritten.
func Restart(cpu guest.CPU, e syscall.Errno, arg0 uint64, handled bool, flags uint64) {
	switch e {
	case ERESTARTSYS:
		if handled && flags&SA_RESTART == 0 {
			e = syscall.EINTR
		}
	case ERESTARTNOINTR:
	case ERESTARTNOHAND, ERESTART_RESTARTBLOCK:
		if handled {
			e = syscall.EINTR
		}
	default:
		return
	}
	if e == syscall.EINTR {
		cpu.SetResult(-int64(syscall.EINTR))
		return
	}
	cpu.RestartSyscall(arg0)
	if e == ERESTART_RESTARTBLOCK {
		cpu.SetSyscallNr(restartSyscall)
	}
}

// SigsetSize is sizeof(sigset_t) of the kernel.
const SigsetSize = 8

// Ways of rt_sigprocmask(2) to change a mask.
const (
	sigBlock   = 0
	sigUnblock = 1
	sigSetmask = 2
)

// ChangedMask is what rt_sigprocmask(2) makes of a mask by a set at addr.
func ChangedMask(as *mem.Space, old uint64, how int, addr uint64) (uint64, syscall.Errno) {
	set, f := as.Load(addr, SigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	switch how {
	case sigBlock:
		return old | set, 0
	case sigUnblock:
		return old &^ set, 0
	case sigSetmask:
		return set, 0
	}
	return 0, syscall.EINVAL
}

// Flags of stack_t.
const (
	ssOnStack = 1
	ssDisable = 2
)

const (
	minSigStackSize = 2048 // MINSIGSTKSZ of asm-generic/signal.h
	stackSize       = 24   // sizeof(stack_t)
)

// NoStack is the state without an alternate stack.
var NoStack = guest.AltStack{Flags: ssDisable}

// Sigaltstack is sigaltstack(2) of a thread whose alternate stack is *s.
func Sigaltstack(as *mem.Space, s *guest.AltStack, sp, newAddr, oldAddr uint64) syscall.Errno {
	old := *s
	switch {
	case old.Size == 0:
		old.Flags = old.Flags&guest.SS_AUTODISARM | ssDisable
	case old.Holds(sp):
		old.Flags = old.Flags&guest.SS_AUTODISARM | ssOnStack
	default:
		old.Flags &= guest.SS_AUTODISARM
	}
	var b [stackSize]byte
	le := binary.LittleEndian
	if newAddr != 0 {
		if as.CopyIn(b[:], newAddr) != nil {
			return syscall.EFAULT
		}
		next := guest.AltStack{SP: le.Uint64(b[0:]), Flags: int32(le.Uint32(b[8:])), Size: le.Uint64(b[16:])}
		if e := SetAltStack(s, sp, next); e != 0 {
			return e
		}
	}
	if oldAddr != 0 {
		le.PutUint64(b[0:], old.SP)
		le.PutUint64(b[8:], uint64(uint32(old.Flags)))
		le.PutUint64(b[16:], old.Size)
		if as.CopyOut(oldAddr, b[:]) != nil {
			return syscall.EFAULT
		}
	}
	return 0
}

// SetAltStack is the kernel's do_sigaltstack.
func SetAltStack(s *guest.AltStack, sp uint64, next guest.AltStack) syscall.Errno {
	if s.Holds(sp) {
		return syscall.EPERM
	}
	mode := next.Flags &^ guest.SS_AUTODISARM
	switch {
	case mode != ssDisable && mode != ssOnStack && mode != 0:
		return syscall.EINVAL
	case next == *s:
		return 0
	case mode == ssDisable:
		next.SP, next.Size = 0, 0
	case next.Size < minSigStackSize:
		return syscall.ENOMEM
	}
	*s = next
	return 0
}
