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
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

const (
	// hint is where the reservation is tried first: far from Go's heap, which
	// starts at 2^39+2^38, and from the host's mmap area.
	hint = 1 << 44
	// guard follows the window: accesses that start inside may run over its end.
	guard = 1 << 16
	// minLimit is the smallest space that programs can be expected to run in.
	minLimit = 1 << 30

	inaccessible = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
)

// Mapping implements mem.Mapping.
type Mapping struct {
	base  uintptr
	limit uint64
}

var _ mem.Mapping = (*Mapping)(nil)

// New reserves an address space of limit bytes (2^38 is Linux's sv39 user
// space). If the host grants less, as under RLIMIT_AS, the space is smaller.
func New(limit uint64) (*Mapping, error) {
	for n := limit; n >= minLimit; n /= 2 {
		p, err := mmap(hint, uintptr(n+guard), unix.PROT_NONE, inaccessible, -1, 0)
		if err == nil {
			return &Mapping{base: p, limit: n}, nil
		}
	}
	return nil, fmt.Errorf("cannot reserve %d bytes of address space: %w", limit, syscall.ENOMEM)
}

// Window implements mem.Mapping.
func (m *Mapping) Window() (uintptr, uint64) { return m.base, m.limit }

// Limit implements mem.Mapping.
func (m *Mapping) Limit() uint64 { return m.limit }

// hostProt translates guest permissions: execution is the decoder's matter, and
// code must be readable to it.
func hostProt(p mem.Prot) int {
	switch {
	case p&mem.Write != 0:
		return unix.PROT_READ | unix.PROT_WRITE
	case p&(mem.Read|mem.Exec) != 0:
		return unix.PROT_READ
	}
	return unix.PROT_NONE
}

// Map implements mem.Mapping.
func (m *Mapping) Map(addr, n uint64, prot mem.Prot, src mem.Source) error {
	flags := unix.MAP_FIXED | src.HostFlags
	if src.Shared {
		flags |= unix.MAP_SHARED
	} else {
		flags |= unix.MAP_PRIVATE
	}
	if src.FD < 0 {
		flags |= unix.MAP_ANONYMOUS
	}
	_, err := mmap(m.host(addr), uintptr(n), hostProt(prot), flags, src.FD, src.Offset)
	return err
}

// Unmap implements mem.Mapping: the range goes back to the reservation.
func (m *Mapping) Unmap(addr, n uint64) error {
	_, err := mmap(m.host(addr), uintptr(n), unix.PROT_NONE, inaccessible|unix.MAP_FIXED, -1, 0)
	return err
}

// Protect implements mem.Mapping.
func (m *Mapping) Protect(addr, n uint64, prot mem.Prot) error {
	_, _, e := syscall.Syscall(unix.SYS_MPROTECT, m.host(addr), uintptr(n), uintptr(hostProt(prot)))
	return errno(e)
}

// Move implements mem.Mapping. Without keep, the old range is a hole until it
// goes back to the reservation; the host fills holes from the top of its own
// address space, far above the window, so nothing of ours gets there meanwhile.
func (m *Mapping) Move(from, oldLen, to, newLen uint64, prot mem.Prot, keep bool) error {
	flags := uintptr(unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED)
	if keep {
		flags |= unix.MREMAP_DONTUNMAP
	}
	_, _, e := syscall.Syscall6(unix.SYS_MREMAP, m.host(from), uintptr(oldLen), uintptr(newLen), flags, m.host(to), 0)
	if e != 0 || keep || oldLen == 0 {
		return errno(e)
	}
	return m.Unmap(from, oldLen)
}

// Spans implements mem.Mapping: the guest's memory is one piece.
func (m *Mapping) Spans(addr, n uint64, access mem.Prot, f func([]byte) bool) *mem.Fault {
	if n == 0 {
		return nil
	}
	if addr >= m.limit {
		return &mem.Fault{Addr: addr, Access: access, Kind: mem.MapErr}
	}
	room := m.limit - addr
	if !f(bytesAt(m.host(addr), min(n, room))) || n <= room {
		return nil
	}
	return &mem.Fault{Addr: m.limit, Access: access, Kind: mem.MapErr}
}

// GuestAddr implements mem.Mapping.
func (m *Mapping) GuestAddr(host uintptr) (uint64, bool) {
	addr := uint64(host) - uint64(m.base)
	return addr, addr < m.limit+guard
}

// Close implements mem.Mapping.
func (m *Mapping) Close() error {
	_, _, e := syscall.Syscall(unix.SYS_MUNMAP, m.base, uintptr(m.limit+guard), 0)
	return errno(e)
}

func (m *Mapping) host(addr uint64) uintptr { return m.base + uintptr(addr) }

func (m *Mapping) at(addr uint64, access mem.Prot) unsafe.Pointer {
	if addr >= m.limit {
		panic(&mem.Fault{Addr: addr, Access: access, Kind: mem.MapErr})
	}
	return pointer(m.host(addr))
}

func mmap(addr, n uintptr, prot, flags, fd int, off int64) (uintptr, error) {
	p, _, e := syscall.Syscall6(unix.SYS_MMAP, addr, n, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off))
	return p, errno(e)
}

func errno(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}
