package table

import "unsafe"

// Root says where the page table is, for those who read this process's memory from
// outside: the host address of an array of pointers to leaves, each of which maps
// 1<<shift bytes. An entry is the host address of a page with the permission
// bits of mem.Prot and the bit 3, which all pages have.
func (m *Mapping) Root() (addr uintptr, shift uint) {
	return uintptr(unsafe.Pointer(unsafe.SliceData(m.root))), leafShift
}
