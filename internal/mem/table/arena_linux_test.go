package table

import "testing"

// TestArenaIsLow: what the host maps anywhere does not get into holes that moves leave in the arena for a
// moment.
func TestArenaIsLow(t *testing.T) {
	for range 3 {
		if base, size := newMapping(t).arena.bounds(); base < lowest || base+uintptr(size) > highest {
			t.Errorf("the arena lies at %#x", base)
		}
	}
}
