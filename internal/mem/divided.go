package mem

// BeforeFork has to come before a fork(2), when no other thread uses guest memory.
func (s *Space) BeforeFork() error {
	if s.divided == nil {
		return nil
	}
	return s.divided.BeforeFork()
}

// AfterFork comes after it in both processes; in the child, before anything else uses
// guest memory. After an error there the child must not go on.
func (s *Space) AfterFork(child bool) error {
	if s.divided == nil {
		return nil
	}
	return s.divided.AfterFork(child)
}

// Divided reports whether host pages may be of several guest pages: bytes may then get
// another place in the host when what is around them changes (WatchMoves).
func (s *Space) Divided() bool { return s.divided != nil }

// WatchMoves registers f to be called after a change that may have given bytes another
// place in the host: host addresses that somebody found before are not to be used any
// longer. The thread that has made the change calls it.
func (s *Space) WatchMoves(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.movers = append(s.movers, f)
}

// Moves counts the changes of which WatchMoves tells.
func (s *Space) Moves() uint64 { return s.moves.Load() }

// changed unlocks the Space after a change of the Mapping.
func (s *Space) changed() {
	s.settle()
	var tell []func()
	if s.divided != nil && s.divided.TakeMoved() {
		s.moves.Add(1)
		tell = s.movers
	}
	s.mu.Unlock()
	for _, f := range tell {
		f()
	}
}

// Linear returns the window of m, if it is one in which the host allows what the guest
// may do and nothing else. limit is 0 if there is none.
func (s *Space) Linear() (base uintptr, limit uint64) {
	if s.divided != nil {
		return 0, 0
	}
	return s.m.Window()
}

// EachApart calls f with the pieces of [addr, addr+n) that are apart (Divided.Apart), and with
// those that are not.
func (s *Space) EachApart(addr, n uint64, f func(addr, n uint64, apart bool)) {
	if s.divided == nil {
		f(addr, n, false)
		return
	}
	for end := addr + n; addr < end; {
		apart, next := s.divided.Apart(addr)
		for next < end {
			is, to := s.divided.Apart(next)
			if is != apart {
				break
			}
			next = to
		}
		next = min(next, end)
		f(addr, next-addr, apart)
		addr = next
	}
}

// Empty has what is anonymous and apart of [addr, addr+n) read as zero.
func (s *Space) Empty(addr, n uint64) { s.divided.Empty(addr, n) }

// WipeOnFork has [addr, addr+n) of a Divided mapping, private anonymous memory, read as zero in children
// of a fork, or not any longer.
func (s *Space) WipeOnFork(addr, n uint64, wipe bool) error {
	s.mu.Lock()
	defer s.changed()
	return s.divided.WipeOnFork(addr, n, wipe)
}
