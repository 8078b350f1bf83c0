//go:build linux

package subpage

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// tail is where a shared mapping ends: what it shows next begins at bytes behind the slot's
// beginning.
type tail struct {
	slot *slot
	at   uint64
}

// tailOf returns the tail of the shared mapping that ends at addr. It has a reference to
// its slot, for release.
func (m *Mapping) tailOf(addr uint64) (tail, error) {
	last := addr - mem.PageSize
	p, err := m.dividedNow(last)
	if err != nil {
		return tail{}, err
	}
	t := p.at(last)
	t.slot.refs++
	return tail{t.slot, uint64(t.host-t.slot.host) + mem.PageSize}, nil
}

func (m *Mapping) release(s *slot) {
	if s.refs--; s.refs == 0 {
		m.store.drop(s)
	}
}

// Extend implements mem.Divided.
func (m *Mapping) Extend(end, n uint64, prot mem.Prot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.tailOf(end)
	if err != nil {
		return err
	}
	defer m.release(t.slot)
	return m.extend(t, end, n, prot)
}

// extend has [addr, addr+n) show what comes behind a tail.
func (m *Mapping) extend(t tail, addr, n uint64, prot mem.Prot) error {
	for end := addr + n; addr < end; {
		k, in := t.at/m.size, t.at%m.size
		count := (end - addr) / m.size
		if addr%m.size != 0 || in != 0 || count == 0 {
			if err := m.extendPart(t.slot, k, in, addr, prot); err != nil {
				return err
			}
			addr, t.at = addr+mem.PageSize, t.at+mem.PageSize
			continue
		}
		size := count * m.size
		m.forgetAll(addr, size)
		if err := further(t.slot, uintptr(t.at), m.host(addr), uintptr(size)); err != nil {
			return err
		}
		if err := hostmem.Protect(m.host(addr), size, prot); err != nil {
			return err
		}
		addr, t.at = addr+size, t.at+size
	}
	return nil
}

// extendPart has the guest page at addr show what lies at offset in of the k-th host page
// behind that of a slot.
func (m *Mapping) extendPart(s *slot, k, in, addr uint64, prot mem.Prot) error {
	if err := m.mapParts(m.down(addr), addr, mem.PageSize, prot, mem.Source{FD: -1}); err != nil {
		return err
	}
	if k > 0 {
		p, err := m.store.place()
		if err != nil {
			return err
		}
		next := &slot{host: p, writable: s.writable}
		if err = further(s, uintptr(k*m.size), p, uintptr(m.size)); err != nil {
			m.store.drop(next)
			return err
		}
		s = next
	}
	s.refs++
	p := m.pages[m.down(addr)]
	*p.at(addr) = part{kind: shared, prot: prot, slot: s, host: s.host + uintptr(in)}
	return m.show(p)
}

// further maps n bytes at the host address to, which show what comes at bytes behind the beginning of a
// slot: the host continues what it maps for a second time. All are multiples of its page size.
func further(s *slot, at, to, n uintptr) error {
	all, _, e := syscall.Syscall6(unix.SYS_MREMAP, s.host, 0, at+n, unix.MREMAP_MAYMOVE, 0, 0)
	if e != 0 {
		return e
	}
	err := hostmem.MoveIn(all+at, to, uint64(n))
	if err != nil {
		at += n
	}
	if at > 0 {
		_ = hostmem.Release(all, uint64(at))
	}
	return err
}
