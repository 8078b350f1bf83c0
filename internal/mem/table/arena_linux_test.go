package table

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// TestArenaIsLow: what the host maps anywhere does not get into holes that moves leave in the arena for a
// moment. That something else is where the next arena is to be does not matter.
func TestArenaIsLow(t *testing.T) {
	next := hint(0)
	if err := hostmem.ReserveAt(next, mem.PageSize); err != nil {
		t.Logf("%#x: %v", next, err) // Go's heap, then
	} else {
		defer func() { _ = hostmem.Release(next, mem.PageSize) }()
	}
	for range 3 {
		if base, size := newMapping(t).arena.bounds(); base < lowest || base+uintptr(size) > highest {
			t.Errorf("the arena lies at %#x", base)
		}
	}
}
