//go:build linux && amd64

package linux

import "github.com/hospes-vm/hospes/internal/reserved"

// fdSet is the set of descriptors that belong to hospes. To the guest they are
// closed. They belong to the host process, so all Processes share them.
type fdSet struct{}

// has reports whether fd is a descriptor of hospes.
func (fdSet) has(fd int) bool { return reserved.Has(fd) }

// add moves a descriptor into the set and returns its new number. The new
// descriptor is close-on-exec; the old one is closed.
func (fdSet) add(fd int) (int, error) { return reserved.Add(fd) }

// list returns the set in ascending order. The caller must not change it.
func (fdSet) list() []int { return reserved.List() }
