//go:build linux

package mem_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

// TestExecuteOnly wants pages that may be executed, and neither read nor written.
func TestExecuteOnly(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: 2 * page, Prot: mem.Read | mem.Write})
		code := []byte{0x13, 0, 0, 0, 0x82, 0x80}
		if f := s.CopyOut(a+page-2, code); f != nil {
			t.Fatal(f)
		}
		if err := s.Mprotect(a, 2*page, mem.Exec); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the first must not open it for others
			got := make([]byte, len(code))
			if n, f := s.Fetch(a+page-2, got); n != len(code) || !bytes.Equal(got, code) {
				t.Errorf("Fetch = %d, % x, %v", n, got, f)
			}
			_, f := s.Load(a+page, 1)
			wantFault(t, "load", f, a+page, mem.AccErr)
			wantFault(t, "store", s.Store(a, 1, 0), a, mem.AccErr)
		}
		if f := s.CopyIn(make([]byte, 8), a+page-4); f == nil || f.Kind != mem.AccErr {
			t.Errorf("CopyIn: %v", f)
		}
		if err := s.Mprotect(a, 2*page, mem.Write); err != nil {
			t.Fatal(err)
		}
		if v, f := s.Load(a+page, 2); v != 0 || f != nil {
			t.Errorf("writable pages are readable: %#x, %v", v, f)
		}
	})
}

// TestExecuteOnlyEnd fetches from behind the end of a file.
func TestExecuteOnlyEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte{0x82, 0x80}, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: 2 * page, Prot: mem.Exec, File: &mem.File{FD: int(f.Fd())}})
		b := make([]byte, 4)
		if n, f := s.Fetch(a, b); n != 4 || b[0] != 0x82 {
			t.Errorf("Fetch = %d, % x, %v", n, b, f)
		}
		n, f := s.Fetch(a+page, b)
		if n != 0 {
			t.Errorf("%d bytes from behind the end of the file", n)
		}
		wantFault(t, "fetch from behind the end of the file", f, a+page, mem.BusErr)
	})
}

// TestGrowsDown uses memory below a mapping that grows.
func TestGrowsDown(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		const end, size, limit = 0x40000000, 4 * page, 64 * page
		s.SetLimits(mem.Limits{AS: ^uint64(0), Data: ^uint64(0), Stack: limit})
		mustMap(t, s, mem.Request{
			Addr: end - size, Len: size, Prot: mem.Read | mem.Write, Flags: mem.MapFixed | mem.MapGrowsDown,
		})
		start := func() uint64 { v, _ := s.Lookup(end - 1); return v.Start }
		from := func(addr uint64) uint64 { return addr &^ (s.Granule() - 1) } // where it begins when addr has been used
		if f := s.Store(end-10*page+3, 1, 7); f != nil || start() != from(end-10*page) {
			t.Errorf("after a store: %v, from %#x on", f, start())
		}
		if f := s.CopyOut(end-20*page, make([]byte, 20*page)); f != nil || start() != from(end-20*page) {
			t.Errorf("after CopyOut: %v, from %#x on", f, start())
		}
		if v, f := s.Load(end-limit, 8); f != nil || v != 0 || start() != end-limit {
			t.Errorf("to the limit: %v, from %#x on", f, start())
		}
		_, f := s.Load(end-limit-1, 1)
		wantFault(t, "beyond the limit", f, end-limit-1, mem.MapErr)
		s.SetLimits(mem.Limits{AS: ^uint64(0), Data: ^uint64(0), Stack: 2 << 30})
		s.Grow(end - limit - page)
		if start() != from(end-limit-page) {
			t.Errorf("with a higher limit: from %#x on", start())
		}
		// Others are placed at a distance, which what is accessible keeps.
		near := mustMap(t, s, mem.Request{Addr: start() - page, Len: page})
		if near > start()-257*page && near < end {
			t.Errorf("placed at %#x, the mapping begins at %#x", near, start())
		}
		mustMap(t, s, mem.Request{Addr: end - 1024*page, Len: page, Prot: mem.Read, Flags: mem.MapFixed})
		_, f = s.Load(end-1024*page+256*page, 1)
		wantFault(t, "near to another mapping", f, end-768*page, mem.MapErr)
		if _, f = s.Load(end-1024*page+257*page, 1); f != nil {
			t.Error(f)
		}
	})
}

// TestLimits wants the errors of calls that would exceed a limit.
func TestLimits(t *testing.T) {
	const none = ^uint64(0)
	rw := mem.Read | mem.Write
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		s.SetBrk(0x100000, 4*page)
		a := mustMap(t, s, mem.Request{Len: 8 * page, Prot: rw})
		r := mustMap(t, s, mem.Request{Len: 8 * page, Prot: mem.Read})
		want := func(what string, err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		mmap := func(r mem.Request) error { _, err := s.Mmap(r); return err }
		mremap := func(old, oldLen, newLen uint64) error {
			_, err := s.Mremap(old, oldLen, newLen, mem.RemapMayMove, 0)
			return err
		}

		s.SetLimits(mem.Limits{AS: 20 * page, Data: none, Stack: none})
		want("mmap within RLIMIT_AS", mmap(mem.Request{Addr: a, Len: 12 * page, Flags: mem.MapFixed, Prot: rw}), nil)
		want("mmap beyond RLIMIT_AS", mmap(mem.Request{Len: page}), syscall.ENOMEM)
		want("mremap beyond RLIMIT_AS", mremap(r, 8*page, 9*page), syscall.ENOMEM)
		if got := s.Brk(0x100000 + page); got != 0x100000 {
			t.Errorf("brk beyond RLIMIT_AS: %#x", got)
		}

		s.SetLimits(mem.Limits{AS: none, Data: 16 * page, Stack: none}) // 12 in use
		want("mmap within RLIMIT_DATA", mmap(mem.Request{Len: 2 * page, Prot: rw}), nil)
		want("mmap beyond RLIMIT_DATA", mmap(mem.Request{Len: 3 * page, Prot: rw}), syscall.ENOMEM)
		want("read-only mmap", mmap(mem.Request{Len: 3 * page, Prot: mem.Read}), nil)
		want("shared mmap", mmap(mem.Request{Len: 3 * page, Prot: rw, Flags: mem.MapShared}), nil)
		want("mprotect beyond RLIMIT_DATA", s.Mprotect(r, 3*page, rw), syscall.ENOMEM)
		want("mprotect within RLIMIT_DATA", s.Mprotect(r, 2*page, rw), nil)
		want("mprotect of what counts already", s.Mprotect(a, 12*page, mem.Write), nil)
		want("mremap beyond RLIMIT_DATA", mremap(r, page, 2*page), syscall.ENOMEM)
		if got := s.Brk(0x100000 + page); got != 0x100000 {
			t.Errorf("brk beyond RLIMIT_DATA with mappings: %#x", got)
		}
		want("munmap", s.Munmap(a, 12*page), nil)
		if got := s.Brk(0x100000 + 12*page); got != 0x100000+12*page {
			t.Errorf("brk within RLIMIT_DATA: %#x", got)
		}
		if got := s.Brk(0x100000 + 13*page); got != 0x100000+12*page {
			t.Errorf("brk beyond RLIMIT_DATA, which counts the program's data: %#x", got)
		}
	})
}

// TestPageSize has a guest whose pages are larger than the host's.
func TestPageSize(t *testing.T) {
	const big = 64 << 10
	f := newFiles(t, page)[0] // 6.5 pages
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		l := mem.New(s.Mapping(), big, 8<<20)
		if _, err := l.Mmap(mem.Request{Addr: 0x100000 + page, Len: page, Flags: mem.MapFixed}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("mmap in the middle of a page: %v", err)
		}
		file := &mem.File{FD: int(f.Fd())}
		if _, err := l.Mmap(mem.Request{Len: page, File: file, Offset: page}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("offset in the middle of a page: %v", err)
		}
		a := mustMap(t, l, mem.Request{Len: 3 * page, Prot: mem.Read | mem.Write})
		if f := l.Store(a+big-1, 1, 5); a%big != 0 || f != nil {
			t.Errorf("at %#x: %v", a, f)
		}
		if err := l.Mprotect(a, 1, mem.Read); err != nil {
			t.Fatal(err)
		}
		wantFault(t, "store into the page", l.Store(a+big-1, 1, 5), a+big-1, mem.AccErr)
		// The file ends within the first page, and what is behind reads as zero.
		m := mustMap(t, l, mem.Request{Len: 2 * big, Prot: mem.Read | mem.Write, File: file})
		for at, want := range map[uint64]uint64{5 * page: 10, 6 * page: 12, 7 * page: 0, 15 * page: 0} {
			if v, f := l.Load(m+at, 1); v != want || f != nil {
				t.Errorf("at %#x of the file: %d, %v, want %d", at, v, f, want)
			}
		}
		if f := l.Store(m+12*page, 1, 9); f != nil {
			t.Error(f)
		}
		_, fault := l.Load(m+big, 1)
		wantFault(t, "load from the next page", fault, m+big, mem.BusErr)
	})
}

// TestLargeSpace places memory in an address space larger than what programs expect.
func TestLargeSpace(t *testing.T) {
	m, err := table.New(1 << 56)
	if err != nil {
		t.Fatal(err)
	}
	s := mem.New(m, page, 8<<20)
	defer s.Close()
	const hint = 1<<55 + 3*page
	if a := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read}); a >= 1<<47 {
		t.Errorf("without a hint at %#x", a)
	}
	for _, want := range []bool{true, false} {
		a := mustMap(t, s, mem.Request{Addr: hint + 5, Len: page, Prot: mem.Read | mem.Write})
		if a == hint != want {
			t.Errorf("with a hint at %#x", a)
		}
	}
	if f := s.Store(hint+8, 8, 77); f != nil {
		t.Error(f)
	}
	if v, f := s.Load(hint+8, 8); v != 77 || f != nil {
		t.Errorf("%d, %v", v, f)
	}
	_, f := s.Load(hint+page, 1)
	wantFault(t, "load behind it", f, hint+page, mem.MapErr)
}
