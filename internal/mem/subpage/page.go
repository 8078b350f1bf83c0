//go:build linux

package subpage

import (
	"runtime/debug"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
	"github.com/hospes-vm/hospes/internal/mem/pagetable"
)

// kind is what a part is.
type kind uint8

const (
	missing kind = iota // nothing is mapped
	private
	shared
	beyond // a file that ends before
)

// part is a guest page in a divided host page.
type part struct {
	kind kind
	prot mem.Prot
	file bool    // of a private one: it is a copy of a file
	wipe bool    // of a private one: children of a fork get zeros
	slot *slot   // of a shared one
	host uintptr // where its bytes are, of private and shared ones
}

// page is a divided host page.
type page struct {
	addr  uint64 // guest address
	parts []part
	own   *slot // of the private parts, or nil
	shown bool  // in the window
}

// hostAccess is what the host is asked to allow.
func hostAccess(p mem.Prot) mem.Prot {
	switch {
	case p&mem.Write != 0:
		return mem.Read | mem.Write
	case p&mem.Read != 0:
		return mem.Read
	}
	return mem.None
}

// common are the permissions that all parts have, if they can be shown together.
func (p *page) common() mem.Prot {
	prot := mem.Read | mem.Write
	for i := range p.parts {
		if p.parts[i].kind != private {
			return mem.None
		}
		prot &= hostAccess(p.parts[i].prot)
	}
	return prot
}

// at is the part of addr, which is in the page.
func (p *page) at(addr uint64) *part { return &p.parts[(addr-p.addr)/mem.PageSize] }

// divided returns the divided page at addr, a multiple of the host's page size. If the
// host page is whole it is divided now.
func (m *Mapping) divided(addr uint64) (*page, error) {
	if p := m.pages[addr]; p != nil {
		return p, nil
	}
	p := &page{addr: addr, parts: make([]part, m.size/mem.PageSize)}
	kind := missing
	for i := range p.parts {
		if v, ok := m.around(addr + uint64(i)*mem.PageSize); ok {
			if kind = private; v.Shared {
				kind = shared
			}
			p.parts[i] = part{kind: kind, prot: v.Prot, file: v.File != nil}
		}
	}
	var err error
	switch kind {
	case private:
		err = m.copyOut(p)
	case shared:
		err = m.double(p)
	}
	if err != nil {
		return nil, err
	}
	m.pages[addr] = p
	m.moved = m.moved || kind != missing
	return p, nil
}

// dividedNow is divided for the host page of addr when nothing else is to change in it.
func (m *Mapping) dividedNow(addr uint64) (*page, error) {
	at := m.down(addr)
	if p := m.pages[at]; p != nil {
		return p, nil
	}
	p, err := m.divided(at)
	if err == nil {
		err = m.show(p)
	}
	return p, err
}

// copyOut puts what a whole page of private memory holds into a slot. Others may be
// using it: writers wait, in the fault handler, until the page is divided.
func (m *Mapping) copyOut(p *page) (err error) {
	if p.own, err = m.store.memory(); err != nil {
		return err
	}
	if err = hostmem.Protect(m.host(p.addr), m.size, mem.Read); err != nil {
		m.store.drop(p.own)
		return err
	}
	for i := range p.parts {
		t := &p.parts[i]
		t.host = p.own.host + uintptr(i)*mem.PageSize
		if t.kind == private && !copyPage(t.host, m.host(p.addr)+uintptr(i)*mem.PageSize) {
			t.kind, t.host = beyond, 0
		}
	}
	return nil
}

// copyPage copies a guest page between host addresses. It reports false if there is none.
func copyPage(to, from uintptr) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { ok = recover() == nil }()
	src, dst := hostmem.Bytes(from, mem.PageSize), hostmem.Bytes(to, mem.PageSize)
	for i := range src { // zeros are there, and cost no memory
		if src[i] != 0 {
			copy(dst, src)
			break
		}
	}
	return true
}

// double makes a slot of a whole page of shared memory.
func (m *Mapping) double(p *page) error {
	s, err := m.store.double(m.host(p.addr))
	if err != nil {
		return err
	}
	for i := range p.parts {
		t := &p.parts[i]
		t.slot, t.host = s, s.host+uintptr(i)*mem.PageSize
		s.refs++
	}
	return nil
}

// clear makes a part missing.
func (m *Mapping) clear(t *part) {
	if t.kind == shared {
		m.release(t.slot)
	}
	*t = part{}
}

// show has the window and the entries be what the parts of p are now. A page without any
// is none.
func (m *Mapping) show(p *page) error {
	left := false
	for i := range p.parts {
		t := &p.parts[i]
		left = left || t.kind != missing
		at, e := p.addr+uint64(i)*mem.PageSize, uint64(0)
		if t.host != 0 {
			e = pagetable.Entry(t.host, at, t.prot)
		}
		m.detours.Range(at, mem.PageSize).Set(e)
	}
	if !left {
		m.forget(p)
	}
	prot := p.common()
	switch {
	case !left || prot == mem.None:
		p.shown = false
		return hostmem.Discard(m.host(p.addr), m.size)
	case p.shown:
		return hostmem.Protect(m.host(p.addr), m.size, prot)
	}
	if err := m.store.show(p.own, m.host(p.addr), prot); err != nil {
		return err
	}
	p.shown = true
	return nil
}

// forget has p be divided no longer: something else takes its place.
func (m *Mapping) forget(p *page) {
	for i := range p.parts {
		m.clear(&p.parts[i])
	}
	if p.own != nil {
		m.store.drop(p.own)
	}
	delete(m.pages, p.addr)
	m.detours.Range(p.addr, m.size).Clear()
}
