package hospes

import (
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/sandbox"
)

// Memory is the memory of a guest. All accesses are checked, as those of a system call are: what the guest may not read or
// write itself is a *MemoryError. Threads of the guest may use it at the same time. After an execve it is that of the new program.
type Memory struct{ t *sandbox.Task }

// Read fills b with what is at addr.
func (m Memory) Read(addr uint64, b []byte) error {
	if len(b) > 0 && !m.access(func(s *mem.Space) bool { return s.CopyIn(b, addr) == nil }) {
		return &MemoryError{Addr: addr}
	}
	return nil
}

// Write puts b at addr. If it fails, a part of b may have been written.
func (m Memory) Write(addr uint64, b []byte) error {
	if len(b) > 0 && !m.access(func(s *mem.Space) bool { return s.CopyOut(addr, b) == nil }) {
		return &MemoryError{Addr: addr, Write: true}
	}
	return nil
}

// ReadString reads a string that ends with a NUL byte, of at most max bytes with that.
func (m Memory) ReadString(addr uint64, max int) (text string, err error) {
	if !m.access(func(s *mem.Space) bool { text, err = s.ReadString(addr, max); return err == nil }) {
		return "", &MemoryError{Addr: addr}
	}
	return text, nil
}

// load reads an integer of size bytes.
func (m Memory) load(addr uint64, size int) (v uint64, err error) {
	ok := m.access(func(s *mem.Space) bool {
		n, f := s.Load(addr, size)
		v = n
		return f == nil
	})
	if !ok {
		return 0, &MemoryError{Addr: addr}
	}
	return v, nil
}

// store writes an integer of size bytes.
func (m Memory) store(addr uint64, size int, v uint64) error {
	if !m.access(func(s *mem.Space) bool { return s.Store(addr, size, v) == nil }) {
		return &MemoryError{Addr: addr, Write: true}
	}
	return nil
}

// access calls f with the guest's memory. It reports false if f does, or if there is none any more.
func (m Memory) access(f func(*mem.Space) bool) (ok bool) {
	return m.t.UseMemory(func(s *mem.Space) { ok = f(s) }) && ok
}
