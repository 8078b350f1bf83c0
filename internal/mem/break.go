package mem

import "slices"

// Breakpoints of a debugger. They are no change of memory: Fetch ends before them, and so
// does all that is made of code. The guest sees its own instructions there.

// SetBreaks makes addrs the addresses at which nothing is fetched. Code around those that come
// or go is made anew, as if it had been written.
func (s *Space) SetBreaks(addrs []uint64) {
	addrs = slices.Compact(slices.Sorted(slices.Values(addrs)))
	old := s.breakList()
	if len(addrs) == 0 {
		s.breaks.Store(nil)
	} else {
		s.breaks.Store(&addrs)
	}
	change := func(from, to []uint64) {
		for _, addr := range from {
			if _, both := slices.BinarySearch(to, addr); !both {
				s.CodeChanged(addr-1, 3) // with what ends or begins there
			}
		}
	}
	change(old, addrs)
	change(addrs, old)
}

// HasBreak reports whether nothing is fetched at an address.
func (s *Space) HasBreak(addr uint64) bool {
	_, ok := slices.BinarySearch(s.breakList(), addr)
	return ok
}

func (s *Space) breakList() []uint64 {
	if p := s.breaks.Load(); p != nil {
		return *p
	}
	return nil
}

// nextBreak is the first breakpoint in [addr, addr+n), if there is any.
func (s *Space) nextBreak(addr uint64, n int) (at uint64, ok bool) {
	list := s.breakList()
	i, _ := slices.BinarySearch(list, addr)
	if i == len(list) || list[i]-addr >= uint64(n) {
		return 0, false
	}
	return list[i], true
}

// Fetch reads instruction bytes at addr, honouring execute permission and breakpoints. It
// returns how many bytes could be read; the fault is that of the first byte
// which could not.
func (s *Space) Fetch(addr uint64, b []byte) (int, *Fault) {
	at, cut := s.nextBreak(addr, len(b))
	if !cut {
		return s.FetchThrough(addr, b)
	}
	n, f := s.FetchThrough(addr, b[:at-addr])
	if f == nil {
		f = &Fault{Addr: at, Access: Exec, Kind: Break}
	}
	return n, f
}

// Watch is memory that a debugger watches: Prot says which accesses to it.
type Watch struct {
	Range
	Prot Prot
}

// SetWatches makes list what is watched. Whoever executes guest code has to see to it.
func (s *Space) SetWatches(list []Watch) {
	if len(list) == 0 {
		s.watches.Store(nil)
		return
	}
	list = slices.Clone(list)
	s.watches.Store(&list)
}

// Watches reports whether anything is watched.
func (s *Space) Watches() bool { return s.watches.Load() != nil }

// Watched returns the first address of what is watched that an access of n bytes at addr
// concerns, and what it is watched for.
func (s *Space) Watched(addr, n uint64, access Prot) (at uint64, w Watch, ok bool) {
	list := s.watches.Load()
	if list == nil || n == 0 {
		return 0, w, false
	}
	for _, w := range *list {
		if w.Prot&access != 0 && addr < w.End && w.Start < addr+n {
			return max(addr, w.Start), w, true
		}
	}
	return 0, w, false
}
