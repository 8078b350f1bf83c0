//go:build linux

package uapi

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Robust futexes: a list in the memory of a thread of those that it holds (Documentation/locking/robust-futex-ABI.rst of the kernel).

// RobustHeadSize is sizeof(struct robust_list_head), which has three guest addresses.
const RobustHeadSize = 24

// robustListLimit is how many entries are looked at.
const robustListLimit = 2048

// Bits of a futex that is robust or has an owner.
const (
	FutexWaiters   = 0x80000000 // somebody waits
	FutexOwnerDied = 0x40000000
	FutexTIDMask   = 0x3fffffff
)

// WalkRobust calls dead for each futex of the list whose head is at addr, as the kernel's exit_robust_list does, until that
// reports false or the list cannot be read. pi says that the futex has priority inheritance, pending that the thread was about to take
// it or to let go of it.
func WalkRobust(as *mem.Space, addr uint64, dead func(futex uint64, pi, pending bool) bool) {
	var b [RobustHeadSize]byte
	if as.CopyIn(b[:], addr) != nil {
		return
	}
	le := binary.LittleEndian
	next, offset, pending := le.Uint64(b[0:]), le.Uint64(b[8:]), le.Uint64(b[16:])
	split := func(link uint64) (entry uint64, pi bool) { return link &^ 1, link&1 != 0 } // bit 0 is for priority inheritance
	last, lastPI := split(pending)
	entry, pi := split(next)
	for n := 0; entry != addr && n < robustListLimit; n++ {
		// The next entry first: the owner that comes next may reuse this one.
		next, fault := as.Load(entry, 8)
		if entry != last && !dead(entry+offset, pi, false) {
			return
		}
		if fault != nil {
			return
		}
		entry, pi = split(next)
	}
	if last != 0 {
		dead(last+offset, lastPI, true)
	}
}
