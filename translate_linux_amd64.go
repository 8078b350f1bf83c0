package hospes

import (
	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
)

// translations are those that instances of a module share.
type translations = engine.Code

// arch is what executes in a machine of an instance, and how to give back what it takes.
func (o *Options) arch(code *translations) (arch guest.Arch, done func()) {
	if o.Interpret {
		return riscv.Arch, func() {}
	}
	opts := engine.DefaultOptions
	opts.CacheSize = 64 << 20
	opts.Metered = o.metered()
	a := &engine.Arch{Arch: riscv.Arch, Options: opts, Code: code}
	return a, a.Close
}
