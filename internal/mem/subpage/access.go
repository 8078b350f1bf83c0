//go:build linux

package subpage

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
	"github.com/hospes-vm/hospes/internal/mem/pagetable"
)

// part returns a copy of the part that addr lies in, if its host page is divided.
func (m *Mapping) part(addr uint64) (t part, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p := m.pages[m.down(addr)]
	if p == nil {
		return t, false
	}
	return *p.at(addr), true
}

// fault says why an access to a part cannot be made, or returns nil.
func (t *part) fault(addr uint64, access mem.Prot) *mem.Fault {
	prot := t.prot
	if prot&mem.Write != 0 {
		prot |= mem.Read
	}
	f := &mem.Fault{Addr: addr, Access: access}
	switch {
	case t.kind == missing:
		f.Kind = mem.MapErr
	case prot&access != access:
		f.Kind = mem.AccErr
	case t.kind == beyond:
		f.Kind = mem.BusErr
	default:
		return nil
	}
	return f
}

// find returns the host address for an access to one guest page. In pages that are
// whole the host finds out whether it may be made.
func (m *Mapping) find(addr uint64, access mem.Prot) (uintptr, *mem.Fault) {
	if e := m.detours.At(addr); pagetable.Allows(e, access) {
		return pagetable.Host(e, addr), nil
	}
	return m.look(addr, access)
}

// look is find without a look at the entry, which it makes for a page that is whole.
func (m *Mapping) look(addr uint64, access mem.Prot) (uintptr, *mem.Fault) {
	if addr >= m.Limit() {
		return 0, &mem.Fault{Addr: addr, Access: access, Kind: mem.MapErr}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := m.down(addr)
	p := m.pages[at]
	if p == nil {
		m.detours.Range(at, m.size).Set(pagetable.Entry(m.host(at), at, mem.Read|mem.Write|mem.Exec))
		return m.host(addr), nil
	}
	t := p.at(addr)
	if t.kind == beyond && access == mem.None { // a page all the same
		return m.host(addr), nil
	}
	if f := t.fault(addr, access); f != nil {
		return 0, f
	}
	return t.host + uintptr(addr%mem.PageSize), nil
}

// Pointer implements mem.Mapping.
func (m *Mapping) Pointer(addr uint64, size int, access mem.Prot) unsafe.Pointer {
	p, f := m.find(addr, access)
	if f != nil {
		panic(f)
	}
	return hostmem.Pointer(p)
}

// crosses reports whether an access reaches into a second guest page.
func crosses(addr uint64, size int) bool { return addr%mem.PageSize > mem.PageSize-uint64(size) }

// Load implements mem.Mapping.
func (m *Mapping) Load(addr uint64, size int) (v uint64) {
	if crosses(addr, size) {
		for i := range size {
			v |= m.Load(addr+uint64(i), 1) << (8 * i)
		}
		return v
	}
	return hostmem.Load(m.Pointer(addr, size, mem.Read), size)
}

// Store implements mem.Mapping.
func (m *Mapping) Store(addr uint64, size int, v uint64) {
	if crosses(addr, size) {
		m.storeAcross(addr, size, v)
		return
	}
	hostmem.Store(m.Pointer(addr, size, mem.Write), size, v)
}

// storeAcross writes to two guest pages. If either cannot be written, nothing is.
func (m *Mapping) storeAcross(addr uint64, size int, v uint64) {
	second := (addr/mem.PageSize + 1) * mem.PageSize
	m.Pointer(addr, 1, mem.Write)
	hostmem.Store(m.Pointer(second, 1, mem.Write), 1, v>>(8*(second-addr)))
	for i := range uint64(size) {
		hostmem.Store(m.Pointer(addr+i, 1, mem.Write), 1, v>>(8*i))
	}
}

// Spans implements mem.Mapping.
func (m *Mapping) Spans(addr, n uint64, access mem.Prot, f func([]byte) bool) *mem.Fault {
	for n > 0 {
		host, fault := m.find(addr, access)
		if fault != nil {
			return fault
		}
		size := m.run(addr, n, host, access)
		if !f(hostmem.Bytes(host, size)) {
			return nil
		}
		addr, n = addr+size, n-size
	}
	return nil
}

// run is how many of the n bytes at addr are one piece from host on.
func (m *Mapping) run(addr, n uint64, host uintptr, access mem.Prot) uint64 {
	size := uint64(0)
	for size < n {
		next, fault := m.find(addr+size, access)
		if fault != nil || next != host+uintptr(size) {
			break
		}
		step := mem.PageSize - (addr+size)%mem.PageSize
		if next == m.host(addr+size) { // whole
			step = m.size - (addr+size)%m.size
		}
		size += min(step, n-size)
	}
	return size
}

// Peek implements mem.Mapping.
func (m *Mapping) Peek(b []byte, addr uint64) error {
	for len(b) > 0 {
		n := min(uint64(len(b)), mem.PageSize-addr%mem.PageSize)
		t, ok := m.part(addr)
		if !ok {
			if err := m.whole.Peek(b[:n], addr); err != nil {
				return err
			}
		} else if f := t.fault(addr, mem.Exec); f != nil {
			return f
		} else {
			copy(b[:n], hostmem.Bytes(t.host+uintptr(addr%mem.PageSize), n))
		}
		b, addr = b[n:], addr+n
	}
	return nil
}

// GuestAddr implements mem.Mapping.
func (m *Mapping) GuestAddr(host uintptr) (uint64, bool) { return m.whole.GuestAddr(host) }

// Refused implements mem.Divided.
func (m *Mapping) Refused(host uintptr) *mem.Fault {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.store.contains(host) {
		return &mem.Fault{Addr: m.guestOf(host), Access: mem.Read, Kind: mem.BusErr} // the end of a file
	}
	addr, ok := m.whole.GuestAddr(host)
	if !ok || m.pages[m.down(addr)] == nil {
		return nil
	}
	return &mem.Fault{Addr: addr, Access: mem.Read, Kind: mem.Again}
}

// guestOf finds the guest address of a host address in a slot; 0 if it is gone.
func (m *Mapping) guestOf(host uintptr) uint64 {
	for _, p := range m.pages {
		for i := range p.parts {
			if t := &p.parts[i]; t.host != 0 && host-t.host < mem.PageSize {
				return p.addr + uint64(i)*mem.PageSize + uint64(host-t.host)
			}
		}
	}
	return 0
}
