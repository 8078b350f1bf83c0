//go:build linux

package offset

import (
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Load implements mem.Mapping.
func (m *Mapping) Load(addr uint64, size int) uint64 {
	p := m.at(addr, mem.Read)
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
	p := m.at(addr, mem.Write)
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

// Pointer implements mem.Mapping.
func (m *Mapping) Pointer(addr uint64, size int, access mem.Prot) unsafe.Pointer {
	return m.at(addr, access)
}

// pointer makes a host address usable. It lies outside the Go heap, which is why
// the conversion is sound.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func bytesAt(p uintptr, n uint64) []byte { return unsafe.Slice((*byte)(pointer(p)), n) }
