package mem

// DenyWX says whether memory may be writable and executable at once, and become executable
// after it was not (PR_SET_MDWE). What is so already stays.
func (s *Space) DenyWX(deny bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wxDenied = deny
}

// gainsExec reports whether with prot there would be memory in [start, end) that DenyWX denies.
func (s *Space) gainsExec(start, end uint64, prot Prot) bool {
	if prot&Exec == 0 {
		return false
	}
	i, j := s.vmas.overlapping(start, end)
	for ; i < j; i++ {
		if prot&Write != 0 || s.vmas[i].Prot&Exec == 0 {
			return true
		}
	}
	return false
}
