//go:build linux

// Package offset maps guest memory at a constant distance: host address = base +
// guest address. The whole guest address space is reserved at once, without
// cost; protection is the host MMU's.
//
// The reservation belongs to the guest alone: every host address between base
// and base+limit is either guest memory or inaccessible, so no guest address
// below the limit can reach memory of hospes.
package offset

import (
	"syscall"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

const (
	// apart is where the reservation is tried if it is large: far from Go's heap, which
	// starts at 2^39+2^38, and from the host's mmap area.
	apart = 1 << 44
	// guard lies on both sides of the window: accesses that start inside may run over
	// its end, and translated code compares only what an address is computed from.
	guard = mem.Guard
)

// Mapping implements mem.Mapping.
type Mapping struct {
	base  uintptr
	low   uint64 // the lowest address
	limit uint64
}

var _ mem.Copier = (*Mapping)(nil)

// New reserves an address space of limit bytes (2^38 is Linux's sv39 user
// space). If the host grants less, as under RLIMIT_AS, the space is smaller.
func New(limit uint64) (*Mapping, error) {
	base, n, err := hostmem.Reserve(hint(limit)-guard, limit, 2*guard)
	if err != nil {
		return nil, err
	}
	return &Mapping{base: base + guard, limit: n}, nil
}

// hint is the base to be tried first. A base that is the limit spares translated code, which holds it in a register,
// looking for the limit in memory: up to 2^38 the window then ends before Go's heap begins.
func hint(limit uint64) uintptr {
	if limit <= 1<<38 {
		return uintptr(limit)
	}
	return apart
}

// At returns an address space of limit bytes at a constant distance, whose memory is reserved already,
// from mem.MinAddr on and with mem.Guard bytes behind it. It is not for Close.
func At(base uintptr, limit uint64) *Mapping {
	return &Mapping{base: base, low: mem.MinAddr, limit: limit}
}

// Window implements mem.Mapping.
func (m *Mapping) Window() (uintptr, uint64) { return m.base, m.limit }

// Limit implements mem.Mapping.
func (m *Mapping) Limit() uint64 { return m.limit }

// Map implements mem.Mapping.
func (m *Mapping) Map(addr, n uint64, prot mem.Prot, src mem.Source) error {
	return hostmem.Map(m.host(addr), n, prot, src)
}

// Unmap implements mem.Mapping: the range goes back to the reservation.
func (m *Mapping) Unmap(addr, n uint64) error { return hostmem.Discard(m.host(addr), n) }

// Protect implements mem.Mapping.
func (m *Mapping) Protect(addr, n uint64, prot mem.Prot) error {
	return hostmem.Protect(m.host(addr), n, prot)
}

// Move implements mem.Mapping.
func (m *Mapping) Move(from, oldLen, to, newLen uint64, _ mem.Prot, keep bool) error {
	err := hostmem.Move(m.host(from), oldLen, m.host(to), newLen, keep)
	if err != nil || keep || oldLen == 0 {
		return err
	}
	return m.Unmap(from, oldLen)
}

// Load implements mem.Mapping.
func (m *Mapping) Load(addr uint64, size int) uint64 {
	return hostmem.Load(m.at(addr, mem.Read), size)
}

// Store implements mem.Mapping.
func (m *Mapping) Store(addr uint64, size int, v uint64) {
	hostmem.Store(m.at(addr, mem.Write), size, v)
}

// Pointer implements mem.Mapping.
func (m *Mapping) Pointer(addr uint64, _ int, access mem.Prot) unsafe.Pointer {
	return m.at(addr, access)
}

// Spans implements mem.Mapping: the guest's memory is one piece.
func (m *Mapping) Spans(addr, n uint64, access mem.Prot, f func([]byte) bool) *mem.Fault {
	if n == 0 {
		return nil
	}
	if !m.has(addr) {
		return &mem.Fault{Addr: addr, Access: access, Kind: mem.MapErr}
	}
	room := m.limit - addr
	if !f(hostmem.Bytes(m.host(addr), min(n, room))) || n <= room {
		return nil
	}
	return &mem.Fault{Addr: m.limit, Access: access, Kind: mem.MapErr}
}

// Copy implements mem.Copier.
func (m *Mapping) Copy(b []byte, addr uint64) {
	if !m.has(addr) || uint64(len(b)) > m.limit-addr {
		panic(&mem.Fault{Addr: addr, Access: mem.Exec, Kind: mem.MapErr})
	}
	copy(b, hostmem.Bytes(m.host(addr), uint64(len(b))))
}

// Peek implements mem.Mapping.
func (m *Mapping) Peek(b []byte, addr uint64) error { return hostmem.Peek(b, m.host(addr)) }

// GuestAddr implements mem.Mapping.
func (m *Mapping) GuestAddr(host uintptr) (uint64, bool) {
	addr := uint64(host) - uint64(m.base)
	return addr, addr < m.limit+guard
}

// Close implements mem.Mapping.
func (m *Mapping) Close() error { return hostmem.Release(m.base-guard, m.limit+2*guard) }

func (m *Mapping) host(addr uint64) uintptr { return m.base + uintptr(addr) }

// has reports whether there may be memory at addr. Below that, with base 0, the host address may be
// one that Go's runtime takes for a nil pointer.
func (m *Mapping) has(addr uint64) bool { return addr >= m.low && addr < m.limit }

func (m *Mapping) at(addr uint64, access mem.Prot) unsafe.Pointer {
	if !m.has(addr) {
		panic(&mem.Fault{Addr: addr, Access: access, Kind: mem.MapErr})
	}
	return hostmem.Pointer(m.host(addr))
}

// Share implements mem.Sharer.
func (m *Mapping) Share(from mem.Mapping, addr, n uint64, prot mem.Prot) error {
	other, ok := from.(*Mapping)
	if !ok {
		return syscall.EINVAL
	}
	return hostmem.Share(other.host(addr), m.host(addr), n)
}

// Written implements mem.Sparse.
func (m *Mapping) Written(addr, n uint64, f func(addr, n uint64) error) error {
	return hostmem.Written(m.host(addr), n, func(p uintptr, n uint64) error { return f(addr+uint64(p-m.host(addr)), n) })
}

// Discard implements mem.Sparse.
func (m *Mapping) Discard(addr, n uint64) error { return hostmem.Forget(m.host(addr), n) }
