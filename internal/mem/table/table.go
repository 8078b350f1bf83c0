// Package table maps guest memory through a software page table: two levels over
// the guest page number, each entry the host address of the page with its
// permissions in the low bits. It needs nothing of the host's MMU but some
// memory, so it runs on every GOOS and GOARCH.
//
// Host memory comes from an arena, reserved once. A page that the guest has
// unmapped stays arena memory: a guest thread that races with its own munmap may
// see other guest memory or a fault, but never memory of hospes.
package table

import (
	"sync/atomic"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

const (
	pageShift = 12
	leafBits  = 13
	leafSize  = 1 << leafBits
	leafShift = pageShift + leafBits // bytes that one leaf maps: 32 MiB

	permMask = uint64(mem.Read | mem.Write | mem.Exec)
	present  = uint64(8) // mapped, whatever the permissions
	flagMask = mem.PageSize - 1
)

type leaf [leafSize]atomic.Uint64

// Mapping implements mem.Mapping.
type Mapping struct {
	limit uint64
	root  []atomic.Pointer[leaf]
	arena *arena
}

var _ mem.Mapping = (*Mapping)(nil)

// New returns an empty address space of limit bytes.
func New(limit uint64) (*Mapping, error) {
	a, err := newArena(limit)
	if err != nil {
		return nil, err
	}
	limit = min(limit, a.size)
	return &Mapping{limit: limit, arena: a, root: make([]atomic.Pointer[leaf], (limit+1<<leafShift-1)>>leafShift)}, nil
}

// Window implements mem.Mapping: there is none.
func (m *Mapping) Window() (uintptr, uint64) { return 0, 0 }

// Limit implements mem.Mapping.
func (m *Mapping) Limit() uint64 { return m.limit }

// entry returns the page table entry of addr, 0 if there is none.
func (m *Mapping) entry(addr uint64) uint64 {
	if addr >= m.limit {
		return 0
	}
	l := m.root[addr>>leafShift].Load()
	if l == nil {
		return 0
	}
	return l[addr>>pageShift&(leafSize-1)].Load()
}

// slot returns the place of the entry of addr, which is below the limit.
func (m *Mapping) slot(addr uint64) *atomic.Uint64 {
	r := &m.root[addr>>leafShift]
	l := r.Load()
	if l == nil {
		l = new(leaf)
		r.Store(l)
	}
	return &l[addr>>pageShift&(leafSize-1)]
}

// perms are the permission bits of an entry: writable pages are readable on riscv,
// as on every Linux machine.
func perms(p mem.Prot) uint64 {
	if p&mem.Write != 0 {
		p |= mem.Read
	}
	return present | uint64(p)
}

// Map implements mem.Mapping.
func (m *Mapping) Map(addr, n uint64, prot mem.Prot, src mem.Source) error {
	host, err := m.arena.alloc(n)
	if err != nil {
		return err
	}
	if err := m.arena.fill(host, n, prot, src); err != nil {
		m.arena.release(host, n)
		return err
	}
	m.point(addr, n, host, prot)
	return nil
}

// point makes [addr, addr+n) refer to host memory, and releases what it was before.
func (m *Mapping) point(addr, n uint64, host uintptr, prot mem.Prot) {
	old := m.runs(addr, n)
	for off := uint64(0); off < n; off += mem.PageSize {
		m.slot(addr + off).Store(uint64(host) + off | perms(prot))
	}
	m.release(old)
}

// run is a piece of host memory behind consecutive guest pages.
type run struct {
	guest uint64
	host  uintptr
	n     uint64
}

// runs lists the host memory behind [addr, addr+n), holes left out.
func (m *Mapping) runs(addr, n uint64) (rs []run) {
	for end := addr + n; addr < end; addr += mem.PageSize {
		if m.root[addr>>leafShift].Load() == nil {
			addr = addr&^(1<<leafShift-1) + 1<<leafShift - mem.PageSize
			continue
		}
		e := m.entry(addr)
		if e == 0 {
			continue
		}
		host := uintptr(e &^ flagMask)
		if k := len(rs) - 1; k >= 0 && rs[k].guest+rs[k].n == addr && rs[k].host+uintptr(rs[k].n) == host {
			rs[k].n += mem.PageSize
		} else {
			rs = append(rs, run{addr, host, mem.PageSize})
		}
	}
	return rs
}

func (m *Mapping) release(rs []run) {
	for _, r := range rs {
		m.arena.release(r.host, r.n)
	}
}

// clearEntries makes the pages of rs unmapped.
func (m *Mapping) clearEntries(rs []run) {
	for _, r := range rs {
		for off := uint64(0); off < r.n; off += mem.PageSize {
			m.slot(r.guest + off).Store(0)
		}
	}
}

// Unmap implements mem.Mapping.
func (m *Mapping) Unmap(addr, n uint64) error {
	rs := m.runs(addr, n)
	m.clearEntries(rs)
	m.release(rs)
	return nil
}

// Protect implements mem.Mapping.
func (m *Mapping) Protect(addr, n uint64, prot mem.Prot) error {
	for _, r := range m.runs(addr, n) {
		if err := m.arena.protect(r.host, r.n, prot); err != nil {
			return err
		}
		for off := uint64(0); off < r.n; off += mem.PageSize {
			m.slot(r.guest + off).Store(uint64(r.host) + off | perms(prot))
		}
	}
	return nil
}

// Move implements mem.Mapping.
func (m *Mapping) Move(from, oldLen, to, newLen uint64, prot mem.Prot, keep bool) error {
	rs := m.runs(from, max(oldLen, mem.PageSize))
	if oldLen == 0 {
		rs = rs[:1]
	}
	host, err := m.arena.alloc(newLen)
	if err != nil {
		return err
	}
	if err := m.arena.move(rs, oldLen, host, newLen, prot, keep); err != nil {
		m.arena.release(host, newLen)
		return err
	}
	if !keep && oldLen != 0 {
		m.clearEntries(rs)
		m.release(rs)
	}
	m.point(to, newLen, host, prot)
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

// lookup translates addr for an access; mem.None asks only for a mapped page.
func (m *Mapping) lookup(addr uint64, access mem.Prot) (uintptr, bool) {
	e := m.entry(addr)
	want := uint64(access) | present
	return uintptr(e&^flagMask | addr&flagMask), e&want == want
}

func (m *Mapping) fault(addr uint64, access mem.Prot) *mem.Fault {
	kind := mem.MapErr
	if m.entry(addr) != 0 {
		kind = mem.AccErr
	}
	return &mem.Fault{Addr: addr, Access: access, Kind: kind}
}

// GuestAddr implements mem.Mapping. It is slow: only faults past the end of a
// file come here.
func (m *Mapping) GuestAddr(host uintptr) (uint64, bool) {
	if !m.arena.contains(host) {
		return 0, false
	}
	page := uint64(host) &^ flagMask
	for i := range m.root {
		l := m.root[i].Load()
		if l == nil {
			continue
		}
		for j := range l {
			if e := l[j].Load(); e != 0 && e&^flagMask == page {
				return uint64(i)<<leafShift | uint64(j)<<pageShift | uint64(host)&flagMask, true
			}
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
func (m *Mapping) Close() error { return m.arena.close() }
