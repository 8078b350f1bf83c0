//go:build linux && amd64

package engine

import "slices"

// Who runs alone in memory that it shares with nobody cannot tell in which order its loads read. So its regions
// may have loads of one place give what was there at different times, in another order (opt.Region.Alone), which
// RVWMO forbids where others see it. Before there is a second thread, or shared memory, such regions are given up: the
// only thread is in a system call then.

// meet notes that the space's memory may be seen by others from now on. It may be called with the address space locked, but
// with no other lock.
func (s *space) meet() {
	if s.met.Swap(true) {
		return
	}
	if m := s.machine.Load(); m != nil && m.as != nil {
		m.meet()
	}
}

// alone reports whether nobody else sees the memory.
func (m *Machine) alone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.as != nil && !m.met
}

// meet gives up all regions that rely on being alone. Those that are being made are not installed.
func (m *Machine) meet() {
	m.mu.Lock()
	if m.met {
		m.mu.Unlock()
		return
	}
	m.met = true
	found := false
	for _, b := range slices.Clone(m.cache.Blocks()) {
		if b.Region && b.Alone && b.Valid() {
			m.cache.Undo(b)
			found = true
		}
	}
	cpus := m.live()
	m.mu.Unlock()
	if !found {
		return
	}
	for _, c := range cpus {
		c.FlushCode() // its jumps and returns may lead there
	}
}

// shared is called with the address space locked when memory becomes that of a shared mapping, or is not any more.
func (s *space) shared(_, _ uint64, shared bool) {
	if shared {
		s.meet()
	}
}
