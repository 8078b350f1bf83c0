//go:build linux && amd64

package engine

import "unsafe"

// nextCounter hands out a counter for what is being compiled, with mu held. It does not move.
func (m *Machine) nextCounter() uintptr {
	n := m.counts.counter()
	m.handed = append(m.handed, n)
	return uintptr(unsafe.Pointer(n))
}
