//go:build linux && amd64

package engine

import (
	"encoding/binary"
	"slices"
	"sync"

	"golang.org/x/crypto/blake2b"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/stats"
)

// Code is translations that address spaces share which have the same code in the same places. The zero
// value is ready for use.
//
// Code is the same if it is what was mapped, at the same address, from a file that nobody can
// change (mem.File.Fixed) before the guest executed anything, or else if it has the same hash. It is shared as long
// as it stays so: nobody may be able to write to it. An address space that maps further such code
// goes on to translations that are shared among those that have done the same. Where one changes code, maps what
// it or others can write to, or has too much of it, it gets translations of its own, and those that are shared
// stay as they are for the others.
type Code struct {
	mu       sync.Mutex
	machines map[string]*Machine // by their areas
	closed   bool
}

// Close gives the memory back. All address spaces that have shared must have been closed (Arch.Close).
func (c *Code) Close() {
	c.mu.Lock()
	list := c.machines
	c.machines, c.closed = nil, true
	c.mu.Unlock()
	for _, m := range list {
		m.close()
	}
}

// Stats are those of all translations that are shared, by size of the code.
func (c *Code) Stats() (list []stats.Translator) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.machines {
		list = append(list, m.stats())
	}
	slices.SortFunc(list, func(a, b stats.Translator) int { return b.CacheUsed - a.CacheUsed })
	return list
}

// area is a piece of guest code that stays as it is.
type area struct {
	start, end uint64
	what       [32]byte // says what is there: a place in a file, or a hash
}

const (
	// maxShares is how many Machines an address space may share, one after the other.
	maxShares = 4
	// maxHashed is how much code is hashed for it, in bytes.
	maxHashed = 16 << 20
)

// areas are all code of the space. It reports false if some of it may change unnoticed, or there is too much.
func (s *space) areas() (list []area, ok bool) {
	s.mu.Lock()
	trusted, begun := s.trusted, s.shares > 0
	s.mu.Unlock()
	hashed := uint64(0)
	for _, v := range s.as.VMAs() {
		if v.Prot&mem.Exec == 0 {
			continue
		}
		if v.Prot&mem.Write != 0 || v.Shared || v.File != nil && v.File.FD >= 0 && !v.File.Fixed {
			return nil, false
		}
		a := area{start: v.Start, end: v.End}
		i := slices.IndexFunc(trusted, func(t area) bool { return t.start == a.start && t.end == a.end })
		switch {
		case i >= 0:
			a = trusted[i]
		case v.File != nil && v.File.Fixed && !begun:
			binary.LittleEndian.PutUint64(a.what[0:], v.File.Dev)
			binary.LittleEndian.PutUint64(a.what[8:], v.File.Ino)
			binary.LittleEndian.PutUint64(a.what[16:], v.Offset)
			a.what[31] = byte(v.Prot)
		default:
			if hashed += v.Len(); hashed > maxHashed {
				return nil, false
			}
			code := make([]byte, v.Len())
			if n, _ := s.as.Fetch(v.Start, code); n < len(code) {
				return nil, false
			}
			a.what = blake2b.Sum256(code)
		}
		list = append(list, a)
	}
	return list, len(list) > 0
}

// machine returns the Machine for areas of code. It is nil if the host grants no memory.
func (c *Code) machine(s *space, areas []area) *Machine {
	key := binary.LittleEndian.AppendUint64(nil, s.limit)
	for _, a := range areas {
		key = binary.LittleEndian.AppendUint64(key, a.start)
		key = binary.LittleEndian.AppendUint64(key, a.end)
		key = append(key, a.what[:]...)
	}
	if s.paged {
		key = append(key, 1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	if m := c.machines[string(key)]; m != nil {
		m.threshold.reused()
		return m
	}
	m, err := newMachine(s, areas, s.opts)
	if err != nil {
		return nil
	}
	if c.machines == nil {
		c.machines = map[string]*Machine{}
	}
	c.machines[string(key)] = m
	return m
}

// has reports whether the Machine translates code at pc.
func (m *Machine) has(pc uint64) bool {
	if m.as != nil {
		return true
	}
	return m.area(pc) != nil
}

// area is the area that pc is in, or nil.
func (m *Machine) area(pc uint64) *area {
	for i := range m.areas {
		if a := &m.areas[i]; a.start <= pc && pc < a.end {
			return a
		}
	}
	return nil
}

// touches reports whether any of [addr, addr+n) is code that the Machine translates.
func (m *Machine) touches(addr, n uint64) bool {
	return slices.ContainsFunc(m.areas, func(a area) bool { return a.start < addr+n && addr < a.end })
}

// clip is the part of a buffer that code from pc on may fill: what is behind its area may be other
// code elsewhere.
func (m *Machine) clip(pc uint64, b []byte) []byte {
	if m.as != nil {
		return b
	}
	a := m.area(pc)
	if a == nil {
		return nil
	}
	return b[:min(uint64(len(b)), a.end-pc)]
}
