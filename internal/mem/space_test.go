//go:build linux

package mem_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/direct"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/subpage"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

const page = mem.PageSize

// eachMapping runs a test over all mappings.
func eachMapping(t *testing.T, f func(t *testing.T, s *mem.Space)) {
	for name, open := range map[string]func() (mem.Mapping, error){
		"offset": func() (mem.Mapping, error) { return offset.New(1 << 38) },
		"table":  func() (mem.Mapping, error) { return table.New(1 << 38) },
		"direct": func() (mem.Mapping, error) { return direct.New(1 << 38) },
		"16K":    func() (mem.Mapping, error) { return divided(16 << 10) },
		"64K":    func() (mem.Mapping, error) { return divided(64 << 10) },
	} {
		t.Run(name, func(t *testing.T) {
			m, err := open()
			if err != nil {
				t.Fatal(err)
			}
			s := mem.New(m, page, 8<<20)
			defer s.Close()
			f(t, s)
		})
	}
}

// divided is a mapping for a host with larger pages.
func divided(page uint64) (mem.Mapping, error) {
	m, err := offset.New(1 << 38)
	if err != nil {
		return nil, err
	}
	return subpage.New(m, page)
}

func mustMap(t *testing.T, s *mem.Space, r mem.Request) uint64 {
	t.Helper()
	addr, err := s.Mmap(r)
	if err != nil {
		t.Fatalf("Mmap(%+v): %v", r, err)
	}
	return addr
}

func wantFault(t *testing.T, what string, f *mem.Fault, addr uint64, kind mem.FaultKind) {
	t.Helper()
	if f == nil || f.Addr != addr || f.Kind != kind {
		t.Errorf("%s: fault %v, want kind %d at %#x", what, f, kind, addr)
	}
}

func TestFaults(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: 4 * page, Prot: mem.Read | mem.Write})
		if err := s.Mprotect(a+page, page, mem.Read); err != nil {
			t.Fatal(err)
		}
		if err := s.Mprotect(a+2*page, page, mem.None); err != nil {
			t.Fatal(err)
		}
		if f := s.Store(a, 8, 0x1122334455667788); f != nil {
			t.Fatal(f)
		}
		if v, f := s.Load(a+1, 4); f != nil || v != 0x44556677 {
			t.Errorf("Load = %#x, %v", v, f)
		}
		wantFault(t, "write to read-only page", s.Store(a+page+8, 4, 1), a+page+8, mem.AccErr)
		_, f := s.Load(a+2*page, 1)
		wantFault(t, "read of PROT_NONE", f, a+2*page, mem.AccErr)
		_, f = s.Load(a+4*page, 1)
		wantFault(t, "read behind the mapping", f, a+4*page, mem.MapErr)
		_, f = s.Load(s.Limit(), 8)
		wantFault(t, "read at the limit", f, s.Limit(), mem.MapErr)
		_, f = s.Load(^uint64(0), 8)
		wantFault(t, "read at the end of the world", f, ^uint64(0), mem.MapErr)
		wantFault(t, "write across into a read-only page", s.Store(a+page-4, 8, ^uint64(0)), a+page, mem.AccErr)
		if v, _ := s.Load(a+page-4, 4); v != 0 {
			t.Errorf("a faulting store wrote %#x", v)
		}
		if f := s.CopyIn(make([]byte, 3*page), a); f == nil || f.Kind != mem.AccErr || f.Addr < a+2*page {
			t.Errorf("CopyIn over a page without permissions: %v", f)
		}
		if f := s.CopyOut(a+4*page-8, make([]byte, 16)); f == nil || f.Kind != mem.MapErr || f.Addr < a+4*page {
			t.Errorf("CopyOut over the end: %v", f)
		}
	})
}

func TestFileTail(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		file := &mem.File{FD: int(f.Fd()), Path: name}
		for _, prot := range []mem.Prot{mem.Read, mem.Read | mem.Write} {
			a := mustMap(t, s, mem.Request{Len: 2 * page, Prot: prot, File: file})
			b := make([]byte, 6)
			if f := s.CopyIn(b, a); f != nil || string(b) != "hello\x00" {
				t.Errorf("read %q, %v", b, f)
			}
			_, f := s.Load(a+page+16, 4)
			wantFault(t, "read past the end of the file", f, a+page+16, mem.BusErr)
		}
		a := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read, File: file})
		wantFault(t, "write to a read-only file page", s.Store(a, 1, 1), a, mem.AccErr)
	})
}

func TestShared(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(page); err != nil {
		t.Fatal(err)
	}
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		file := &mem.File{FD: int(f.Fd())}
		a := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read | mem.Write, Flags: mem.MapShared, File: file})
		b := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read, Flags: mem.MapShared, File: file})
		if f := s.Store(a+8, 4, 0xabcd); f != nil {
			t.Fatal(f)
		}
		if v, _ := s.Load(b+8, 4); v != 0xabcd {
			t.Errorf("second mapping reads %#x", v)
		}
	})
}

func TestFetch(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: 2 * page, Prot: mem.Read | mem.Write})
		_ = s.CopyOut(a+page-2, []byte{1, 2, 3, 4})
		if err := s.Mprotect(a, page, mem.Read|mem.Exec); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4)
		n, f := s.Fetch(a+page-2, b)
		if n != 2 || b[0] != 1 || b[1] != 2 {
			t.Errorf("Fetch = %d, % x", n, b)
		}
		wantFault(t, "fetch from a page without execute permission", f, a+page, mem.AccErr)
	})
}

func TestWatch(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		changes := 0
		s.Watch(func(addr, n uint64) { changes++ })
		a := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read | mem.Exec})
		d := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read})
		step := func(what string, want int, do func() error) {
			t.Helper()
			before := changes
			if err := do(); err != nil {
				t.Fatal(err)
			}
			if changes-before != want {
				t.Errorf("%s: %d notices, want %d", what, changes-before, want)
			}
		}
		step("mprotect of data", 0, func() error { return s.Mprotect(d, page, mem.Read|mem.Write) })
		step("mprotect of code", 1, func() error { return s.Mprotect(a, page, mem.Read|mem.Write) })
		step("mprotect back", 0, func() error { return s.Mprotect(a, page, mem.Read|mem.Exec) })
		step("mmap over code", 1, func() error {
			_, err := s.Mmap(mem.Request{Addr: a, Len: page, Prot: mem.Read | mem.Exec, Flags: mem.MapFixed})
			return err
		})
		step("munmap of code", 1, func() error { return s.Munmap(a, page) })
		step("munmap of data", 0, func() error { return s.Munmap(d, page) })
	})
}

func TestBrk(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		const start = 0x100000
		s.SetBrk(start, 0)
		for _, end := range []uint64{start + 10, start + 3*page, start + 1, start + page + 5, start} {
			if got := s.Brk(end); got != end {
				t.Errorf("Brk(%#x) = %#x", end, got)
			}
			if f := s.Zero(start, mem.PageUp(end)-start); f != nil {
				t.Errorf("heap up to %#x: %v", end, f)
			}
		}
		if got := s.Brk(start - 1); got != start {
			t.Errorf("Brk below the start = %#x", got)
		}
		mustMap(t, s, mem.Request{Addr: start + 2*page, Len: page, Flags: mem.MapFixed})
		if got := s.Brk(start + 4*page); got != start {
			t.Errorf("Brk over a mapping = %#x", got)
		}
		s.SetLimits(mem.Limits{AS: ^uint64(0), Data: page, Stack: 8 << 20})
		if got := s.Brk(start + 2*page); got != start {
			t.Errorf("Brk over RLIMIT_DATA = %#x", got)
		}
	})
}

func TestMremap(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: 2 * page, Prot: mem.Read | mem.Write})
		_ = s.Store(a+page, 8, 42)
		b, err := s.Mremap(a, 2*page, 64*page, mem.RemapMayMove, 0)
		if err != nil {
			t.Fatal(err)
		}
		if v, f := s.Load(b+page, 8); v != 42 || f != nil {
			t.Errorf("after growth: %d, %v", v, f)
		}
		if f := s.Store(b+63*page, 8, 1); f != nil {
			t.Error(f)
		}
		if b != a {
			_, f := s.Load(a, 1)
			wantFault(t, "old place", f, a, mem.MapErr)
		}
		c := mustMap(t, s, mem.Request{Len: 4 * page})
		if got, err := s.Mremap(b, 2*page, 2*page, mem.RemapMayMove|mem.RemapFixed, c); err != nil || got != c {
			t.Fatalf("fixed: %#x, %v", got, err)
		}
		if v, f := s.Load(c+page, 8); v != 42 || f != nil {
			t.Errorf("after the fixed move: %d, %v", v, f)
		}
		if _, err := s.Mremap(c, 4*page, 8*page, mem.RemapMayMove, 0); !errors.Is(err, syscall.EFAULT) {
			t.Errorf("over two VMAs: %v", err)
		}
		if _, err := s.Mremap(c, page, 2*page, 0, 0); !errors.Is(err, syscall.ENOMEM) {
			t.Errorf("growth without room: %v", err)
		}
	})
}

// TestLow: a program that is linked below the least address gets memory there, except from the
// direct mapping.
func TestLow(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		r := mem.Request{Addr: 0, Len: page, Flags: mem.MapFixedNoReplace | mem.MapLow, Prot: mem.Read | mem.Write}
		addr, err := s.Mmap(r)
		if _, direct := s.Mapping().(mem.Obstructed); direct {
			if !errors.Is(err, syscall.EPERM) {
				t.Errorf("Mmap: %v", err)
			}
			return
		}
		if err != nil || addr != 0 {
			t.Fatalf("Mmap = %#x, %v", addr, err)
		}
		if f := s.Store(8, 8, 42); f != nil {
			t.Fatal(f)
		}
		if v, f := s.Load(8, 8); v != 42 || f != nil {
			t.Errorf("Load = %d, %v", v, f)
		}
		if _, f := s.Load(page, 8); f == nil || f.Kind != mem.MapErr {
			t.Errorf("a load from behind it: %v", f)
		}
	})
}

func TestPlacement(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: page})
		b := mustMap(t, s, mem.Request{Len: 2 * page})
		if whole := max(2*page, s.Granule()); b+whole != a || a+page > s.Limit()-(128<<20) {
			t.Errorf("top-down placement: %#x then %#x", a, b)
		}
		if err := s.Munmap(a, page); err != nil {
			t.Fatal(err)
		}
		if got := mustMap(t, s, mem.Request{Len: page}); got != a {
			t.Errorf("the hole at %#x was not used: %#x", a, got)
		}
		if got := mustMap(t, s, mem.Request{Addr: 0x123456000, Len: page}); got != 0x123456000 {
			t.Errorf("hint not taken: %#x", got)
		}
		if got := mustMap(t, s, mem.Request{Addr: page, Len: page}); got != mem.MinAddr {
			t.Errorf("a hint below the least address leads to %#x", got)
		}
		if got := mustMap(t, s, mem.Request{Addr: 0x123456000, Len: page}); got == 0x123456000 {
			t.Error("hint over a mapping taken")
		}
		for _, c := range []struct {
			r    mem.Request
			want error
		}{
			{mem.Request{Addr: 0x123456000, Len: page, Flags: mem.MapFixedNoReplace}, syscall.EEXIST},
			{mem.Request{Addr: 0x123456001, Len: page, Flags: mem.MapFixed}, syscall.EINVAL},
			{mem.Request{Addr: s.Limit(), Len: page, Flags: mem.MapFixed}, syscall.ENOMEM},
			{mem.Request{Addr: page, Len: page, Flags: mem.MapFixed}, syscall.EPERM},
			{mem.Request{Len: 1 << 50}, syscall.ENOMEM},
			{mem.Request{Len: ^uint64(0)}, syscall.ENOMEM},
			{mem.Request{Len: 0}, syscall.EINVAL},
		} {
			if _, err := s.Mmap(c.r); !errors.Is(err, c.want) {
				t.Errorf("Mmap(%+v) = %v, want %v", c.r, err, c.want)
			}
		}
		s.SetLimits(mem.Limits{AS: 1 << 20, Data: ^uint64(0), Stack: 8 << 20})
		if _, err := s.Mmap(mem.Request{Len: 2 << 20}); !errors.Is(err, syscall.ENOMEM) {
			t.Errorf("RLIMIT_AS: %v", err)
		}
	})
}

// model is a naive address space: one entry a page.
type model map[uint64]struct {
	prot mem.Prot
	val  byte
}

// TestAgainstModel compares random operations with a page-by-page model.
func TestAgainstModel(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		const base, pages = uint64(1 << 32), 64
		rnd := rand.New(rand.NewPCG(1, 2))
		m := model{}
		for step := range 3000 {
			first := rnd.Uint64N(pages)
			n := 1 + rnd.Uint64N(min(8, pages-first))
			addr := base + first*page
			prot := []mem.Prot{mem.None, mem.Read, mem.Read | mem.Write, mem.Read | mem.Exec}[rnd.IntN(4)]
			switch rnd.IntN(4) {
			case 0:
				mustMap(t, s, mem.Request{Addr: addr, Len: n * page, Prot: prot, Flags: mem.MapFixed})
				m.set(addr, n, prot, true)
			case 1:
				if err := s.Munmap(addr, n*page); err != nil {
					t.Fatal(err)
				}
				for i := range n {
					delete(m, addr+i*page)
				}
			case 2:
				want := m.set(addr, n, prot, false)
				if err := s.Mprotect(addr, n*page, prot); (err == nil) != want {
					t.Fatalf("step %d: mprotect: %v, model %v", step, err, want)
				}
			case 3:
				e, mapped := m[addr]
				ok := mapped && e.prot&mem.Write != 0
				if f := s.Store(addr+7, 1, uint64(step&0xff)); (f == nil) != ok {
					t.Fatalf("step %d: store: %v, model %v", step, f, ok)
				}
				if ok {
					e.val = byte(step)
					m[addr] = e
				}
			}
			m.compare(t, s, base, pages, step)
		}
	})
}

// set changes the permissions of n pages; with fresh they are mapped anew. It
// stops at the first hole, as mprotect does, and reports whether there was none.
func (m model) set(addr, n uint64, prot mem.Prot, fresh bool) bool {
	for i := range n {
		e, ok := m[addr+i*page]
		if fresh {
			e.val = 0
		} else if !ok {
			return false
		}
		e.prot = prot
		m[addr+i*page] = e
	}
	return true
}

func (m model) compare(t *testing.T, s *mem.Space, base, pages uint64, step int) {
	for i := range pages {
		a := base + i*page
		e, mapped := m[a]
		v, found := s.Lookup(a)
		if found != mapped || found && v.Prot != e.prot {
			t.Fatalf("step %d: page %#x: VMA %v %v, model %v %v", step, a, found, v.Prot, mapped, e.prot)
		}
		if step%16 != 0 {
			continue
		}
		got, f := s.Load(a+7, 1)
		if readable := mapped && e.prot != mem.None; readable != (f == nil) || readable && byte(got) != e.val {
			t.Fatalf("step %d: page %#x holds %d, %v; model %d, mapped %v", step, a, got, f, e.val, mapped)
		}
	}
	var last *mem.VMA
	for _, v := range s.VMAs() {
		if last != nil && (last.End > v.Start || last.End == v.Start && last.Prot == v.Prot) {
			t.Fatalf("step %d: VMAs %+v and %+v overlap or should be one", step, *last, v)
		}
		last = &v
	}
}

func TestReadString(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: 2 * page, Prot: mem.Read | mem.Write})
		long := strings.Repeat("x", 300)
		_ = s.CopyOut(a+2*page-301, append([]byte(long), 0))
		if got, err := s.ReadString(a+2*page-301, 4096); got != long || err != nil {
			t.Errorf("ReadString = %d bytes, %v", len(got), err)
		}
		_ = s.CopyOut(a+2*page-1, []byte{'x'})
		if _, err := s.ReadString(a+2*page-301, 4096); !errors.Is(err, syscall.EFAULT) {
			t.Errorf("unterminated at the end: %v", err)
		}
		if _, err := s.ReadString(a+2*page-301, 100); !errors.Is(err, syscall.ENAMETOOLONG) {
			t.Errorf("too long: %v", err)
		}
	})
}

func TestSpansAcrossVMAs(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		const base = 1 << 33
		for i := range uint64(4) { // out of order, so that host memory is scattered
			mustMap(t, s, mem.Request{Addr: base + (i^2)*page, Len: page, Prot: mem.Read | mem.Write, Flags: mem.MapFixed})
		}
		want := make([]byte, 4*page-10)
		for i := range want {
			want[i] = byte(i * 7)
		}
		if f := s.CopyOut(base+5, want); f != nil {
			t.Fatal(f)
		}
		got := make([]byte, len(want))
		if f := s.CopyIn(got, base+5); f != nil || !bytes.Equal(got, want) {
			t.Errorf("round trip differs, %v", f)
		}
	})
}

func ExampleProt_String() {
	fmt.Println(mem.Read|mem.Write, mem.Read|mem.Exec, mem.None)
	// Output: rw- r-x ---
}
