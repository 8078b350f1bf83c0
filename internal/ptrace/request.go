//go:build linux && amd64

package ptrace

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Requests that read or change a stopped tracee.

// Message is what PTRACE_GETEVENTMSG returns.
func (t *Tracee) Message() uint64 {
	switch t.rec.Kind {
	case SyscallEntry:
		return unix.PTRACE_EVENTMSG_SYSCALL_ENTRY
	case SyscallExit:
		return unix.PTRACE_EVENTMSG_SYSCALL_EXIT
	case Event, Exec:
		return t.rec.Message
	}
	return 0
}

// Info is the siginfo_t of the stop. A stop of job control has none (EINVAL).
func (t *Tracee) Info() (trap.Info, syscall.Errno) {
	switch {
	case t.status>>16 == EventStop, t.status>>8&0x7f == int(unix.SIGTRAP) && t.rec.Kind != Signal:
		var info trap.Info
		setInfo(&info, int(unix.SIGTRAP), int32(t.status>>8))
		binary.NativeEndian.PutUint32(info[16:], uint32(t.TID))
		return info, 0
	case t.jobStop:
		return trap.Info{}, syscall.EINVAL
	}
	return *t.info(), 0
}

// SetInfo replaces the siginfo_t of the signal that the tracee has stopped for.
func (t *Tracee) SetInfo(info *trap.Info) syscall.Errno {
	if t.jobStop {
		return syscall.EINVAL
	}
	t.rec.Info = *info
	return 0
}

// PeekInfos returns up to n signals that wait for the tracee, or its process, from
// number off on. Those of hospes are among them for a moment at most.
func (t *Tracee) PeekInfos(off uint64, flags uint32, n int) (list []trap.Info, e syscall.Errno) {
	all, e := peekInfos(t.TID, off, flags, n)
	for i := range all {
		if internal, _ := all[i].Internal(); !internal {
			list = append(list, all[i])
		}
	}
	return list, e
}

// SigMask and SetSigMask are PTRACE_GETSIGMASK and PTRACE_SETSIGMASK.
func (t *Tracee) SigMask() uint64 { return t.rec.SigMask }

// SetSigMask sets the blocked signals.
func (t *Tracee) SetSigMask(mask uint64) {
	t.rec.SigMask = mask
	t.rec.Dirty |= DirtyMask
}

// Regset is a set of registers, which may be changed; nil if there is none of the kind.
func (t *Tracee) Regset(note uint64) []byte {
	r := &t.rec
	switch note {
	case guest.NT_PRSTATUS:
		return r.GP[:min(r.GPLen, uint32(len(r.GP)))]
	case guest.NT_PRFPREG:
		return r.FP[:min(r.FPLen, uint32(len(r.FP)))]
	}
	return nil
}

// Changed says that a set of registers has been changed.
func (t *Tracee) Changed(note uint64) {
	if note == guest.NT_PRFPREG {
		t.rec.Dirty |= DirtyFP
	} else {
		t.rec.Dirty |= DirtyGP
	}
}

// Values of op in struct ptrace_syscall_info.
const (
	callNone    = 0
	callEntry   = 1
	callExit    = 2
	callSeccomp = 3
)

// op is which part of struct ptrace_syscall_info the stop has. As in the kernel a stop
// at a system call has one only if PTRACE_O_TRACESYSGOOD tells it from others.
func (t *Tracee) op() byte {
	good := t.status>>8 == int(unix.SIGTRAP)|0x80
	switch r := &t.rec; {
	case r.Kind == SyscallEntry && good:
		return callEntry
	case r.Kind == SyscallExit && good:
		return callExit
	case r.Kind == Event && r.Event == EventSeccomp:
		return callSeccomp
	}
	return callNone
}

// SyscallInfo is struct ptrace_syscall_info, as far as the stop has it.
func (t *Tracee) SyscallInfo() []byte {
	r := &t.rec
	le := binary.LittleEndian
	b := make([]byte, 24, 88)
	le.PutUint32(b[4:], r.Arch)
	le.PutUint64(b[8:], r.PC)
	le.PutUint64(b[16:], r.SP)
	b[0] = t.op()
	switch b[0] {
	case callEntry, callSeccomp:
		b = le.AppendUint64(b, r.Nr)
		for _, a := range r.Args {
			b = le.AppendUint64(b, a)
		}
		if b[0] == callSeccomp {
			b = le.AppendUint32(b, uint32(r.Returned))
		}
	case callExit:
		b = le.AppendUint64(b, uint64(r.Result))
		failed := byte(0)
		if r.Result < 0 && r.Result >= -4095 {
			failed = 1
		}
		b = append(b, failed)
	}
	return b
}

// SetSyscallInfo changes the call that the tracee is about to make, or its result.
func (t *Tracee) SetSyscallInfo(b []byte) syscall.Errno {
	if len(b) < 24 {
		return syscall.EINVAL
	}
	r := &t.rec
	le := binary.LittleEndian
	switch op := t.op(); {
	case b[0] != op || b[1] != 0 || b[2] != 0 || b[3] != 0:
		return syscall.EINVAL
	case (op == callEntry || op == callSeccomp) && len(b) >= 24+7*8:
		r.Nr = le.Uint64(b[24:])
		for i := range r.Args {
			r.Args[i] = le.Uint64(b[32+8*i:])
		}
	case op == callExit && len(b) >= 33:
		r.Result = int64(le.Uint64(b[24:]))
	default:
		return syscall.EINVAL
	}
	r.Dirty |= DirtyCall
	return 0
}
