package mem

import (
	"io"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
)

// MinAddr is the lowest address the guest may map (vm.mmap_min_addr); only MapLow goes below.
const MinAddr = 65536

// Space is the address space of a guest process: its VMAs and the memory behind
// them. All methods are safe for concurrent use.
type Space struct {
	m        Mapping
	divided  Divided       // m, if it is one
	copier   Copier        // likewise, unless it is Divided
	granule  uint64        // the page size, or the host's if that is larger: what is placed begins there
	page     uint64        // the guest's page size
	growsLow atomic.Uint64 // no memory that grows on use will ever reach below
	taken    []Range       // what the Mapping does not have
	moves    atomic.Uint64 // see Moves

	mu       sync.RWMutex // guards the fields below and all changes of m
	vmas     vmaList
	mmapBase uint64 // mappings without a hint are placed below it, top down
	brkStart uint64
	brk      uint64
	dataSize uint64 // of the program file, which RLIMIT_DATA counts with the heap
	size     uint64 // bytes mapped (VmSize)
	peak     uint64 // the most there ever were (VmPeak)
	limits   Limits
	watchers []func(addr, n uint64)
	sharing  []func(addr, n uint64, shared bool)
	movers   []func()
	wxDenied bool    // see DenyWX
	budget   *Budget // nil for none
	charged  uint64  // bytes that it is charged with

	// What a debugger wants (break.go).
	breaks  atomic.Pointer[[]uint64] // addresses of breakpoints, sorted; nil for none
	watches atomic.Pointer[[]Watch]  // nil for none
}

// Limits are the resource limits of an address space, in bytes.
type Limits struct {
	AS    uint64 // RLIMIT_AS: all that is mapped
	Data  uint64 // RLIMIT_DATA: private writable memory, and the heap
	Stack uint64 // RLIMIT_STACK: how far memory grows on use
}

// New returns an empty address space over m with pages of page bytes, a power of two
// that is no less than PageSize. Mappings are placed below the gap that a stack of at
// most stackSize bytes needs, as in Linux's layout.
func New(m Mapping, page, stackSize uint64) *Space {
	s := &Space{m: m, page: page, limits: Limits{math.MaxUint64, math.MaxUint64, math.MaxUint64}}
	s.growsLow.Store(math.MaxUint64)
	if o, ok := m.(Obstructed); ok {
		s.taken = o.Taken()
	}
	gap := min(max(stackSize+(1<<20), 128<<20), s.Top()/6*5)
	s.mmapBase = s.pageDown(s.Top() - gap)
	s.granule = page
	if d, ok := m.(Divided); ok {
		s.divided, s.granule = d, max(page, d.Granule())
		s.mmapBase &^= s.granule - 1
		d.Surround(func(addr uint64) (VMA, bool) {
			if v := s.vmas.find(addr); v != nil {
				return *v, true
			}
			return VMA{}, false
		})
	} else {
		s.copier, _ = m.(Copier)
	}
	return s
}

// PageSize is the guest's page size in bytes.
func (s *Space) PageSize() uint64 { return s.page }

// Granule is the larger one of the guest's and the host's page size: what begins and ends
// at multiples of it has host pages of its own.
func (s *Space) Granule() uint64 { return s.granule }

// defaultTop bounds what programs get that do not ask for more: 47 bits are what most
// expect an address to have (DEFAULT_MAP_WINDOW).
const defaultTop = 1 << 47

// Top is where the stack ends, and below which memory is placed if there is no hint.
func (s *Space) Top() uint64 { return min(s.Limit(), defaultTop) }

// Mapping is how guest addresses become host memory.
func (s *Space) Mapping() Mapping { return s.m }

// Limit is the end of the addresses that a guest can ever map (TASK_SIZE).
func (s *Space) Limit() uint64 { return s.m.Limit() }

// SetLimits sets the resource limits. What is there already stays.
func (s *Space) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = l
	low := uint64(math.MaxUint64)
	for i := range s.vmas {
		if v := &s.vmas[i]; v.GrowsDown {
			low = min(low, v.End-min(v.End, l.Stack))
		}
	}
	s.growsLow.Store(low)
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
	MapGrowsDown // grows down on use, as far as RLIMIT_STACK and what lies below allow
	MapLow       // may lie below MinAddr, as what a program file is linked for, if the Mapping has memory there
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
func (s *Space) PageUp(n uint64) uint64 { return (n + s.page - 1) &^ (s.page - 1) }

func (s *Space) pageDown(n uint64) uint64 { return n &^ (s.page - 1) }

// Mmap maps memory and returns its address. Errors are the Errno of mmap(2).
func (s *Space) Mmap(r Request) (uint64, error) {
	if r.Len == 0 || r.Offset%s.page != 0 || r.Flags&MapGrowsDown != 0 && (r.File != nil || r.Flags&MapShared != 0) {
		return 0, syscall.EINVAL
	}
	n := s.PageUp(r.Len)
	if n == 0 || n > s.Limit() {
		return 0, syscall.ENOMEM
	}
	if r.File != nil && r.Offset+n < r.Offset {
		return 0, syscall.EOVERFLOW
	}
	s.mu.Lock()
	defer s.changed()
	addr, err := s.place(r, n)
	if err != nil {
		return 0, err
	}
	v := VMA{
		Start: addr, End: addr + n, Prot: r.Prot, Shared: r.Flags&MapShared != 0,
		NoReserve: r.Flags&MapNoReserve != 0, GrowsDown: r.Flags&MapGrowsDown != 0, Held: s.budget != nil && (r.Prot != None || r.File != nil), File: r.File, Offset: r.Offset, Name: r.Name,
	}
	if s.wxDenied && r.Prot&(Write|Exec) == Write|Exec {
		return 0, syscall.EACCES
	}
	if !s.mayAdd(v, n-s.mapped(addr, addr+n)) || v.Held && !s.reserve(n) {
		return 0, syscall.ENOMEM
	}
	if err := s.establish(&v, r.HostFlags); err != nil {
		return 0, err
	}
	s.codeChangedLocked(addr, addr+n)
	s.account(addr, addr+n, n)
	s.shareLocked(addr, addr+n, v.Shared)
	s.vmas.insert(v)
	if v.GrowsDown {
		s.growsLow.Store(min(s.growsLow.Load(), v.End-min(v.End, s.limits.Stack)))
	}
	return addr, nil
}

// establish makes the pages of a new mapping.
func (s *Space) establish(v *VMA, hostFlags int) error {
	src := Source{FD: -1, Offset: int64(v.Offset), Shared: v.Shared, HostFlags: hostFlags}
	switch {
	case v.File == nil:
	case v.File.FD >= 0:
		src.FD = v.File.FD
	case v.File.Content == nil: // memory that is called a file
	case v.Shared:
		return syscall.ENODEV
	default:
		return s.copyFile(v)
	}
	return s.m.Map(v.Start, v.Len(), v.Prot, src)
}

// copyFile has the pages of v hold what the file of v has. Pages behind the end of the file
// cannot be accessed, as in a mapping of the file.
func (s *Space) copyFile(v *VMA) error {
	if err := s.m.Map(v.Start, v.Len(), Read|Write, Source{FD: -1}); err != nil {
		return err
	}
	var done uint64
	var err error
	f := s.m.Spans(v.Start, v.Len(), Write, func(b []byte) bool {
		var n int
		n, err = v.File.Content.ReadAt(b, int64(v.Offset+done))
		done += uint64(n)
		return n == len(b) && err == nil
	})
	if f != nil || err != nil && err != io.EOF {
		_ = s.m.Unmap(v.Start, v.Len())
		return syscall.EIO
	}
	end := v.Start + s.PageUp(done)
	if end < v.End {
		if err := s.m.Protect(end, v.End-end, None); err != nil {
			return err
		}
	}
	if v.Prot == Read|Write || end == v.Start {
		return nil
	}
	return s.m.Protect(v.Start, end-v.Start, v.Prot)
}

// mayAdd reports whether the limits allow n bytes more of the kind of v.
func (s *Space) mayAdd(v VMA, n uint64) bool {
	if n == 0 {
		return true
	}
	return s.size+n >= n && s.size+n <= s.limits.AS && (!v.data() || s.mayHold(n))
}

// mayHold reports whether RLIMIT_DATA allows n bytes more of data.
func (s *Space) mayHold(n uint64) bool {
	if s.limits.Data == math.MaxUint64 || n == 0 {
		return true
	}
	for i := range s.vmas {
		if v := &s.vmas[i]; v.data() {
			n += v.Len()
		}
	}
	return n <= s.limits.Data
}

// place chooses the address of a new mapping of n bytes.
func (s *Space) place(r Request, n uint64) (uint64, error) {
	limit := s.Limit()
	if r.Flags&(MapFixed|MapFixedNoReplace) != 0 {
		switch {
		case r.Addr%s.page != 0:
			return 0, syscall.EINVAL
		case r.Addr > limit-n:
			return 0, syscall.ENOMEM
		case r.Addr < MinAddr && r.Flags&MapLow == 0:
			return 0, syscall.EPERM
		}
		if r.Flags&MapFixedNoReplace != 0 {
			if i, j := s.vmas.overlapping(r.Addr, r.Addr+n); i != j {
				return 0, syscall.EEXIST
			}
		}
		return r.Addr, nil
	}
	if hint := s.pageDown(r.Addr); hint != 0 { // as Linux rounds it
		hint = max(hint, MinAddr)
		if hint <= limit-n && s.roomy(hint, hint+n) {
			return hint, nil
		}
	}
	in := uint64(0) // the host maps files at offsets that are multiples of its page size
	if r.File != nil {
		in = r.Offset % s.granule
	}
	a, err := s.free(n + in)
	return a + in, err
}

// free finds room for n bytes from a multiple of the granule on, if that can be.
func (s *Space) free(n uint64) (uint64, error) {
	whole := (n + s.granule - 1) &^ (s.granule - 1)
	a, err := s.gap(whole)
	if err == nil && a%s.granule != 0 {
		a, err = s.gap(whole + s.granule - s.page)
		a = (a + s.granule - 1) &^ (s.granule - 1)
	}
	if err != nil && s.granule != s.page {
		return s.gap(n)
	}
	return a, err
}

// gap finds room for n bytes: top down below mmapBase, else anywhere.
func (s *Space) gap(n uint64) (uint64, error) {
	for high := s.mmapBase; ; {
		a, ok := s.vmas.gapBelow(MinAddr, high, n, s.guardGap())
		if !ok {
			break
		}
		in := s.isTaken(a, a+n)
		if in == nil {
			return a, nil
		}
		high = in.Start
	}
	for low := s.mmapBase; ; {
		a, ok := s.vmas.gapAbove(low, s.Limit(), n, s.guardGap())
		if !ok {
			return 0, syscall.ENOMEM
		}
		in := s.isTaken(a, a+n)
		if in == nil {
			return a, nil
		}
		low = in.End
	}
}

// isTaken returns the first range in [start, end) that the Mapping does not have, or nil.
func (s *Space) isTaken(start, end uint64) *Range {
	for i := range s.taken {
		if r := &s.taken[i]; r.Start < end && start < r.End {
			return r
		}
	}
	return nil
}

// roomy reports whether there is nothing in [start, end), nor anything right above that
// could grow into it.
func (s *Space) roomy(start, end uint64) bool {
	i := s.vmas.index(start)
	return (i >= len(s.vmas) || s.vmas[i].low(s.guardGap()) >= end) && s.isTaken(start, end) == nil
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
	end := addr + s.PageUp(n)
	if addr%s.page != 0 || n == 0 || end <= addr || end > s.Limit() {
		return syscall.EINVAL
	}
	s.mu.Lock()
	defer s.changed()
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
	s.shareLocked(start, end, false)
	s.vmas.remove(start, end)
	return nil
}

// Mprotect changes the permissions of [addr, addr+n). Like Linux it stops with
// ENOMEM at the first hole, having changed what lies before it.
func (s *Space) Mprotect(addr, n uint64, prot Prot) error {
	end := addr + s.PageUp(n)
	switch {
	case addr%s.page != 0:
		return syscall.EINVAL
	case n == 0:
		return nil
	case end <= addr || end > s.Limit():
		return syscall.ENOMEM
	}
	s.mu.Lock()
	defer s.changed()
	hole := addr
	for i := s.vmas.index(addr); i < len(s.vmas) && s.vmas[i].Start <= hole && hole < end; i++ {
		hole = s.vmas[i].End
	}
	stop := min(hole, end)
	if prot&Write != 0 && s.readOnly(addr, stop) || s.wxDenied && s.gainsExec(addr, stop, prot) {
		return syscall.EACCES
	}
	if stop > addr {
		if !s.mayProtect(addr, stop, prot) || prot != None && !s.reserve(s.unheld(addr, stop)) {
			return syscall.ENOMEM
		}
		s.codeChangedLocked(addr, stop)
		if err := s.m.Protect(addr, stop-addr, prot); err != nil {
			return err
		}
		i, j := s.vmas.cut(addr, stop)
		for k := i; k < j; k++ {
			s.vmas[k].Prot = prot
			s.vmas[k].Held = s.vmas[k].Held || s.budget != nil && prot != None
		}
		s.vmas.mergeAround(i, j)
	}
	if stop < end {
		return syscall.ENOMEM
	}
	return nil
}

// readOnly reports whether there is memory in [start, end) that may never be written to.
func (s *Space) readOnly(start, end uint64) bool {
	i, j := s.vmas.overlapping(start, end)
	for ; i < j; i++ {
		if v := &s.vmas[i]; v.Shared && v.File != nil && v.File.ReadOnly {
			return true
		}
	}
	return false
}

// mayProtect reports whether RLIMIT_DATA allows [start, end), which is mapped, to have
// other permissions: making memory writable counts.
func (s *Space) mayProtect(start, end uint64, prot Prot) bool {
	n := uint64(0)
	i, j := s.vmas.overlapping(start, end)
	for ; i < j && prot&Write != 0; i++ {
		v := s.vmas[i]
		v.Prot |= Write
		if s.vmas[i].Prot&Write == 0 && v.data() {
			n += min(v.End, end) - max(v.Start, start)
		}
	}
	return s.mayHold(n)
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
	return addr+n >= addr && s.vmas.covered(s.pageDown(addr), addr+n)
}

// VMAs returns a copy of the list, in address order.
func (s *Space) VMAs() []VMA {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]VMA(nil), s.vmas...)
}

// SetName names the anonymous VMAs of [addr, addr+n) (PR_SET_VMA_ANON_NAME).
func (s *Space) SetName(addr, n uint64, name string) error {
	end := addr + s.PageUp(n)
	if addr%s.page != 0 || end < addr {
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

// WatchShared registers f to be called, with the Space locked, whenever pages become
// those of a shared mapping or are not any more; now, too, for those that there are. f
// must not call back into the Space.
func (s *Space) WatchShared(f func(addr, n uint64, shared bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sharing = append(s.sharing, f)
	for _, v := range s.vmas {
		if v.Shared {
			f(v.Start, v.Len(), true)
		}
	}
}

// shareLocked tells those who want to know that [start, end) is to be shared, or not. It
// is called before the VMA list changes.
func (s *Space) shareLocked(start, end uint64, shared bool) {
	for _, f := range s.sharing {
		i, j := s.vmas.overlapping(start, end)
		for ; i < j; i++ {
			if v := &s.vmas[i]; v.Shared {
				from := max(v.Start, start)
				f(from, min(v.End, end)-from, false)
			}
		}
		if shared {
			f(start, end-start, true)
		}
	}
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
func (s *Space) Close() error {
	s.mu.Lock()
	s.vmas = nil
	s.settle()
	s.mu.Unlock()
	return s.m.Close()
}
