//go:build linux

package sandbox

import "github.com/hospes-vm/hospes/internal/trap"

// faults has faults of translated code arrive where they should.
func faults() { trap.Faults() }
