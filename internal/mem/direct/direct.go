//go:build linux

// Package direct maps guest memory at the guest's own addresses: host address = guest
// address. Protection is the host MMU's.
//
// The guest's range, from mem.MinAddr to the limit and a guard behind it, is reserved as
// a whole, so nothing of hospes gets there later. What is there before, the guest
// does not get: the executable itself if it has not been linked elsewhere, and, in one of
// 256 starts, Go's heap, whose place is random. The command reserves the range before
// Go has a heap (package trap/early).
package direct

import (
	"fmt"
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
)

// MaxLimit is the greatest address space, in bytes: Linux's sv39 user space. Above it are
// Go's heap and hospes.
const MaxLimit = 1 << 38

// grain is the precision with which the range is reserved around what is there.
const grain = 1 << 20

// Mapping implements mem.Mapping.
type Mapping struct {
	*offset.Mapping
	reserved, taken []mem.Range
}

var _ mem.Obstructed = (*Mapping)(nil)

// isReserved says that the whole range has been reserved, and belongs to nobody yet.
var isReserved bool

// Reserved is to be called, before anything else here, if the whole range, up to MaxLimit and
// with mem.Guard bytes behind it, has been reserved already.
func Reserved() { isReserved = true }

// New reserves an address space of limit bytes, or less if the host grants less, as under
// RLIMIT_AS.
func New(limit uint64) (*Mapping, error) {
	if limit > MaxLimit {
		return nil, fmt.Errorf("the direct mapping has no more than %d bytes of address space: hospes itself is above", uint64(MaxLimit))
	}
	if isReserved {
		isReserved = false
		whole := mem.Range{Start: mem.MinAddr, End: MaxLimit + mem.Guard}
		return &Mapping{Mapping: offset.At(0, limit), reserved: []mem.Range{whole}}, nil
	}
	for ; limit >= hostmem.LeastSpace; limit /= 2 {
		m := &Mapping{Mapping: offset.At(0, limit)}
		err := m.reserve(mem.Range{Start: mem.MinAddr, End: limit + mem.Guard})
		if err == nil && hostmem.Spare() {
			return m, nil
		}
		_ = m.Close()
		if err != nil && err != syscall.ENOMEM {
			return nil, fmt.Errorf("cannot reserve the guest's addresses: %w", err)
		}
	}
	return nil, fmt.Errorf("cannot reserve the guest's addresses: %w", syscall.ENOMEM)
}

// Forgo gives back what has been reserved before Go started: the guest gets other memory.
func Forgo() {
	if isReserved {
		isReserved = false
		_ = hostmem.Release(mem.MinAddr, MaxLimit+mem.Guard-mem.MinAddr)
	}
}

// reserve reserves a range, or the parts of it that are free.
func (m *Mapping) reserve(r mem.Range) error {
	err := hostmem.ReserveAt(uintptr(r.Start), r.Len())
	switch {
	case err == nil:
		m.reserved = mem.Join(m.reserved, r)
		return nil
	case err != syscall.EEXIST && err != syscall.EPERM: // EPERM: below vm.mmap_min_addr
		return err
	case r.Len() <= grain:
		m.taken = mem.Join(m.taken, r)
		return nil
	}
	middle := (r.Start + r.Len()/2) &^ (grain - 1)
	if middle <= r.Start {
		middle = r.Start&^(grain-1) + grain
	}
	if err := m.reserve(mem.Range{Start: r.Start, End: middle}); err != nil {
		return err
	}
	return m.reserve(mem.Range{Start: middle, End: r.End})
}

// Taken implements mem.Obstructed.
func (m *Mapping) Taken() []mem.Range { return m.taken }

// check returns an error if the guest may not have [addr, addr+n).
func (m *Mapping) check(addr, n uint64) error {
	if addr < mem.MinAddr {
		return fmt.Errorf("the direct mapping has no memory below %#x, --mapping offset has: %w", mem.MinAddr, syscall.EPERM)
	}
	for _, r := range m.taken {
		if r.Start < addr+n && addr < r.End {
			return fmt.Errorf("hospes itself is at %#x to %#x, unless it is linked elsewhere (by make, or -ldflags=-T=0x600000001000): %w",
				r.Start, r.End, syscall.ENOMEM)
		}
	}
	return nil
}

// Map implements mem.Mapping.
func (m *Mapping) Map(addr, n uint64, prot mem.Prot, src mem.Source) error {
	if err := m.check(addr, n); err != nil {
		return err
	}
	return m.Mapping.Map(addr, n, prot, src)
}

// Move implements mem.Mapping.
func (m *Mapping) Move(from, oldLen, to, newLen uint64, prot mem.Prot, keep bool) error {
	if err := m.check(to, newLen); err != nil {
		return err
	}
	return m.Mapping.Move(from, oldLen, to, newLen, prot, keep)
}

// Unmap implements mem.Mapping.
func (m *Mapping) Unmap(addr, n uint64) error {
	for _, r := range m.reserved {
		start, end := max(addr, r.Start), min(addr+n, r.End)
		if start >= end {
			continue
		}
		if err := m.Mapping.Unmap(start, end-start); err != nil {
			return err
		}
	}
	return nil
}

// Close implements mem.Mapping.
func (m *Mapping) Close() (err error) {
	for _, r := range m.reserved {
		if e := hostmem.Release(uintptr(r.Start), r.Len()); e != nil {
			err = e
		}
	}
	return err
}
