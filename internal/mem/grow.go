package mem

// Memory that grows down on use: the main stack, and what MAP_GROWSDOWN makes.

// guardGap is what is kept free below memory that grows down, but for what the guest
// places there itself (stack_guard_gap of Linux: 256 pages).
func (s *Space) guardGap() uint64 { return 256 * s.page }

// Grow has memory that grows down on use reach down to addr, as if that were accessed,
// if it is what is next above: the kernel grows its own stacks only.
func (s *Space) Grow(addr uint64) {
	if addr < s.growsLow.Load() {
		return
	}
	if _, ok := s.Lookup(addr); !ok {
		s.grow(addr)
	}
}

// grow extends what lies above addr, where nothing is mapped, down to there, if that is
// memory that grows down. It reports whether there is memory at addr now (expand_stack
// of Linux).
func (s *Space) grow(addr uint64) bool {
	if addr < s.growsLow.Load() || addr < MinAddr {
		return false
	}
	s.mu.Lock()
	defer s.changed()
	i := s.vmas.index(addr)
	if i >= len(s.vmas) {
		return false
	}
	v := s.vmas[i]
	if v.Start <= addr {
		return true // another thread has done it
	}
	if !v.GrowsDown {
		return false
	}
	start := max(addr&^(s.granule-1), MinAddr)
	if !s.mayGrow(i, start) {
		if start = s.pageDown(addr); !s.mayGrow(i, start) {
			return false
		}
	}
	n := v.Start - start
	if !s.reserve(n) || s.m.Map(start, n, v.Prot, Source{FD: -1}) != nil {
		return false
	}
	s.account(start, v.Start, n)
	v.Start, v.End = start, v.Start
	s.vmas.insert(v)
	return true
}

// mayGrow reports whether the i-th VMA may begin at start, which is lower.
func (s *Space) mayGrow(i int, start uint64) bool {
	v := &s.vmas[i]
	if v.End-start > s.limits.Stack || !s.mayAdd(*v, v.Start-start) {
		return false
	}
	if i == 0 {
		return true
	}
	below, gap := &s.vmas[i-1], s.guardGap()
	if below.GrowsDown || below.Prot == None {
		gap = 0
	}
	return start >= below.End+gap
}

// fillTail puts zeros behind the end of a file, in the page of addr: a page of the guest
// that is larger than the host's reads as zero to its end if the file reaches into it.
// It reports whether there was anything to do.
func (s *Space) fillTail(addr uint64) bool {
	page := s.pageDown(addr)
	if s.page == PageSize || s.accepts(addr, Read) || !s.accepts(page, Read) {
		return false
	}
	s.mu.Lock()
	defer s.changed()
	v := s.vmas.find(addr)
	if v == nil || v.File == nil {
		return false
	}
	start := addr &^ (PageSize - 1)
	return s.m.Map(start, page+s.page-start, v.Prot, Source{FD: -1}) == nil
}
