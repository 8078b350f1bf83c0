package mem

import (
	"bytes"
	"encoding/binary"
	"runtime/debug"
	"syscall"
)

// Recover turns the value of a recovered panic into the guest fault that caused
// it, or returns nil if it has another cause (a bug of ours: panic again).
func (s *Space) Recover(r any) *Fault {
	switch e := r.(type) {
	case *Fault:
		return e
	case interface{ Addr() uintptr }: // runtime.Error of a host page fault
		if addr, ok := s.m.GuestAddr(e.Addr()); ok {
			return s.classify(addr)
		}
	}
	return nil
}

// classify finds out why the host refused an access to addr.
func (s *Space) classify(addr uint64) *Fault {
	v, ok := s.Lookup(addr)
	switch {
	case !ok:
		return &Fault{Addr: addr, Access: Read, Kind: MapErr}
	case v.Prot&(Read|Exec) == 0 && v.Prot&Write == 0:
		return &Fault{Addr: addr, Access: Read, Kind: AccErr}
	case v.Prot&Write != 0 || !s.readable(addr):
		return &Fault{Addr: addr, Access: Read, Kind: BusErr}
	}
	return &Fault{Addr: addr, Access: Write, Kind: AccErr}
}

// readable reports whether a byte can be read, by trying.
func (s *Space) readable(addr uint64) (ok bool) {
	defer allowFaults()()
	defer func() { ok = recover() == nil }()
	s.m.Load(addr, 1)
	return true
}

// allowFaults turns host page faults of this goroutine into panics; the returned
// function puts the old state back.
func allowFaults() func() {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}

// guard runs f, which touches guest memory, and returns the fault that ended it.
func (s *Space) guard(f func() *Fault) (fault *Fault) {
	defer allowFaults()()
	defer func() {
		if r := recover(); r != nil {
			if fault = s.Recover(r); fault == nil {
				panic(r)
			}
		}
	}()
	return f()
}

// CopyIn reads len(b) bytes at addr. On a fault, which may name any of the bytes
// that are not readable, b may be partly filled.
func (s *Space) CopyIn(b []byte, addr uint64) *Fault {
	return s.guard(func() *Fault {
		return s.m.Spans(addr, uint64(len(b)), Read, func(host []byte) bool {
			b = b[copy(b, host):]
			return true
		})
	})
}

// CopyOut writes b at addr. On a fault, which may name any of the bytes that are
// not writable, a part may have been written.
func (s *Space) CopyOut(addr uint64, b []byte) *Fault {
	return s.guard(func() *Fault {
		return s.m.Spans(addr, uint64(len(b)), Write, func(host []byte) bool {
			b = b[copy(host, b):]
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

// Fetch reads instruction bytes at addr, honouring execute permission. It
// returns how many bytes could be read; the fault is that of the first byte
// which could not.
func (s *Space) Fetch(addr uint64, b []byte) (int, *Fault) {
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
		got := 0
		f := s.guard(func() *Fault {
			return s.m.Spans(at, uint64(n), Exec, func(host []byte) bool {
				got += copy(b[done+got:done+n], host)
				return true
			})
		})
		if f != nil {
			f.Access = Exec
			return done + got, f
		}
		done += n
	}
	return done, nil
}
