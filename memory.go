package hospes

import "math"

// The numbers in a guest's memory are little-endian, at any address.

// Uint8 reads a byte.
func (m Memory) Uint8(addr uint64) (uint8, error) { v, err := m.load(addr, 1); return uint8(v), err }

// Uint16 reads an integer of 16 bits.
func (m Memory) Uint16(addr uint64) (uint16, error) { v, err := m.load(addr, 2); return uint16(v), err }

// Uint32 reads an integer of 32 bits.
func (m Memory) Uint32(addr uint64) (uint32, error) { v, err := m.load(addr, 4); return uint32(v), err }

// Uint64 reads an integer of 64 bits.
func (m Memory) Uint64(addr uint64) (uint64, error) { return m.load(addr, 8) }

// Float64 reads a double.
func (m Memory) Float64(addr uint64) (float64, error) {
	v, err := m.load(addr, 8)
	return math.Float64frombits(v), err
}

// PutUint8 writes a byte.
func (m Memory) PutUint8(addr uint64, v uint8) error { return m.store(addr, 1, uint64(v)) }

// PutUint16 writes an integer of 16 bits.
func (m Memory) PutUint16(addr uint64, v uint16) error { return m.store(addr, 2, uint64(v)) }

// PutUint32 writes an integer of 32 bits.
func (m Memory) PutUint32(addr uint64, v uint32) error { return m.store(addr, 4, uint64(v)) }

// PutUint64 writes an integer of 64 bits.
func (m Memory) PutUint64(addr uint64, v uint64) error { return m.store(addr, 8, v) }

// PutFloat64 writes a double.
func (m Memory) PutFloat64(addr uint64, v float64) error {
	return m.store(addr, 8, math.Float64bits(v))
}
