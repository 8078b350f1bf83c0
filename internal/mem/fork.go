package mem

import (
	"syscall"
)

// Sharer is a Mapping whose shared pages can be those of another one, too.
type Sharer interface {
	Mapping
	// Share has pages at [addr, addr+n), with permissions prot, be the shared ones that are there in from, a
	// Mapping of the same kind.
	Share(from Mapping, addr, n uint64, prot Prot) error
}

// Sparse is a Mapping that knows which of its anonymous private pages have been written to.
type Sparse interface {
	Mapping
	// Written calls f with the ranges of pages in [addr, addr+n) that may hold something else than
	// zeros, until that returns an error. It returns this or one of its own.
	Written(addr, n uint64, f func(addr, n uint64) error) error
}

// ForkInto has child, which is empty and has the same limit and page size, become a copy of s:
// what fork(2) gives a child. Shared memory is shared, if the mapping is a Sharer; everything else is copied.
// What other threads write meanwhile may be in it or not. After an error, child is good for nothing but Close.
func (s *Space) ForkInto(child *Space) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	child.mu.Lock()
	defer child.changed()
	if child.Limit() != s.Limit() || child.page != s.page || len(child.vmas) != 0 {
		return syscall.EINVAL
	}
	if !child.reserve(s.charged) {
		return ErrLimit
	}
	child.mmapBase, child.brkStart, child.brk = s.mmapBase, s.brkStart, s.brk
	child.dataSize, child.size, child.peak, child.limits = s.dataSize, s.size, s.size, s.limits
	child.growsLow.Store(s.growsLow.Load())
	for i := range s.vmas {
		v := &s.vmas[i]
		if err := s.forkVMA(child, v); err != nil {
			return err
		}
		child.vmas = append(child.vmas, v.copied())
	}
	return nil
}

// copied is v in a child: private pages are none of the file's any longer.
func (v VMA) copied() VMA {
	if v.File != nil && !v.Shared {
		f := *v.File
		f.FD, f.Fixed = -1, false
		v.File = &f
	}
	return v
}

// forkVMA makes the pages of v in child.
func (s *Space) forkVMA(child *Space, v *VMA) error {
	if to, ok := child.m.(Sharer); ok && v.Shared {
		return to.Share(s.m, v.Start, v.Len(), v.Prot)
	}
	if !v.Held && s.budget != nil { // nobody could ever write to it
		return child.m.Map(v.Start, v.Len(), v.Prot, Source{FD: -1})
	}
	if err := child.m.Map(v.Start, v.Len(), Read|Write, Source{FD: -1}); err != nil {
		return err
	}
	copyRange := func(addr, n uint64) error { return s.copyPages(child, v, addr, n) }
	var err error
	if from, ok := s.m.(Sparse); ok && !v.Shared && (v.File == nil || v.File.FD < 0) {
		err = from.Written(v.Start, v.Len(), copyRange)
	} else {
		err = copyRange(v.Start, v.Len())
	}
	if err != nil || v.Prot == Read|Write {
		return err
	}
	return child.m.Protect(v.Start, v.Len(), v.Prot)
}

// copyPages copies [addr, addr+n), which lies in v, to child. Pages behind the end of a file, which
// cannot be read, are left out.
func (s *Space) copyPages(child *Space, v *VMA, addr, n uint64) error {
	if v.Prot&(Read|Write) == 0 {
		if err := s.m.Protect(addr, n, Read); err != nil {
			return err
		}
		defer func() { _ = s.m.Protect(addr, n, v.Prot) }()
	}
	f := s.tryCopy(child, addr, n)
	if f == nil {
		return nil
	}
	if f.Kind != BusErr && f.Kind != AccErr && f.Kind != MapErr {
		return syscall.EFAULT
	}
	for end := addr + n; addr < end; addr += s.page { // one of them is not there
		if s.tryCopy(child, addr, s.page) != nil {
			_ = child.m.Protect(addr, s.page, None)
		}
	}
	return nil
}

// tryCopy copies memory of s to the same place in child.
func (s *Space) tryCopy(child *Space, addr, n uint64) (fault *Fault) {
	defer allowFaults()()
	defer func() {
		if r := recover(); r != nil {
			if fault = s.refused(r); fault == nil {
				panic(r)
			}
		}
	}()
	return s.m.Spans(addr, n, Read, func(from []byte) bool {
		f := child.m.Spans(addr, uint64(len(from)), Write, func(to []byte) bool {
			from = from[copy(to, from):]
			addr += uint64(len(to))
			return true
		})
		if f != nil {
			panic(f)
		}
		return true
	})
}

// refused is Recover for who has the Space locked.
func (s *Space) refused(r any) *Fault {
	switch e := r.(type) {
	case *Fault:
		return e
	case interface{ Addr() uintptr }:
		if addr, ok := s.m.GuestAddr(e.Addr()); ok {
			return &Fault{Addr: addr, Access: Read, Kind: BusErr}
		}
	}
	return nil
}

// Discard has private anonymous memory of [addr, addr+n) read as zero again (MADV_DONTNEED); other
// memory stays as it is.
func (s *Space) Discard(addr, n uint64) error {
	s.mu.Lock()
	defer s.changed()
	i, j := s.vmas.overlapping(addr, addr+n)
	for ; i < j; i++ {
		v := &s.vmas[i]
		if v.File != nil || v.Shared {
			continue
		}
		start, end := max(v.Start, addr), min(v.End, addr+n)
		s.codeChangedLocked(start, end)
		if err := s.m.Map(start, end-start, v.Prot, Source{FD: -1}); err != nil {
			return err
		}
	}
	return nil
}
