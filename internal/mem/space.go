package mem

import (
	"math"
	"sync"
	"syscall"
)

// MinAddr is the lowest address the guest may map (vm.mmap_min_addr).
const MinAddr = 65536

// Space is the address space of a guest process: its VMAs and the memory behind
// them. All methods are safe for concurrent use.
type Space struct {
	m Mapping

	mu       sync.RWMutex // guards the fields below and all changes of m
	vmas     vmaList
	mmapBase uint64 // mappings without a hint are placed below it, top down
	brkStart uint64
	brk      uint64
	size     uint64 // bytes mapped (VmSize)
	peak     uint64 // the most there ever were (VmPeak)
	maxSize  uint64 // RLIMIT_AS
	maxData  uint64 // RLIMIT_DATA, for brk
	watchers []func(addr, n uint64)
}

// New returns an empty address space over m. Mappings are placed below the gap
// that a stack of at most stackSize bytes needs, as Linux's legacy-free layout does.
func New(m Mapping, stackSize uint64) *Space {
	limit := m.Limit()
	gap := min(max(stackSize+(1<<20), 128<<20), limit/6*5)
	return &Space{
		m:        m,
		mmapBase: pageFloor(limit - gap),
		maxSize:  math.MaxUint64,
		maxData:  math.MaxUint64,
	}
}

// Mapping is how guest addresses become host memory.
func (s *Space) Mapping() Mapping { return s.m }

// Limit is the end of the addresses that a guest can ever map (TASK_SIZE).
func (s *Space) Limit() uint64 { return s.m.Limit() }

// SetLimits sets RLIMIT_AS and RLIMIT_DATA in bytes.
func (s *Space) SetLimits(as, data uint64) {
	s.mu.Lock()
	s.maxSize, s.maxData = as, data
	s.mu.Unlock()
}

// Size is the number of mapped bytes and the most there ever were (VmSize, VmPeak).
func (s *Space) Size() (now, peak uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.size, s.peak
}

// Flags are mmap(2) flags in the Space's own numbering; the personality
// translates Linux's.
type Flags uint

const (
	MapShared Flags = 1 << iota
	MapFixed
	MapFixedNoReplace
	MapNoReserve
)

// Request is what mmap(2) asks for. Addr is a hint unless a MapFixed flag is set.
// File is nil for anonymous memory.
type Request struct {
	Addr, Len uint64
	Prot      Prot
	Flags     Flags
	File      *File
	Offset    uint64
	Name      string
	// HostFlags are MAP_ flags handed on to the host.
	HostFlags int
}

// PageUp rounds n up to whole pages; it wraps to 0 at the very end.
func PageUp(n uint64) uint64 { return (n + PageSize - 1) &^ (PageSize - 1) }

func pageFloor(n uint64) uint64 { return n &^ (PageSize - 1) }

// Mmap maps memory and returns its address. Errors are the Errno of mmap(2).
func (s *Space) Mmap(r Request) (uint64, error) {
	if r.Len == 0 || r.Offset%PageSize != 0 {
		return 0, syscall.EINVAL
	}
	n := PageUp(r.Len)
	if n == 0 || n > s.Limit() {
		return 0, syscall.ENOMEM
	}
	if r.File != nil && r.Offset+n < r.Offset {
		return 0, syscall.EOVERFLOW
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, err := s.place(r, n)
	if err != nil {
		return 0, err
	}
	if s.size-s.mapped(addr, addr+n)+n > s.maxSize {
		return 0, syscall.ENOMEM
	}
	src := Source{FD: -1, Offset: int64(r.Offset), Shared: r.Flags&MapShared != 0, HostFlags: r.HostFlags}
	if r.File != nil {
		src.FD = r.File.FD
	}
	if err := s.m.Map(addr, n, r.Prot, src); err != nil {
		return 0, err
	}
	s.codeChangedLocked(addr, addr+n)
	s.account(addr, addr+n, n)
	s.vmas.insert(VMA{
		Start: addr, End: addr + n, Prot: r.Prot, Shared: src.Shared,
		NoReserve: r.Flags&MapNoReserve != 0, File: r.File, Offset: r.Offset, Name: r.Name,
	})
	return addr, nil
}

// place chooses the address of a new mapping of n bytes.
func (s *Space) place(r Request, n uint64) (uint64, error) {
	limit := s.Limit()
	if r.Flags&(MapFixed|MapFixedNoReplace) != 0 {
		switch {
		case r.Addr%PageSize != 0:
			return 0, syscall.EINVAL
		case r.Addr > limit-n:
			return 0, syscall.ENOMEM
		case r.Addr < MinAddr:
			return 0, syscall.EPERM
		}
		if r.Flags&MapFixedNoReplace != 0 {
			if i, j := s.vmas.overlapping(r.Addr, r.Addr+n); i != j {
				return 0, syscall.EEXIST
			}
		}
		return r.Addr, nil
	}
	if hint := PageUp(r.Addr); hint >= MinAddr && hint <= limit-n {
		if i, j := s.vmas.overlapping(hint, hint+n); i == j {
			return hint, nil
		}
	}
	return s.free(n)
}

// free finds room for n bytes: top down below mmapBase, else anywhere.
func (s *Space) free(n uint64) (uint64, error) {
	if a, ok := s.vmas.gapBelow(MinAddr, s.mmapBase, n); ok {
		return a, nil
	}
	if a, ok := s.vmas.gapAbove(s.mmapBase, s.Limit(), n); ok {
		return a, nil
	}
	return 0, syscall.ENOMEM
}

// mapped counts the mapped bytes in [start, end).
func (s *Space) mapped(start, end uint64) (n uint64) {
	i, j := s.vmas.overlapping(start, end)
	for ; i < j; i++ {
		v := &s.vmas[i]
		n += min(v.End, end) - max(v.Start, start)
	}
	return n
}

// account notes that [start, end) now has n mapped bytes. It is called before
// the VMA list changes.
func (s *Space) account(start, end, n uint64) {
	s.size += n - s.mapped(start, end)
	s.peak = max(s.peak, s.size)
}

// Munmap removes all pages of [addr, addr+n). Errors are those of munmap(2).
func (s *Space) Munmap(addr, n uint64) error {
	end := addr + PageUp(n)
	if addr%PageSize != 0 || n == 0 || end <= addr || end > s.Limit() {
		return syscall.EINVAL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unmapLocked(addr, end)
}

func (s *Space) unmapLocked(start, end uint64) error {
	i, j := s.vmas.overlapping(start, end)
	if i == j {
		return nil
	}
	if err := s.m.Unmap(start, end-start); err != nil {
		return err
	}
	s.codeChangedLocked(start, end)
	s.account(start, end, 0)
	s.vmas.remove(start, end)
	return nil
}

// Mprotect changes the permissions of [addr, addr+n). Like Linux it stops with
// ENOMEM at the first hole, having changed what lies before it.
func (s *Space) Mprotect(addr, n uint64, prot Prot) error {
	end := addr + PageUp(n)
	switch {
	case addr%PageSize != 0:
		return syscall.EINVAL
	case n == 0:
		return nil
	case end <= addr || end > s.Limit():
		return syscall.ENOMEM
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	hole := addr
	for i := s.vmas.index(addr); i < len(s.vmas) && s.vmas[i].Start <= hole && hole < end; i++ {
		hole = s.vmas[i].End
	}
	stop := min(hole, end)
	if stop > addr {
		s.codeChangedLocked(addr, stop)
		if err := s.m.Protect(addr, stop-addr, prot); err != nil {
			return err
		}
		i, j := s.vmas.cut(addr, stop)
		for k := i; k < j; k++ {
			s.vmas[k].Prot = prot
		}
		s.vmas.mergeAround(i, j)
	}
	if stop < end {
		return syscall.ENOMEM
	}
	return nil
}

// Lookup returns the VMA that holds addr.
func (s *Space) Lookup(addr uint64) (VMA, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v := s.vmas.find(addr); v != nil {
		return *v, true
	}
	return VMA{}, false
}

// Covered reports whether every page of [addr, addr+n) is mapped.
func (s *Space) Covered(addr, n uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return addr+n >= addr && s.vmas.covered(pageFloor(addr), addr+n)
}

// VMAs returns a copy of the list, in address order.
func (s *Space) VMAs() []VMA {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]VMA(nil), s.vmas...)
}

// SetName names the anonymous VMAs of [addr, addr+n) (PR_SET_VMA_ANON_NAME).
func (s *Space) SetName(addr, n uint64, name string) error {
	end := addr + PageUp(n)
	if addr%PageSize != 0 || end < addr {
		return syscall.EINVAL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.vmas.covered(addr, end) {
		return syscall.ENOMEM
	}
	i, j := s.vmas.cut(addr, end)
	for k := i; k < j; k++ {
		if s.vmas[k].File != nil {
			return syscall.EBADF
		}
		s.vmas[k].Name = name
	}
	s.vmas.mergeAround(i, j)
	return nil
}

// Watch registers f to be called, with the Space locked, whenever code in
// [addr, addr+n) may have changed: executable pages unmapped, replaced or
// re-protected, or written by somebody who may write to any. n is 0 when the guest wants
// what it has written itself to be seen. f must not call back into the Space.
func (s *Space) Watch(f func(addr, n uint64)) {
	s.mu.Lock()
	s.watchers = append(s.watchers, f)
	s.mu.Unlock()
}

// CodeChanged tells all watchers that [addr, addr+n) has been written otherwise than by
// the guest's own stores: it need not be writable.
func (s *Space) CodeChanged(addr, n uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, f := range s.watchers {
		f(addr, n)
	}
}

// SyncCode tells all watchers that the guest wants to execute instructions that it has
// written (riscv_flush_icache and the like).
func (s *Space) SyncCode() { s.CodeChanged(0, 0) }

// MayChange reports whether code in [addr, addr+n) can change without a watcher being
// told: the pages are writable, or others may write to what is mapped there.
func (s *Space) MayChange(addr, n uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, j := s.vmas.overlapping(addr, addr+n)
	for ; i < j; i++ {
		if v := &s.vmas[i]; v.Prot&Write != 0 || v.Shared {
			return true
		}
	}
	return false
}

// codeChangedLocked tells the watchers if [start, end) holds executable pages.
func (s *Space) codeChangedLocked(start, end uint64) {
	i, j := s.vmas.overlapping(start, end)
	for ; i < j; i++ {
		if s.vmas[i].Prot&Exec != 0 {
			for _, f := range s.watchers {
				f(start, end-start)
			}
			return
		}
	}
}

// Close releases the memory.
func (s *Space) Close() error { return s.m.Close() }
