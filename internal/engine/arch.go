//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Arch is a guest architecture whose CPUs execute translations.
type Arch struct {
	guest.Arch
	Options Options

	machine *Machine // of the last address space
}

// NewCPU returns a hart with all registers zero. It is an interpreter if the guest
// cannot be translated, or the host grants no executable memory.
func (a *Arch) NewCPU(as *mem.Space) guest.CPU {
	cpu := a.Arch.NewCPU(as)
	t, ok := cpu.(guest.Translatable)
	if !ok {
		return cpu
	}
	m, err := newMachine(as, a.Options, t.NewLifter())
	if err != nil {
		return cpu
	}
	a.machine = m
	return newCPU(m, t)
}
