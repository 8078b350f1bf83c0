//go:build linux && !amd64

package hospes

import (
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
)

// translations are those that instances of a module share: none on this host.
type translations struct{}

// Close gives back what they have.
func (*translations) Close() {}

// arch is what executes in a machine of an instance: an interpreter.
func (o *Options) arch(*translations) (arch guest.Arch, done func()) { return riscv.Arch, func() {} }
