package table

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Load implements mem.Mapping.
func (m *Mapping) Load(addr uint64, size int) (v uint64) {
	if addr&flagMask > mem.PageSize-uint64(size) {
		for i := range uint64(size) { // crosses a page
			v |= m.Load(addr+i, 1) << (8 * i)
		}
		return v
	}
	p := m.Pointer(addr, size, mem.Read)
	switch size {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

// Store implements mem.Mapping.
func (m *Mapping) Store(addr uint64, size int, v uint64) {
	if addr&flagMask > mem.PageSize-uint64(size) {
		m.storeAcross(addr, size, v)
		return
	}
	p := m.Pointer(addr, size, mem.Write)
	switch size {
	case 1:
		*(*uint8)(p) = uint8(v)
	case 2:
		*(*uint16)(p) = uint16(v)
	case 4:
		*(*uint32)(p) = uint32(v)
	default:
		*(*uint64)(p) = v
	}
}

// storeAcross writes over a page boundary; both pages are looked up before
// anything is written.
func (m *Mapping) storeAcross(addr uint64, size int, v uint64) {
	second := (addr | flagMask) + 1
	m.Pointer(addr, 1, mem.Write)
	*(*uint8)(m.Pointer(second, 1, mem.Write)) = uint8(v >> (8 * (second - addr)))
	for i := range uint64(size) {
		*(*uint8)(m.Pointer(addr+i, 1, mem.Write)) = uint8(v >> (8 * i))
	}
}

// pointer makes a host address usable: it is memory of the arena, which the
// garbage collector neither moves nor frees.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func bytesAt(p uintptr, n uint64) []byte { return unsafe.Slice((*byte)(pointer(p)), n) }
