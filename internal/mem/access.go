package mem

import (
	"bytes"
	"encoding/binary"
	"runtime/debug"
	"sync/atomic"
	"syscall"
)

// Recover turns the value of a recovered panic into the guest fault that caused
// it, or returns nil if it has another cause (a bug of ours: panic again).
func (s *Space) Recover(r any) *Fault {
	switch e := r.(type) {
	case *Fault:
		if s.mend(e) {
			return &Fault{Addr: e.Addr, Access: e.Access, Kind: Again}
		}
		return e
	case interface{ Addr() uintptr }: // runtime.Error of a host page fault
		if s.divided != nil {
			if f := s.divided.Refused(e.Addr()); f != nil {
				return f
			}
		}
		if addr, ok := s.m.GuestAddr(e.Addr()); ok {
			return s.classify(addr)
		}
	}
	return nil
}

// mend does what is to be done for an access that is allowed. It reports whether that
// may succeed now.
func (s *Space) mend(f *Fault) bool {
	return f.Kind == Again || f.Kind == MapErr && s.grow(f.Addr) || f.Kind == BusErr && s.fillTail(f.Addr)
}

// classify finds out why the host refused an access to addr.
func (s *Space) classify(addr uint64) *Fault {
	v, ok := s.Lookup(addr)
	f := &Fault{Addr: addr, Access: Read, Kind: AccErr}
	switch {
	case !ok:
		if f.Kind = MapErr; s.grow(addr) {
			f.Kind = Again
		}
	case v.Prot&(Read|Write) == 0:
	case v.Prot&Write != 0 && s.accepts(addr, Write), v.File != nil && s.fillTail(addr):
		f.Kind = Again // another thread has changed the page meanwhile, or there was something to do
	case v.Prot&Write != 0 || !s.accepts(addr, Read):
		f.Kind = BusErr
	default:
		f.Access = Write
	}
	return f
}

// accepts reports whether a byte can be read or written, by trying.
func (s *Space) accepts(addr uint64, access Prot) (ok bool) {
	defer allowFaults()()
	defer func() { ok = recover() == nil }()
	if access == Read {
		s.m.Load(addr, 1)
	} else {
		atomic.OrUint32((*uint32)(s.m.Pointer(addr&^3, 4, Write)), 0)
	}
	return true
}

// allowFaults turns host page faults of this goroutine into panics; the returned
// function puts the old state back.
func allowFaults() func() {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}

// guard runs f, which touches guest memory, and returns the fault that ended it. It may
// run f several times.
func (s *Space) guard(f func() *Fault) *Fault {
	for {
		fault := s.try(f)
		if fault == nil || !s.mend(fault) {
			return fault
		}
	}
}

// try is guard without repetition.
func (s *Space) try(f func() *Fault) (fault *Fault) {
	defer s.caught(debug.SetPanicOnFault(true), &fault)
	return f()
}

// caught, deferred, makes a fault of the panic that ends the caller, and puts back what debug.SetPanicOnFault was.
func (s *Space) caught(old bool, fault **Fault) {
	r := recover()
	debug.SetPanicOnFault(old)
	if r == nil {
		return
	}
	if *fault = s.Recover(r); *fault == nil {
		panic(r)
	}
}

// CopyIn reads len(b) bytes at addr. On a fault, which may name any of the bytes
// that are not readable, b may be partly filled.
func (s *Space) CopyIn(b []byte, addr uint64) *Fault {
	return s.guard(func() *Fault {
		rest := b
		return s.m.Spans(addr, uint64(len(b)), Read, func(host []byte) bool {
			rest = rest[copy(rest, host):]
			return true
		})
	})
}

// CopyOut writes b at addr. On a fault, which may name any of the bytes that are
// not writable, a part may have been written.
func (s *Space) CopyOut(addr uint64, b []byte) *Fault {
	return s.guard(func() *Fault {
		rest := b
		return s.m.Spans(addr, uint64(len(b)), Write, func(host []byte) bool {
			rest = rest[copy(host, rest):]
			return true
		})
	})
}

// Zero writes n zero bytes at addr.
func (s *Space) Zero(addr, n uint64) *Fault {
	return s.guard(func() *Fault {
		return s.m.Spans(addr, n, Write, func(host []byte) bool {
			clear(host)
			return true
		})
	})
}

// Load reads a little-endian integer of size (1, 2, 4, 8) bytes.
func (s *Space) Load(addr uint64, size int) (v uint64, f *Fault) {
	f = s.guard(func() *Fault {
		v = s.m.Load(addr, size)
		return nil
	})
	return v, f
}

// Store writes a little-endian integer of size (1, 2, 4, 8) bytes.
func (s *Space) Store(addr uint64, size int, v uint64) *Fault {
	return s.guard(func() *Fault {
		s.m.Store(addr, size, v)
		return nil
	})
}

// CompareAndSwap is an atomic operation on an aligned word.
func (s *Space) CompareAndSwap(addr uint64, old, new uint32) (swapped bool, f *Fault) {
	f = s.guard(func() *Fault {
		swapped = atomic.CompareAndSwapUint32((*uint32)(s.m.Pointer(addr, 4, Read|Write)), old, new)
		return nil
	})
	return swapped, f
}

// ReadObject reads fixed-size little-endian data into v (see encoding/binary).
func (s *Space) ReadObject(addr uint64, v any) *Fault {
	b := make([]byte, binary.Size(v))
	if f := s.CopyIn(b, addr); f != nil {
		return f
	}
	if _, err := binary.Decode(b, binary.LittleEndian, v); err != nil {
		panic(err) // v is not of fixed size
	}
	return nil
}

// WriteObject writes v, which is of fixed size, in little-endian form.
func (s *Space) WriteObject(addr uint64, v any) *Fault {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err) // v is not of fixed size
	}
	return s.CopyOut(addr, b)
}

// ReadString reads a NUL-terminated string of fewer than limit bytes. The error is
// EFAULT, or ENAMETOOLONG if there is no NUL within limit.
func (s *Space) ReadString(addr uint64, limit int) (string, error) {
	var out []byte
	buf := make([]byte, 256)
	for len(out) < limit {
		n := min(uint64(len(buf)), PageSize-addr%PageSize, uint64(limit-len(out)))
		if s.CopyIn(buf[:n], addr) != nil {
			return "", syscall.EFAULT
		}
		if i := bytes.IndexByte(buf[:n], 0); i >= 0 {
			return string(append(out, buf[:i]...)), nil
		}
		out = append(out, buf[:n]...)
		addr += n
	}
	return "", syscall.ENAMETOOLONG
}

// FetchThrough is Fetch as if there were no breakpoints.
func (s *Space) FetchThrough(addr uint64, b []byte) (int, *Fault) {
	done := 0
	for done < len(b) {
		at := addr + uint64(done)
		v, ok := s.Lookup(at)
		switch {
		case !ok:
			return done, &Fault{Addr: at, Access: Exec, Kind: MapErr}
		case v.Prot&Exec == 0:
			return done, &Fault{Addr: at, Access: Exec, Kind: AccErr}
		}
		n := int(min(uint64(len(b)-done), v.End-at))
		got, f := s.fetch(b[done:done+n], at, v.Prot)
		if f != nil {
			f.Access = Exec
			return done + got, f
		}
		done += n
	}
	return done, nil
}

// fetch reads instruction bytes within a VMA with permissions prot. It returns how many.
func (s *Space) fetch(b []byte, addr uint64, prot Prot) (got int, f *Fault) {
	if prot&(Read|Write) == 0 {
		return s.peek(b, addr)
	}
	if s.copier != nil {
		for f = s.copyCode(b, addr); f != nil; f = s.copyCode(b, addr) {
			if !s.mend(f) {
				return 0, f
			}
		}
		return len(b), nil
	}
	f = s.guard(func() *Fault {
		got = 0
		return s.m.Spans(addr, uint64(len(b)), Exec, func(host []byte) bool {
			got += copy(b[got:], host)
			return true
		})
	})
	return got, f
}

// copyCode is what fetch guards, of a Copier.
func (s *Space) copyCode(b []byte, addr uint64) (fault *Fault) {
	defer s.caught(debug.SetPanicOnFault(true), &fault)
	s.copier.Copy(b, addr)
	return nil
}

// peek is fetch for pages that may be executed only.
func (s *Space) peek(b []byte, addr uint64) (got int, f *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.vmas.find(addr); v == nil || v.Prot != Exec || v.End-addr < uint64(len(b)) {
		return 0, &Fault{Addr: addr, Access: Exec, Kind: AccErr} // another thread has changed it meanwhile
	}
	defer allowFaults()()
	defer func() {
		if recover() != nil { // the end of the file
			got, f = 0, &Fault{Addr: addr, Access: Exec, Kind: BusErr}
		}
	}()
	switch err := s.m.Peek(b, addr).(type) {
	case nil:
		return len(b), nil
	case *Fault:
		return 0, err
	}
	return 0, &Fault{Addr: addr, Access: Exec, Kind: AccErr}
}
