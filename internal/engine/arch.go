//go:build linux && amd64

package engine

import (
	"errors"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Arch is a guest architecture whose CPUs execute translations.
type Arch struct {
	guest.Arch
	Options Options

	machine *Machine // of the last address space
}

// Open gets ready to execute in an address space. NewCPU does so, too, but settles for an
// interpreter where that is not possible.
func (a *Arch) Open(as *mem.Space) (err error) {
	t, ok := a.Arch.NewCPU(as).(guest.Translatable)
	if !ok {
		return errors.New("there is no translator for this guest")
	}
	a.machine, err = newMachine(as, a.Options, t)
	return err
}

// NewCPU returns a hart with all registers zero. It is an interpreter if the guest
// cannot be translated, or the host grants no executable memory.
func (a *Arch) NewCPU(as *mem.Space) guest.CPU {
	cpu := a.Arch.NewCPU(as)
	if m := a.machine; m == nil || m.as != as {
		if a.Open(as) != nil {
			return cpu
		}
	}
	return newCPU(a.machine, cpu.(guest.Translatable))
}
