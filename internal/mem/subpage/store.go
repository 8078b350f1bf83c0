//go:build linux

package subpage

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
)

// storeSize is how many bytes of addresses slots are cut from.
const storeSize = 1 << 36

// slot is a host page outside of the window, in the store.
type slot struct {
	host     uintptr
	refs     int  // parts that lie here; a page holds the slot of its private parts besides
	writable bool // the file may be written to
}

// store is a reservation from which slots are taken. It belongs to the guest: who has
// found a slot, and is late, finds memory of the guest there or none, never hospes's.
type store struct {
	base, size uintptr
	page       uintptr // the host's page size
	next       uintptr // no slot has ever been at or above
	free       []uintptr
}

func newStore(page uint64) (store, error) {
	base, n, err := hostmem.Reserve(0, storeSize, page)
	if err != nil {
		return store{}, err
	}
	base = (base + uintptr(page) - 1) &^ (uintptr(page) - 1)
	return store{base: base, size: uintptr(n), page: uintptr(page), next: base}, nil
}

func (s *store) contains(p uintptr) bool { return p-s.base < s.size }

// place takes the addresses of a slot.
func (s *store) place() (uintptr, error) {
	if k := len(s.free); k > 0 {
		p := s.free[k-1]
		s.free = s.free[:k-1]
		return p, nil
	}
	if s.next+s.page > s.base+s.size {
		return 0, syscall.ENOMEM
	}
	s.next += s.page
	return s.next - s.page, nil
}

// fill makes a slot of what src maps there.
func (s *store) fill(src mem.Source) (*slot, error) {
	p, err := s.place()
	if err != nil {
		return nil, err
	}
	n := &slot{host: p, writable: true}
	src.Shared = true
	err = hostmem.Map(p, uint64(s.page), mem.Read|mem.Write, src)
	if err == syscall.EACCES {
		n.writable = false
		err = hostmem.Map(p, uint64(s.page), mem.Read, src)
	}
	if err != nil {
		s.free = append(s.free, p)
		return nil, err
	}
	return n, nil
}

// memory makes a slot of zeros.
func (s *store) memory() (*slot, error) { return s.fill(mem.Source{FD: -1}) }

// double makes a slot of the shared memory at host.
func (s *store) double(host uintptr) (*slot, error) {
	p, err := s.place()
	if err != nil {
		return nil, err
	}
	n := &slot{host: p}
	if err = double(host, p, uint64(s.page)); err == nil {
		n.writable = hostmem.Protect(p, uint64(s.page), mem.Read|mem.Write) == nil
		if !n.writable {
			err = hostmem.Protect(p, uint64(s.page), mem.Read)
		}
	}
	if err != nil {
		s.drop(n)
		return nil, err
	}
	return n, nil
}

// drop gives a slot back.
func (s *store) drop(n *slot) {
	if hostmem.Discard(n.host, uint64(s.page)) == nil {
		s.free = append(s.free, n.host)
	}
}

// show has the host page at to be the memory of a slot, with permissions. It never has
// others, not even for a moment.
func (s *store) show(n *slot, to uintptr, prot mem.Prot) error {
	if prot == mem.Read|mem.Write { // as the slot
		return double(n.host, to, uint64(s.page))
	}
	p, err := s.place()
	if err != nil {
		return err
	}
	defer s.drop(&slot{host: p})
	if err = double(n.host, p, uint64(s.page)); err != nil {
		return err
	}
	if err = hostmem.Protect(p, uint64(s.page), prot); err != nil {
		return err
	}
	return double(p, to, uint64(s.page))
}

// double has n bytes at to be the same shared memory as those at from, with the same
// permissions. What is to be moved is doubled, too, and then dropped: otherwise there would be a hole for a
// moment, where Go's runtime may get memory.
func double(from, to uintptr, n uint64) error {
	_, _, e := syscall.Syscall6(unix.SYS_MREMAP, from, 0, uintptr(n), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, to, 0)
	if e != 0 {
		return e
	}
	return nil
}
