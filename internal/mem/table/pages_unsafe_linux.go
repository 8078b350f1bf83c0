package table

import (
	"sync/atomic"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

const entrySize = 8

// newPages returns the entries of limit bytes, all 0, or fewer if the host (RLIMIT_AS,
// RLIMIT_DATA) grants fewer. What is just outside of them is 0, too: translated code may look there.
func newPages(limit uint64) (pages []atomic.Uint64, err error) {
	for ; ; limit /= 2 {
		n := limit >> pageShift
		base, err := hostmem.Allocate(n*entrySize + 2*mem.Guard)
		if err == nil {
			return unsafe.Slice((*atomic.Uint64)(hostmem.Pointer(base+mem.Guard)), n), nil
		}
		if limit <= hostmem.LeastSpace {
			return nil, err
		}
	}
}

func closePages(pages []atomic.Uint64) {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(pages)))
	_ = hostmem.Release(base-mem.Guard, uint64(len(pages))*entrySize+2*mem.Guard)
}

// clearPages makes entries 0. Of many, most have never been anything else.
func clearPages(pages []atomic.Uint64) {
	const many = 4096 // entries, eight pages of the host
	if len(pages) >= many {
		start := uintptr(unsafe.Pointer(&pages[0]))
		from := uintptr(mem.PageUp(uint64(start)))
		to := (start + uintptr(len(pages))*entrySize) &^ (mem.PageSize - 1)
		if hostmem.Zero(from, uint64(to-from)) == nil {
			clearPages(pages[(to-start)/entrySize:])
			pages = pages[:(from-start)/entrySize]
		}
	}
	for i := range pages {
		if p := &pages[i]; p.Load() != 0 {
			p.Store(0)
		}
	}
}
