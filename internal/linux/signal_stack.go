//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"

	"github.com/hospes-vm/hospes/internal/guest"
)

// The alternate signal stack (sigaltstack(2)). It is the guest's alone: on the host
// signals are handled on Go's.

// Flags of stack_t.
const (
	ssOnStack = 1
	ssDisable = 2

	minSigStackSize = 2048 // MINSIGSTKSZ of asm-generic/signal.h
	stackSize       = 24   // sizeof(stack_t)
)

// noStack is the state without an alternate stack.
var noStack = guest.AltStack{Flags: ssDisable}

func sysSigaltstack(t *Task, c *Call) (uint64, syscall.Errno) {
	old := t.sig.stack
	switch {
	case old.Size == 0:
		old.Flags = old.Flags&guest.SS_AUTODISARM | ssDisable
	case old.Holds(t.CPU.SP()):
		old.Flags = old.Flags&guest.SS_AUTODISARM | ssOnStack
	default:
		old.Flags &= guest.SS_AUTODISARM
	}
	if c.Args[0] != 0 {
		var b [stackSize]byte
		if t.Mem.CopyIn(b[:], c.Args[0]) != nil {
			return 0, syscall.EFAULT
		}
		le := binary.LittleEndian
		s := guest.AltStack{SP: le.Uint64(b[0:]), Flags: int32(le.Uint32(b[8:])), Size: le.Uint64(b[16:])}
		if e := t.setAltStack(s); e != 0 {
			return 0, e
		}
	}
	if c.Args[1] != 0 {
		return 0, t.putStack(c.Args[1], &old)
	}
	return 0, 0
}

func (t *Task) putStack(addr uint64, s *guest.AltStack) syscall.Errno {
	var b [stackSize]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], s.SP)
	le.PutUint32(b[8:], uint32(s.Flags))
	le.PutUint64(b[16:], s.Size)
	return faultErrno(t.Mem.CopyOut(addr, b[:]))
}

// setAltStack is the kernel's do_sigaltstack.
func (t *Task) setAltStack(s guest.AltStack) syscall.Errno {
	if t.sig.stack.Holds(t.CPU.SP()) {
		return syscall.EPERM
	}
	mode := s.Flags &^ guest.SS_AUTODISARM
	switch {
	case mode != ssDisable && mode != ssOnStack && mode != 0:
		return syscall.EINVAL
	case s == t.sig.stack:
		return 0
	case mode == ssDisable:
		s.SP, s.Size = 0, 0
	case s.Size < minSigStackSize:
		return syscall.ENOMEM
	}
	t.sig.stack = s
	return 0
}
