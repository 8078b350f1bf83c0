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
// another place in the host when what is around them changes.
func (s *Space) Divided() bool { return s.divided != nil }

// Linear returns the window of m, if it is one in which the host allows what the guest
// may do and nothing else. limit is 0 if there is none.
func (s *Space) Linear() (base uintptr, limit uint64) {
	if s.divided != nil {
		return 0, 0
	}
	return s.m.Window()
}

// Copied reports whether b, private memory that Spans of the Mapping has given, is shared
// memory to the host. With empty, what is anonymous of it reads as zero afterwards.
func (s *Space) Copied(b []byte, empty bool) bool {
	return s.divided != nil && s.divided.Copied(b, empty)
}
