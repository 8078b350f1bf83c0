package mem

import "syscall"

// SetBrk sets where the heap begins, and the size of the program's data, which RLIMIT_DATA
// counts with it; the loader calls it once.
func (s *Space) SetBrk(start, dataSize uint64) {
	s.mu.Lock()
	s.brkStart, s.brk, s.dataSize = start, start, dataSize
	s.mu.Unlock()
}

// Brk is brk(2): it moves the end of the heap to addr if that is possible, and
// returns where the end is afterwards.
func (s *Space) Brk(addr uint64) uint64 {
	s.mu.Lock()
	defer s.changed()
	if addr < s.brkStart || addr > s.Limit() || s.dataSize+addr-s.brkStart > s.limits.Data {
		return s.brk
	}
	from, to := s.PageUp(s.brk), s.PageUp(addr)
	v := VMA{Start: from, End: to, Prot: Read | Write, Held: s.budget != nil, Name: "[heap]"}
	switch {
	case to > from:
		if !s.roomy(from, to+s.page) || !s.mayAdd(v, to-from) || !s.reserve(to-from) {
			return s.brk
		}
		if s.m.Map(from, to-from, Read|Write, Source{FD: -1}) != nil {
			return s.brk
		}
		s.account(from, to, to-from)
		s.vmas.insert(v)
	case to < from:
		if s.unmapLocked(to, from) != nil {
			return s.brk
		}
	}
	s.brk = addr
	return addr
}

// BrkRange returns start and end of the heap (start_brk and brk of /proc/pid/stat).
func (s *Space) BrkRange() (start, end uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.brkStart, s.brk
}

// RemapFlags are mremap(2) flags; the values are Linux's.
type RemapFlags uint

const (
	RemapMayMove   RemapFlags = 1
	RemapFixed     RemapFlags = 2
	RemapDontUnmap RemapFlags = 4
)

// Mremap is mremap(2).
func (s *Space) Mremap(old, oldLen, newLen uint64, flags RemapFlags, to uint64) (uint64, error) {
	if old%s.page != 0 || flags&^7 != 0 || s.PageUp(newLen) == 0 ||
		flags&RemapFixed != 0 && flags&RemapMayMove == 0 ||
		flags&RemapDontUnmap != 0 && (flags&RemapMayMove == 0 || s.PageUp(oldLen) != s.PageUp(newLen)) {
		return 0, syscall.EINVAL
	}
	oldLen, newLen = s.PageUp(oldLen), s.PageUp(newLen)
	if newLen > s.Limit() || old+oldLen < old || old+oldLen > s.Limit() {
		return 0, syscall.EINVAL
	}
	s.mu.Lock()
	defer s.changed()
	if flags&(RemapFixed|RemapDontUnmap) != 0 {
		if err := s.checkTarget(old, oldLen, to, newLen, flags); err != nil {
			return 0, err
		}
	}
	v := s.vmas.find(old)
	if v == nil {
		return 0, syscall.EFAULT
	}
	switch {
	case flags&(RemapFixed|RemapDontUnmap) != 0 || newLen > oldLen:
	case newLen == oldLen:
		return old, nil
	default:
		return old, s.unmapLocked(old+newLen, old+oldLen) // whatever is there
	}
	switch {
	case oldLen == 0 && !v.Shared:
		return 0, syscall.EINVAL // duplicating a private mapping makes no sense
	case v.End < old+oldLen:
		return 0, syscall.EFAULT // spans more than one VMA
	case newLen > oldLen && !s.mayAdd(*v, newLen-oldLen), v.Held && !s.reserve(newLen):
		return 0, syscall.ENOMEM
	}
	switch {
	case flags&RemapFixed != 0:
		return s.move(*v, old, oldLen, to, newLen, flags)
	case flags&RemapDontUnmap == 0 && oldLen != 0 && s.growInPlace(*v, old+oldLen, newLen-oldLen):
		return old, nil
	case flags&RemapMayMove == 0:
		return 0, syscall.ENOMEM
	}
	if flags&RemapDontUnmap != 0 && to >= MinAddr && s.roomy(to, to+newLen) {
		return s.move(*v, old, oldLen, to, newLen, flags) // to is a hint
	}
	to, err := s.free(newLen)
	if err != nil {
		return 0, err
	}
	return s.move(*v, old, oldLen, to, newLen, flags)
}

// checkTarget checks the place to which mremap(2) is to move [old, old+oldLen).
func (s *Space) checkTarget(old, oldLen, to, newLen uint64, flags RemapFlags) error {
	switch {
	case to%s.page != 0, to > s.Limit()-newLen, to < old+oldLen && old < to+newLen:
		return syscall.EINVAL
	case to < MinAddr && flags&RemapFixed != 0:
		return syscall.EPERM
	}
	return nil
}

// growInPlace extends v, whose remapped part ends at end, by n bytes.
func (s *Space) growInPlace(v VMA, end, n uint64) bool {
	if v.End != end || end+n > s.Limit() || end+n < end {
		return false
	}
	if i, j := s.vmas.overlapping(end, end+n); i != j {
		return false
	}
	if v.File == nil && !v.Shared {
		if s.m.Map(end, n, v.Prot, Source{FD: -1}) != nil {
			return false
		}
	} else if !s.extend(v, n) {
		return false
	}
	s.account(end, end+n, n)
	w := v.from(end)
	w.Start, w.End = end, end+n
	s.vmas.insert(w)
	return true
}

// extend has n further bytes behind v show what v does. What that is only the host
// knows, which extends mappings that it moves: so the last page is moved, and back.
func (s *Space) extend(v VMA, n uint64) bool {
	if s.divided != nil {
		return v.Shared && v.File != nil && s.divided.Extend(v.End, n, v.Prot) == nil
	}
	tmp, err := s.free(s.page + n)
	if err != nil {
		return false
	}
	last := v.End - s.page
	if s.m.Move(last, s.page, tmp, s.page+n, v.Prot, false) != nil {
		return false
	}
	return s.m.Move(tmp, s.page+n, last, s.page+n, v.Prot, false) == nil
}

// move relocates [old, old+oldLen), which lies in v, to `to` with size newLen.
func (s *Space) move(v VMA, old, oldLen, to, newLen uint64, flags RemapFlags) (uint64, error) {
	s.codeChangedLocked(old, old+oldLen)
	s.codeChangedLocked(to, to+newLen)
	keep := flags&RemapDontUnmap != 0
	if err := s.m.Move(old, oldLen, to, newLen, v.Prot, keep); err != nil {
		return 0, err
	}
	w := v.from(old)
	w.Start, w.End = to, to+newLen
	if !keep && oldLen != 0 {
		s.account(old, old+oldLen, 0)
		s.shareLocked(old, old+oldLen, false)
		s.vmas.remove(old, old+oldLen)
	}
	s.account(to, to+newLen, newLen)
	s.shareLocked(to, to+newLen, v.Shared)
	s.vmas.insert(w)
	return to, nil
}
