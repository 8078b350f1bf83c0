package table

import (
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// Load implements mem.Mapping.
func (m *Mapping) Load(addr uint64, size int) (v uint64) {
	if addr%mem.PageSize > mem.PageSize-uint64(size) {
		for i := range uint64(size) { // crosses a page
			v |= m.Load(addr+i, 1) << (8 * i)
		}
		return v
	}
	return hostmem.Load(m.Pointer(addr, size, mem.Read), size)
}

// Store implements mem.Mapping.
func (m *Mapping) Store(addr uint64, size int, v uint64) {
	if addr%mem.PageSize > mem.PageSize-uint64(size) {
		m.storeAcross(addr, size, v)
		return
	}
	hostmem.Store(m.Pointer(addr, size, mem.Write), size, v)
}

// storeAcross writes over a page boundary; both pages are looked up before
// anything is written.
func (m *Mapping) storeAcross(addr uint64, size int, v uint64) {
	second := (addr/mem.PageSize + 1) * mem.PageSize
	m.Pointer(addr, 1, mem.Write)
	hostmem.Store(m.Pointer(second, 1, mem.Write), 1, v>>(8*(second-addr)))
	for i := range uint64(size) {
		hostmem.Store(m.Pointer(addr+i, 1, mem.Write), 1, v>>(8*i))
	}
}
