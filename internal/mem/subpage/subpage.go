//go:build linux

package subpage

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
	"github.com/hospes-vm/hospes/internal/mem/pagetable"
)

// Mapping implements mem.Divided over a mapping with a window.
type Mapping struct {
	whole  mem.Mapping // what is done to host pages as a whole
	base   uintptr     // of the window
	size   uint64      // the host's page size
	around func(addr uint64) (mem.VMA, bool)

	// detours has the entry of each part that there is: its slot. Those of guest pages in
	// a whole host page are 0, or lead to the window, where the host finds out what is
	// allowed.
	detours pagetable.Table

	mu    sync.RWMutex // guards what follows, and that detours agrees; what lies in slots anybody may use
	pages map[uint64]*page
	store store
	spare map[*slot]uintptr // copies for the child of a fork
	moved bool              // a page has been divided since TakeMoved
}

var _ mem.Divided = (*Mapping)(nil)

// New returns a mapping over whole, which has a window, for a host with pages of size bytes.
func New(whole mem.Mapping, size uint64) (*Mapping, error) {
	s, err := newStore(size)
	if err != nil {
		return nil, err
	}
	t, err := pagetable.New(whole.Limit())
	if err != nil {
		return nil, err
	}
	base, _ := whole.Window()
	return &Mapping{whole: whole, base: base, size: size, detours: t, pages: map[uint64]*page{}, store: s}, nil
}

// Window implements mem.Mapping.
func (m *Mapping) Window() (uintptr, uint64) { return m.whole.Window() }

// Limit implements mem.Mapping.
func (m *Mapping) Limit() uint64 { return m.whole.Limit() }

// Detours implements mem.Divided.
func (m *Mapping) Detours() (uintptr, uint64) { return m.detours.Extent() }

// TakeMoved implements mem.Divided.
func (m *Mapping) TakeMoved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.moved = false }()
	return m.moved
}

// Granule implements mem.Divided.
func (m *Mapping) Granule() uint64 { return m.size }

// Surround implements mem.Divided.
func (m *Mapping) Surround(around func(addr uint64) (mem.VMA, bool)) { m.around = around }

func (m *Mapping) host(addr uint64) uintptr { return m.base + uintptr(addr) }

func (m *Mapping) down(addr uint64) uint64 { return addr &^ (m.size - 1) }

// pieces calls one for each host page that [addr, addr+n) has a part of, and whole for
// each run of host pages that lie in it, whose divided pages are forgotten before.
func (m *Mapping) pieces(addr, n uint64, one func(hostPage, addr, n uint64) error, whole func(addr, n uint64) error) error {
	for end := addr + n; addr < end; {
		page := m.down(addr)
		if page < addr || end-addr < m.size {
			n := min(page+m.size, end) - addr
			if err := one(page, addr, n); err != nil {
				return err
			}
			addr += n
			continue
		}
		n := m.down(end) - addr
		m.forgetAll(addr, n)
		if err := whole(addr, n); err != nil {
			return err
		}
		addr += n
	}
	return nil
}

// forgetAll forgets the divided pages in a range of host pages.
func (m *Mapping) forgetAll(addr, n uint64) {
	if n/m.size > uint64(len(m.pages)) {
		for at, p := range m.pages {
			if at-addr < n {
				m.forget(p)
			}
		}
		return
	}
	for at := addr; at < addr+n; at += m.size {
		if p := m.pages[at]; p != nil {
			m.forget(p)
		}
	}
}

// Map implements mem.Mapping.
func (m *Mapping) Map(addr, n uint64, prot mem.Prot, src mem.Source) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := addr
	from := func(addr uint64) mem.Source {
		s := src
		s.Offset += int64(addr - start)
		return s
	}
	return m.pieces(addr, n,
		func(hostPage, addr, n uint64) error { return m.mapParts(hostPage, addr, n, prot, from(addr)) },
		func(addr, n uint64) error {
			if s := from(addr); src.FD < 0 || uint64(s.Offset)%m.size == 0 {
				return m.whole.Map(addr, n, prot, s)
			}
			for at := addr; at < addr+n; at += m.size {
				if err := m.mapParts(at, at, m.size, prot, from(at)); err != nil {
					return err
				}
			}
			return nil
		})
}

// mapParts maps guest pages within a host page.
func (m *Mapping) mapParts(hostPage, addr, n uint64, prot mem.Prot, src mem.Source) error {
	p := &page{addr: hostPage, parts: make([]part, m.size/mem.PageSize)}
	var err error
	if n == m.size { // what is there goes
		m.pages[hostPage] = p
	} else if p, err = m.divided(hostPage); err != nil {
		return err
	}
	if src.Shared {
		err = m.mapShared(p, addr, n, prot, src)
	} else {
		err = m.mapPrivate(p, addr, n, prot, src)
	}
	if e := m.show(p); err == nil {
		err = e
	}
	return err
}

// mapPrivate makes parts private memory, with what the file holds.
func (m *Mapping) mapPrivate(p *page, addr, n uint64, prot mem.Prot, src mem.Source) (err error) {
	if src.Offset+int64(n) < 0 {
		return syscall.EOVERFLOW
	}
	fresh := p.own == nil
	if fresh {
		if p.own, err = m.store.memory(); err != nil {
			return err
		}
	}
	at := p.own.host + uintptr(addr-p.addr)
	b, got := hostmem.Bytes(at, n), int(n)
	if !fresh {
		clear(b)
	}
	if src.HostFlags&unix.MAP_LOCKED != 0 {
		_ = unix.Mlock(b) // as by mmap(2), it is no error if that cannot be done
	}
	if src.FD >= 0 {
		if got, err = readFile(src.FD, b, src.Offset); err != nil {
			return err
		}
	}
	for off := uint64(0); off < n; off += mem.PageSize {
		t := p.at(addr + off)
		m.clear(t)
		*t = part{kind: private, prot: prot, file: src.FD >= 0, host: at + uintptr(off)}
		if int(off) >= got {
			*t = part{kind: beyond, prot: prot}
		}
	}
	return nil
}

// readFile reads what a file has for b. The errors are those of mmap(2).
func readFile(fd int, b []byte, off int64) (n int, err error) {
	for n < len(b) {
		k, err := unix.Pread(fd, b[n:], off+int64(n))
		switch {
		case err == unix.EINTR:
		case err == unix.EBADF:
			return 0, syscall.EACCES
		case err != nil:
			return 0, syscall.ENODEV // what has no bytes to read
		case k == 0:
			return n, nil
		}
		n += max(k, 0)
	}
	return n, nil
}

// mapShared makes parts shared memory: those that lie in one host page of the file have
// one slot.
func (m *Mapping) mapShared(p *page, addr, n uint64, prot mem.Prot, src mem.Source) error {
	for off := uint64(0); off < n; {
		inSlot := (addr + off) % m.size
		s, size := src, n-off
		if src.FD >= 0 {
			inSlot = (uint64(src.Offset) + off) % m.size
			s.Offset = src.Offset + int64(off) - int64(inSlot)
			size = min(size, m.size-inSlot)
		}
		slot, err := m.store.fill(s)
		if err != nil {
			return err
		}
		if prot&mem.Write != 0 && !slot.writable {
			m.store.drop(slot)
			return syscall.EACCES
		}
		for end := off + size; off < end; off += mem.PageSize {
			t := p.at(addr + off)
			m.clear(t)
			*t = part{kind: shared, prot: prot, slot: slot, host: slot.host + uintptr(inSlot)}
			slot.refs++
			inSlot += mem.PageSize
		}
	}
	return nil
}

// Unmap implements mem.Mapping.
func (m *Mapping) Unmap(addr, n uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unmap(addr, n)
}

func (m *Mapping) unmap(addr, n uint64) error {
	return m.pieces(addr, n, func(hostPage, addr, n uint64) error {
		p, err := m.divided(hostPage)
		if err != nil {
			return err
		}
		for off := uint64(0); off < n; off += mem.PageSize {
			m.clear(p.at(addr + off))
		}
		return m.show(p)
	}, m.whole.Unmap)
}

// Protect implements mem.Mapping.
func (m *Mapping) Protect(addr, n uint64, prot mem.Prot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for end := addr + n; addr < end; {
		hostPage := m.down(addr)
		n := min(hostPage+m.size, end) - addr
		p := m.pages[hostPage]
		switch {
		case p == nil && n == m.size:
			for addr+n+m.size <= end && m.pages[addr+n] == nil {
				n += m.size
			}
			if err := m.whole.Protect(addr, n, prot); err != nil {
				return err
			}
		case p == nil && m.allows(addr, n, prot):
		default:
			if err := m.protectParts(hostPage, addr, n, prot); err != nil {
				return err
			}
		}
		addr += n
	}
	return nil
}

// allows reports whether the host is asked to allow for [addr, addr+n), in a page that is
// whole, just what prot needs.
func (m *Mapping) allows(addr, n uint64, prot mem.Prot) bool {
	for off := uint64(0); off < n; off += mem.PageSize {
		if v, _ := m.around(addr + off); hostAccess(v.Prot) != hostAccess(prot) {
			return false
		}
	}
	return true
}

func (m *Mapping) protectParts(hostPage, addr, n uint64, prot mem.Prot) error {
	p, err := m.divided(hostPage)
	if err != nil {
		return err
	}
	for off := uint64(0); off < n; off += mem.PageSize {
		t := p.at(addr + off)
		if t.kind == shared && prot&mem.Write != 0 && !t.slot.writable {
			err = syscall.EACCES
			break
		}
		t.prot = prot
	}
	if e := m.show(p); err == nil {
		err = e
	}
	return err
}

// Close implements mem.Mapping.
func (m *Mapping) Close() error {
	m.detours.Close()
	err := hostmem.Release(m.store.base, uint64(m.store.size))
	if e := m.whole.Close(); err == nil {
		err = e
	}
	return err
}
