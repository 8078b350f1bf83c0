//go:build linux

package subpage

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// Move implements mem.Mapping.
func (m *Mapping) Move(from, oldLen, to, newLen uint64, prot mem.Prot, keep bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if (from|oldLen|to|newLen)%m.size == 0 && !m.anyDivided(from, oldLen) {
		m.forgetAll(to, newLen)
		return m.whole.Move(from, oldLen, to, newLen, prot, keep)
	}
	v, _ := m.around(from)
	plain := v.File == nil && !v.Shared
	n := min(oldLen, newLen)
	if oldLen == 0 {
		n = min(newLen, v.End-from)
	}
	if v.File != nil && !v.Shared && (newLen > n || keep) || v.File == nil && v.Shared && newLen > n {
		return syscall.ENOMEM
	}
	rest := func() error { return m.mapZeros(to+n, newLen-n, prot) }
	if newLen > n && v.Shared {
		t, err := m.tailOf(from + n)
		if err != nil {
			return err
		}
		defer m.release(t.slot)
		rest = func() error { return m.extend(t, to+n, newLen-n, prot) }
	}
	if err := m.moveParts(from, to, n, prot, !keep && oldLen != 0); err != nil {
		return err
	}
	if newLen > n {
		if err := rest(); err != nil {
			return err
		}
	}
	switch {
	case keep && plain:
		return m.mapZeros(from, oldLen, prot)
	case keep, oldLen == 0:
		return nil
	}
	return m.unmap(from, oldLen)
}

func (m *Mapping) anyDivided(addr, n uint64) bool {
	for at := range m.pages {
		if at-addr < n {
			return true
		}
	}
	return false
}

// mapZeros is Map of private zeros.
func (m *Mapping) mapZeros(addr, n uint64, prot mem.Prot) error {
	src := mem.Source{FD: -1}
	return m.pieces(addr, n,
		func(hostPage, addr, n uint64) error { return m.mapParts(hostPage, addr, n, prot, src) },
		func(addr, n uint64) error { return m.whole.Map(addr, n, prot, src) })
}

// moveParts has [to, to+n) be what [from, from+n) is. What goes may be moved in host
// pages, if they are whole; all else is copied, or doubled if it is shared.
func (m *Mapping) moveParts(from, to, n uint64, prot mem.Prot, goes bool) error {
	for off := uint64(0); off < n; {
		at, dest := from+off, to+off
		if goes && at%m.size == 0 && dest%m.size == 0 && n-off >= m.size && m.pages[at] == nil {
			m.forgetAll(dest, m.size)
			if err := m.whole.Move(at, m.size, dest, m.size, prot, false); err != nil {
				return err
			}
			off += m.size
			continue
		}
		if err := m.copyPart(at, dest, prot); err != nil {
			return err
		}
		off += mem.PageSize
	}
	return nil
}

// copyPart has the guest page dest be what the one at addr is.
func (m *Mapping) copyPart(addr, dest uint64, prot mem.Prot) error {
	from, err := m.dividedNow(addr)
	if err != nil {
		return err
	}
	src := *from.at(addr)
	if src.kind == shared {
		src.slot.refs++ // before the destination is cleared
	}
	if err = m.mapParts(m.down(dest), dest, mem.PageSize, prot, mem.Source{FD: -1}); err != nil {
		return err
	}
	p := m.pages[m.down(dest)]
	t := p.at(dest)
	switch src.kind {
	case private:
		copy(hostmem.Bytes(t.host, mem.PageSize), hostmem.Bytes(src.host, mem.PageSize))
		t.file, t.wipe = src.file, src.wipe
		return nil
	case shared:
		*t = part{kind: shared, prot: prot, slot: src.slot, host: src.host}
	default:
		*t = part{kind: src.kind, prot: prot}
	}
	return m.show(p)
}
