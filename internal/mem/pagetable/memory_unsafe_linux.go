package pagetable

import (
	"sync/atomic"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

const entrySize = 8

// New returns a table for addresses below limit, whose entries are all 0, or a shorter one if
// the host (RLIMIT_AS, RLIMIT_DATA) grants no more. What is just outside of it is 0, too:
// translated code may look there.
func New(limit uint64) (Table, error) {
	for ; ; limit /= 2 {
		n := limit >> Shift
		base, err := hostmem.Allocate(n*entrySize + 2*mem.Guard)
		if err == nil {
			return unsafe.Slice((*atomic.Uint64)(hostmem.Pointer(base+mem.Guard)), n), nil
		}
		if limit <= hostmem.LeastSpace {
			return nil, err
		}
	}
}

// Close releases the table, which must be whole.
func (t Table) Close() {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(t)))
	_ = hostmem.Release(base-mem.Guard, uint64(len(t))*entrySize+2*mem.Guard)
}

// Clear makes all entries 0. Of many, most have never been anything else.
func (t Table) Clear() {
	const many = 4096 // entries, eight pages of the host
	if len(t) >= many {
		start := uintptr(unsafe.Pointer(&t[0]))
		from := uintptr(mem.PageUp(uint64(start)))
		to := (start + uintptr(len(t))*entrySize) &^ (mem.PageSize - 1)
		if hostmem.Zero(from, uint64(to-from)) == nil {
			t[(to-start)/entrySize:].Clear()
			t = t[:(from-start)/entrySize]
		}
	}
	for i := range t {
		if e := &t[i]; e.Load() != 0 {
			e.Store(0)
		}
	}
}
