//go:build linux && amd64

package engine

import (
	"errors"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Arch is a guest architecture whose CPUs execute translations. It has one address space at a time.
type Arch struct {
	guest.Arch
	Options Options
	// Code, if it is set, has the translations, which other address spaces share: those of Archs with the same Code
	// and Options. CPUs then hold on to little memory before they run, and after Park.
	Code *Code

	space *space // the last one
}

// Open gets ready to execute in an address space. NewCPU does so, too, but settles for an
// interpreter where that is not possible.
func (a *Arch) Open(as *mem.Space) error {
	t, ok := a.Arch.NewCPU(as).(guest.Translatable)
	if !ok {
		return errors.New("there is no translator for this guest")
	}
	return a.open(as, t)
}

func (a *Arch) open(as *mem.Space, t guest.Translatable) error {
	s := spaceOf(as, a, t)
	if s.private {
		m, err := newMachine(s, nil, s.opts)
		if err != nil {
			return err
		}
		s.own = m
		s.machine.Store(m)
	}
	as.Watch(s.codeChanged)
	as.WatchShared(s.shared)
	a.space = s
	return nil
}

// NewCPU returns a hart with all registers zero. It is an interpreter if the guest
// cannot be translated, or the host grants no executable memory.
func (a *Arch) NewCPU(as *mem.Space) guest.CPU {
	cpu := a.Arch.NewCPU(as)
	t, ok := cpu.(guest.Translatable)
	if !ok {
		return cpu
	}
	if s := a.space; s == nil || s.as != as {
		if a.open(as, t) != nil {
			return cpu
		}
	}
	return newCPU(a.space, t)
}

// Close gives back what the last address space has taken, but for the address space itself. None
// of its CPUs may be in use any more.
func (a *Arch) Close() {
	if s := a.space; s != nil {
		s.close()
		a.space = nil
	}
}

// machine is the Machine that translates now, or nil.
func (a *Arch) machine() *Machine {
	if a.space == nil {
		return nil
	}
	return a.space.machine.Load()
}
