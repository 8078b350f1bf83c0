package table

import "unsafe"

// List says where the list of runs is, for those who read this process's memory from
// outside: the host address of a slice, whose elements are of 32 bytes: guest address,
// length in bytes, host address, and the permissions in one byte. What they say of the
// host lies in the arena, from base on.
func (m *Mapping) List() (addr, base uintptr, size uint64) {
	base, size = m.arena.bounds()
	return uintptr(unsafe.Pointer(&m.runs)), base, size
}

const _ = -(unsafe.Sizeof(run{}) ^ 32) // so says List
