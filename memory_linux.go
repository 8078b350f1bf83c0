package hospes

import (
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Memory is the memory of a guest. All accesses are checked, as those of a system call are: what the guest may not read or
// write itself is a *MemoryError. Threads of the guest may use it at the same time.
type Memory struct {
	space *mem.Space
	ended *atomic.Bool // there is no memory any more
}

// Read fills b with what is at addr.
func (m Memory) Read(addr uint64, b []byte) error {
	if len(b) > 0 && (m.ended.Load() || m.space.CopyIn(b, addr) != nil) {
		return &MemoryError{Addr: addr}
	}
	return nil
}

// Write puts b at addr. If it fails, a part of b may have been written.
func (m Memory) Write(addr uint64, b []byte) error {
	if len(b) > 0 && (m.ended.Load() || m.space.CopyOut(addr, b) != nil) {
		return &MemoryError{Addr: addr, Write: true}
	}
	return nil
}

// ReadString reads a string that ends with a NUL byte, of at most max bytes with that.
func (m Memory) ReadString(addr uint64, max int) (string, error) {
	if m.ended.Load() {
		return "", &MemoryError{Addr: addr}
	}
	s, err := m.space.ReadString(addr, max)
	if err != nil {
		return "", &MemoryError{Addr: addr}
	}
	return s, nil
}

// load reads an integer of size bytes.
func (m Memory) load(addr uint64, size int) (uint64, error) {
	if m.ended.Load() {
		return 0, &MemoryError{Addr: addr}
	}
	v, f := m.space.Load(addr, size)
	if f != nil {
		return 0, &MemoryError{Addr: addr}
	}
	return v, nil
}

// store writes an integer of size bytes.
func (m Memory) store(addr uint64, size int, v uint64) error {
	if m.ended.Load() || m.space.Store(addr, size, v) != nil {
		return &MemoryError{Addr: addr, Write: true}
	}
	return nil
}
