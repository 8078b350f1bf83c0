//go:build linux

package subpage

import "github.com/hospes-vm/hospes/internal/mem"

// BeforeFork implements mem.Divided: it copies the slots of private memory.
func (m *Mapping) BeforeFork() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spare = map[*slot]uintptr{}
	for _, p := range m.pages {
		if p.own == nil {
			continue
		}
		s, err := m.store.memory()
		if err != nil {
			m.dropSpare()
			return err
		}
		m.spare[p.own] = s.host
		for i := range p.parts {
			if off := uintptr(i) * mem.PageSize; !p.parts[i].wipe {
				copyPage(s.host+off, p.own.host+off)
			}
		}
	}
	return nil
}

// AfterFork implements mem.Divided: in the child the copies take the place of the slots.
func (m *Mapping) AfterFork(child bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !child {
		m.dropSpare()
		return nil
	}
	for _, p := range m.pages {
		if p.own == nil {
			continue
		}
		spare := m.spare[p.own]
		if err := double(spare, p.own.host, uint64(m.store.page)); err != nil {
			return err
		}
		delete(m.spare, p.own)
		m.store.drop(&slot{host: spare})
		if p.shown = false; p.common() == mem.None {
			continue
		}
		if err := m.show(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mapping) dropSpare() {
	for _, host := range m.spare {
		m.store.drop(&slot{host: host})
	}
	m.spare = nil
}
