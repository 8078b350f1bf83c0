package mem

import (
	"syscall"
	"unsafe"
)

// Remap has [addr, addr+n), which lies in a shared mapping, show the same file from
// offset on. The host is told by remap, which gets the host address of the memory.
func (s *Space) Remap(addr, n, offset uint64, remap func(p uintptr) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vmas.find(addr)
	if v == nil || !v.Shared || v.End < addr+n {
		return syscall.EINVAL
	}
	var piece []byte
	f := s.m.Spans(addr, n, None, func(b []byte) bool {
		piece = b
		return false
	})
	if f != nil || uint64(len(piece)) < n {
		return syscall.EINVAL
	}
	if err := remap(uintptr(unsafe.Pointer(unsafe.SliceData(piece)))); err != nil {
		return err
	}
	s.codeChangedLocked(addr, addr+n)
	w := *v
	w.Start, w.End = addr, addr+n
	if w.File != nil {
		w.Offset = offset
	}
	s.vmas.remove(addr, addr+n)
	s.vmas.insert(w)
	return nil
}
