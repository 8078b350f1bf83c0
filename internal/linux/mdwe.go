//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// PR_SET_MDWE: memory that is writable or executable, but never both. It is the guest's
// address space that has it, not the host's: translated code may need memory that is.

func prctlSetMDWE(t *Task, c *Call) (uint64, syscall.Errno) {
	bits := c.Args[1]
	const all = unix.PR_MDWE_REFUSE_EXEC_GAIN | unix.PR_MDWE_NO_INHERIT
	if c.Args[2]|c.Args[3]|c.Args[4] != 0 || bits&^all != 0 || bits == unix.PR_MDWE_NO_INHERIT {
		return 0, syscall.EINVAL
	}
	if now := t.P.mdwe.Load(); now != 0 && now != bits {
		return 0, syscall.EPERM
	}
	t.P.setMDWE(bits)
	return 0, 0
}

func prctlGetMDWE(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1]|c.Args[2]|c.Args[3]|c.Args[4] != 0 {
		return 0, syscall.EINVAL
	}
	return t.P.mdwe.Load(), 0
}

func (p *Process) setMDWE(bits uint64) {
	p.mdwe.Store(bits)
	p.Mem.DenyWX(bits != 0)
}

// inheritedMDWE are the bits that children and new programs have.
func (p *Process) inheritedMDWE() uint64 {
	bits := p.mdwe.Load()
	if bits&unix.PR_MDWE_NO_INHERIT != 0 {
		return 0
	}
	return bits
}
