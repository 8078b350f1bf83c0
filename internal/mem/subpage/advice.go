//go:build linux

package subpage

import (
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// Apart implements mem.Divided.
func (m *Mapping) Apart(addr uint64) (apart bool, end uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := m.down(addr)
	p := m.pages[at]
	if p == nil {
		return false, at + m.size
	}
	kind := p.at(addr).kind
	return kind == private || kind == beyond, addr&^(mem.PageSize-1) + mem.PageSize
}

// Empty implements mem.Divided.
func (m *Mapping) Empty(addr, n uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for end := addr + n; addr < end; addr += mem.PageSize {
		if p := m.pages[m.down(addr)]; p != nil {
			if t := p.at(addr); t.kind == private && !t.file {
				clear(hostmem.Bytes(t.host, mem.PageSize))
			}
		}
	}
}

// WipeOnFork implements mem.Divided. The host does it for whole pages; but should one be
// divided later, nothing would tell that it does.
func (m *Mapping) WipeOnFork(addr, n uint64, wipe bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for end := addr + n; addr < end; addr += mem.PageSize {
		if m.pages[m.down(addr)] == nil && !wipe {
			continue
		}
		p, err := m.dividedNow(addr)
		if err != nil {
			return err
		}
		p.at(addr).wipe = wipe
	}
	return nil
}
