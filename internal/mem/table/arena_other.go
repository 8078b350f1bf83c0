//go:build !linux

package table

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// ErrNoFiles is what mapping a file gives on hosts without Linux's mmap.
var ErrNoFiles = errors.New("mapping files needs a Linux host")

// arena takes the pages from Go's heap: chunks are kept alive by the list, and
// reused through extents.
type arena struct {
	size uint64

	mu     sync.Mutex // guards the fields below
	chunks [][]byte
	room   extents
}

// chunkSize is the least that is taken from the heap at once, in bytes.
const chunkSize = 16 << 20

func newArena(size uint64) (*arena, error) { return &arena{size: size}, nil }

func (a *arena) contains(p uintptr) bool { return false } // the heap does not fault

func (a *arena) bounds() (base uintptr, size uint64) { return 0, 0 }

func (a *arena) alloc(n uint64, _ uintptr) (uintptr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, ok := a.room.alloc(uintptr(n)); ok {
		clear(hostmem.Bytes(p, n))
		return p, nil
	}
	c := make([]byte, max(n, chunkSize)+2*guard+mem.PageSize)
	a.chunks = append(a.chunks, c)
	start := uintptr(mem.PageUp(uint64(uintptr(unsafe.Pointer(&c[0])))))
	a.room.free(start, uintptr(max(n, chunkSize)+2*guard))
	p, _ := a.room.alloc(uintptr(n))
	return p, nil
}

func (a *arena) release(p uintptr, n uint64) {
	a.mu.Lock()
	a.room.free(p, uintptr(n))
	a.mu.Unlock()
}

func (a *arena) fill(p uintptr, n uint64, prot mem.Prot, src mem.Source) error {
	if src.FD >= 0 {
		return ErrNoFiles
	}
	return nil
}

func (a *arena) protect(p uintptr, n uint64, prot mem.Prot) error { return nil }

func (a *arena) move(rs runs, oldLen uint64, p uintptr, newLen uint64, prot mem.Prot, keep bool) error {
	for _, r := range rs {
		n := min(r.n, newLen)
		copy(hostmem.Bytes(p, n), hostmem.Bytes(r.host, n))
		if keep {
			clear(hostmem.Bytes(r.host, n))
		}
		p, newLen = p+uintptr(n), newLen-n
	}
	return nil
}

func (a *arena) close() error { return nil }
