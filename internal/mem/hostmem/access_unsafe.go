package hostmem

import "unsafe"

// Pointer makes a host address usable. The conversion is sound because the garbage
// collector neither moves nor frees what lies there.
func Pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// Bytes is the n bytes at a host address.
func Bytes(p uintptr, n uint64) []byte { return unsafe.Slice((*byte)(Pointer(p)), n) }

// Load reads an integer of size (1, 2, 4, 8) bytes, zero-extended.
func Load(p unsafe.Pointer, size int) uint64 {
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

// Store writes the low size (1, 2, 4, 8) bytes of v.
func Store(p unsafe.Pointer, size int, v uint64) {
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
