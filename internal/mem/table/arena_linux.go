package table

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// arena is a reservation of host addresses from which the pages are taken.
type arena struct {
	base uintptr
	size uint64

	mu   sync.Mutex // guards room
	room extents
}

// newArena reserves size bytes, or less if the host (RLIMIT_AS) grants less.
func newArena(size uint64) (*arena, error) {
	base, n, err := reserve(size)
	if err != nil {
		return nil, err
	}
	return &arena{base: base, size: n, room: extents{{base, base + uintptr(n)}}}, nil
}

// Arenas lie far below where the host puts what may lie anywhere.
const lowest, highest = 1 << 45, 1 << 46

var used atomic.Uint64 // bytes behind lowest that arenas have been given

// places is how many are tried: Go puts its heap somewhere at random, which may be in one.
const places = 4

// reserve reserves size bytes, or less if the host grants less: where arenas lie, if there is room.
func reserve(size uint64) (base uintptr, n uint64, err error) {
	for k := 1; ; k++ {
		base, n, err = hostmem.Reserve(hint(size), size, 0)
		if err != nil || k == places || base >= lowest && base+uintptr(n) <= highest {
			return base, n, err
		}
		if err := hostmem.Release(base, n); err != nil {
			return 0, 0, err
		}
	}
}

// hint is where to reserve size bytes, if there is room.
func hint(size uint64) uintptr {
	at := used.Add(size) - size
	return uintptr(lowest + at%(highest-lowest))
}

func (a *arena) contains(p uintptr) bool { return p-a.base < uintptr(a.size) }

// bounds are where the arena is.
func (a *arena) bounds() (base uintptr, size uint64) { return a.base, a.size }

// alloc takes n bytes, those from after on if they are free.
func (a *arena) alloc(n uint64, after uintptr) (uintptr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if after != 0 && a.room.extend(after, uintptr(n)) {
		return after, nil
	}
	p, ok := a.room.alloc(uintptr(n))
	if !ok {
		return 0, syscall.ENOMEM
	}
	return p, nil
}

// release makes host memory inaccessible and free for later use.
func (a *arena) release(p uintptr, n uint64) {
	if hostmem.Discard(p, n) != nil {
		return // out of host VMAs: the range stays in use rather than become stale
	}
	a.mu.Lock()
	a.room.free(p, uintptr(n))
	a.mu.Unlock()
}

// fill maps the source at p. The host's permissions are the guest's: the table
// decides, but a file opened for reading cannot be mapped for more.
func (a *arena) fill(p uintptr, n uint64, prot mem.Prot, src mem.Source) error {
	return hostmem.Map(p, n, readable(prot), src)
}

func (a *arena) protect(p uintptr, n uint64, prot mem.Prot) error {
	return hostmem.Protect(p, n, readable(prot))
}

// readable is what the host is to allow: it does not tell fetches from loads.
func readable(prot mem.Prot) mem.Prot {
	if prot&mem.Exec != 0 {
		prot |= mem.Read
	}
	return prot
}

// move brings the memory of rs, together oldLen bytes, to p, which has room for
// newLen; what is beyond continues the last run's source.
func (a *arena) move(rs runs, oldLen uint64, p uintptr, newLen uint64, prot mem.Prot, keep bool) error {
	left := newLen
	for i, r := range rs {
		size := min(r.n, left)
		from := size
		if oldLen == 0 {
			from = 0
		}
		if i == len(rs)-1 {
			size = left
		}
		if size == 0 {
			break
		}
		if err := hostmem.Move(r.host, from, p, size, keep); err != nil {
			return err
		}
		p += uintptr(size)
		left -= size
	}
	return nil
}

func (a *arena) close() error { return hostmem.Release(a.base, a.size) }
