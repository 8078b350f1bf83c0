// Package table maps guest memory through a software page table: an entry for each guest
// page has the distance to its place in host memory, and permissions. It needs nothing
// of the host's MMU but some memory, so it runs on every GOOS and GOARCH.
//
// What there is stands in a list of runs. Entries are made from it when a page is first
// looked up: most of the table is never touched, and so costs nothing, however much is
// mapped.
//
// Host memory comes from an arena, reserved once. A page that the guest has unmapped
// stays arena memory: a guest thread that races with its own munmap may see other guest
// memory or a fault, but never memory of hospes.
//
// Behind each run in the arena is a page that cannot be accessed, and the permissions of
// the runs are the host's, too. So whoever has looked up the first page of an access may
// make all of it: where that crosses to what is not the guest's next page, the host finds
// a fault.
package table

import (
	"sync"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
	"github.com/hospes-vm/hospes/internal/mem/pagetable"
)

// fillSize is how many bytes of memory get entries at once: those in a line of the host's cache.
const fillSize = 8 * mem.PageSize

// Mapping implements mem.Paged.
type Mapping struct {
	limit uint64
	arena *arena

	// pages has an entry for each guest page, or for those at the beginning. 0 means that
	// the runs have to be asked.
	pages pagetable.Table

	mu   sync.Mutex // guards runs, and that entries are made of them
	runs runs
}

var _ mem.Paged = (*Mapping)(nil)

// The most that is reserved for memory, and what addresses have entries in the table.
// Programs get addresses above only if they ask for them (mem.Space.Top).
const (
	maxArena = 1 << 44
	maxPaged = 1 << 47
)

// New returns an empty address space of limit bytes, or less if the host (RLIMIT_AS) grants
// less.
func New(limit uint64) (*Mapping, error) {
	a, err := newArena(min(limit, maxArena))
	if err != nil {
		return nil, err
	}
	m := &Mapping{limit: limit, arena: a}
	if a.size < min(limit, maxArena) {
		m.limit = a.size
	}
	if m.pages, err = pagetable.New(min(m.limit, maxPaged)); err != nil {
		_ = a.close()
		return nil, err
	}
	return m, nil
}

// Window implements mem.Mapping: there is none.
func (m *Mapping) Window() (uintptr, uint64) { return 0, 0 }

// Pages implements mem.Paged.
func (m *Mapping) Pages() (uintptr, uint64) { return m.pages.Extent() }

// Limit implements mem.Mapping.
func (m *Mapping) Limit() uint64 { return m.limit }

// entry returns the page table entry of addr, 0 if there is no page.
func (m *Mapping) entry(addr uint64) uint64 {
	if e := m.pages.At(addr); e != 0 {
		return e
	}
	return m.fill(addr)
}

// fill makes the entries of the page of addr and of those around it, and returns the first.
func (m *Mapping) fill(addr uint64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs.find(addr)
	if r == nil {
		return 0
	}
	e := pagetable.Entry(r.host, r.guest, r.prot)
	first := max(addr&^(fillSize-1), r.guest)
	end := min(addr&^(fillSize-1)+fillSize, r.end())
	m.pages.Range(first, end-first).Set(e)
	return e
}

// put has [addr, addr+n) be new runs, and forgets the entries. It returns what was there.
func (m *Mapping) put(addr, n uint64, new ...run) (old runs) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old = m.runs.within(addr, addr+n)
	m.runs.replace(addr, addr+n, new...)
	for _, r := range old {
		m.pages.Range(r.guest, r.n).Clear()
	}
	return old
}

// find copies the runs in [addr, addr+n).
func (m *Mapping) find(addr, n uint64) runs {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs.within(addr, addr+n)
}

// behind is the host address behind the run that ends at addr, if there is one.
func (m *Mapping) behind(addr uint64) uintptr {
	if before := m.find(addr-mem.PageSize, mem.PageSize); len(before) > 0 {
		return before[0].host + mem.PageSize
	}
	return 0
}

// Map implements mem.Mapping.
func (m *Mapping) Map(addr, n uint64, prot mem.Prot, src mem.Source) error {
	host, err := m.arena.alloc(n, m.behind(addr))
	if err != nil {
		return err
	}
	if err := m.arena.fill(host, n, prot, src); err != nil {
		m.arena.release(host, n)
		return err
	}
	m.release(m.put(addr, n, run{addr, n, host, prot}))
	return nil
}

func (m *Mapping) release(old runs) {
	for _, r := range old {
		m.arena.release(r.host, r.n)
	}
}

// Unmap implements mem.Mapping.
func (m *Mapping) Unmap(addr, n uint64) error {
	m.release(m.put(addr, n))
	return nil
}

// Protect implements mem.Mapping.
func (m *Mapping) Protect(addr, n uint64, prot mem.Prot) error {
	for _, r := range m.find(addr, n) {
		if err := m.arena.protect(r.host, r.n, prot); err != nil {
			return err
		}
		r.prot = prot
		m.put(r.guest, r.n, r)
	}
	return nil
}

// Move implements mem.Mapping.
func (m *Mapping) Move(from, oldLen, to, newLen uint64, prot mem.Prot, keep bool) error {
	rs := m.find(from, max(oldLen, mem.PageSize))
	host, err := m.arena.alloc(newLen, 0)
	if err != nil {
		return err
	}
	if err := m.arena.move(rs, oldLen, host, newLen, prot, keep); err != nil {
		m.arena.release(host, newLen)
		return err
	}
	if !keep && oldLen != 0 {
		m.release(m.put(from, oldLen))
	}
	m.release(m.put(to, newLen, run{to, newLen, host, prot}))
	return nil
}

// Spans implements mem.Mapping.
func (m *Mapping) Spans(addr, n uint64, access mem.Prot, f func([]byte) bool) *mem.Fault {
	for n > 0 {
		host, ok := m.lookup(addr, access)
		if !ok {
			return m.fault(addr, access)
		}
		size := min(n, mem.PageSize-addr%mem.PageSize)
		for size < n {
			next, ok := m.lookup(addr+size, access)
			if !ok || next != host+uintptr(size) {
				break
			}
			size = min(n, size+mem.PageSize)
		}
		if !f(hostmem.Bytes(host, size)) {
			return nil
		}
		addr, n = addr+size, n-size
	}
	return nil
}

// Peek implements mem.Mapping: to the host these pages are readable.
func (m *Mapping) Peek(b []byte, addr uint64) error {
	f := m.Spans(addr, uint64(len(b)), mem.Exec, func(host []byte) bool {
		b = b[copy(b, host):]
		return true
	})
	if f != nil {
		return f
	}
	return nil
}

// lookup translates addr for an access; mem.None asks only for a mapped page.
func (m *Mapping) lookup(addr uint64, access mem.Prot) (uintptr, bool) {
	e := m.entry(addr)
	return pagetable.Host(e, addr), pagetable.Allows(e, access)
}

func (m *Mapping) fault(addr uint64, access mem.Prot) *mem.Fault {
	kind := mem.MapErr
	if m.entry(addr) != 0 {
		kind = mem.AccErr
	}
	return &mem.Fault{Addr: addr, Access: access, Kind: kind}
}

// GuestAddr implements mem.Mapping. It is slow: faults of the guest seldom come here.
func (m *Mapping) GuestAddr(host uintptr) (uint64, bool) {
	if !m.arena.contains(host) {
		return 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.runs {
		if r := &m.runs[i]; host-r.host < uintptr(r.n) {
			return r.guest + uint64(host-r.host), true
		}
	}
	return 0, true // unmapped meanwhile by another guest thread: address 0 faults as unmapped
}

// Pointer implements mem.Mapping.
func (m *Mapping) Pointer(addr uint64, size int, access mem.Prot) unsafe.Pointer {
	host, ok := m.lookup(addr, access)
	if !ok {
		panic(m.fault(addr, access))
	}
	return hostmem.Pointer(host)
}

// Close implements mem.Mapping.
func (m *Mapping) Close() error {
	m.pages.Close()
	return m.arena.close()
}
