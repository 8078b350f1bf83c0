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

// Sparse is a Mapping that knows which of its private pages have been written to.
type Sparse interface {
	Mapping
	// Discard has private pages at [addr, addr+n) be again what they were when they were mapped.
	Discard(addr, n uint64) error
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
	if v.Wipe || !v.Held && s.budget != nil { // nobody could ever write to it
		return child.m.Map(v.Start, v.Len(), v.Prot, Source{FD: -1})
	}
	if err := child.m.Map(v.Start, v.Len(), Read|Write, Source{FD: -1}); err != nil {
		return err
	}
	var missing []Range
	copyRange := func(addr, n uint64) (err error) {
		missing, err = s.copyPages(child, v, addr, n, missing)
		return err
	}
	var err error
	if from, ok := s.m.(Sparse); ok && !v.Shared && (v.File == nil || v.File.FD < 0) {
		err = from.Written(v.Start, v.Len(), copyRange)
	} else {
		err = copyRange(v.Start, v.Len())
	}
	if err == nil && v.Prot != Read|Write {
		err = child.m.Protect(v.Start, v.Len(), v.Prot)
	}
	for _, r := range missing {
		if err == nil {
			err = child.m.Protect(r.Start, r.Len(), None)
		}
	}
	return err
}

// copyPages copies [addr, addr+n), which lies in v, to child. Pages behind the end of a file, which
// cannot be read, are left out: they are appended to missing.
func (s *Space) copyPages(child *Space, v *VMA, addr, n uint64, missing []Range) ([]Range, error) {
	if v.Prot&(Read|Write) == 0 {
		if err := s.m.Protect(addr, n, Read); err != nil {
			return missing, err
		}
		defer func() { _ = s.m.Protect(addr, n, v.Prot) }()
	}
	if s.tryCopy(child, addr, n) == nil {
		return missing, nil
	}
	for at := addr; at < addr+n; at += s.page { // one of them is not there
		if s.tryCopy(child, at, s.page) != nil {
			missing = Join(missing, Range{at, at + s.page})
		}
	}
	return missing, nil
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

// Discard has private memory of [addr, addr+n) be again what it was when it was mapped (MADV_DONTNEED): zero, or what the
// file has. Copies of files stay as they are.
func (s *Space) Discard(addr, n uint64) error {
	s.mu.Lock()
	defer s.changed()
	sparse, _ := s.m.(Sparse)
	i, j := s.vmas.overlapping(addr, addr+n)
	for ; i < j; i++ {
		v := &s.vmas[i]
		if v.Shared || v.File != nil && (v.File.FD < 0 || sparse == nil) {
			continue
		}
		start, end := max(v.Start, addr), min(v.End, addr+n)
		s.codeChangedLocked(start, end)
		var err error
		if sparse != nil {
			err = sparse.Discard(start, end-start)
		} else {
			err = s.m.Map(start, end-start, v.Prot, Source{FD: -1})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// WipeInCopies has [addr, addr+n) read as zero in copies that ForkInto makes, or not any longer.
func (s *Space) WipeInCopies(addr, n uint64, wipe bool) error {
	end := addr + s.PageUp(n)
	if addr%s.page != 0 || end < addr {
		return syscall.EINVAL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, j := s.vmas.cut(addr, end)
	for k := i; k < j; k++ {
		s.vmas[k].Wipe = wipe
	}
	s.vmas.mergeAround(i, j)
	return nil
}
