//go:build linux && amd64

package linux

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// PR_SET_MDWE: memory that is writable or executable, but never both. It is the guest's
// address space that has it, not the host's: translated code may need memory that is.

func prctlSetMDWE(t *Task, c *Call) (uint64, syscall.Errno) {
	bits, e := uapi.SetMDWE(t.P.mdwe.Load(), &c.Args)
	if e == 0 {
		t.P.setMDWE(bits)
	}
	return 0, e
}

func prctlGetMDWE(t *Task, c *Call) (uint64, syscall.Errno) {
	return uapi.GetMDWE(t.P.mdwe.Load(), &c.Args)
}

func (p *Process) setMDWE(bits uint64) {
	p.mdwe.Store(bits)
	p.Mem.DenyWX(bits != 0)
}

// inheritedMDWE are the bits that children and new programs have.
func (p *Process) inheritedMDWE() uint64 { return uapi.InheritedMDWE(p.mdwe.Load()) }
