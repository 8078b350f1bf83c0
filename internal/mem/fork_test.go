//go:build linux

package mem_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/mem/table"
)

// TestForkInto: a copy has what the original has, with the same permissions, and goes its own way.
func TestForkInto(t *testing.T) {
	for name, open := range map[string]func() mem.Mapping{
		"offset": func() mem.Mapping { m, _ := offset.New(1 << 38); return m },
		"table":  func() mem.Mapping { m, _ := table.New(1 << 38); return m },
	} {
		t.Run(name, func(t *testing.T) {
			budget := mem.NewBudget(0)
			s, child := mem.New(open(), page, 8<<20), mem.New(open(), page, 8<<20)
			defer s.Close()
			defer child.Close()
			s.SetBudget(budget)
			child.SetBudget(budget)
			random := rand.New(rand.NewPCG(1, 2))
			contents := map[uint64][]byte{}
			for _, prot := range []mem.Prot{mem.Read | mem.Write, mem.Read, mem.None, mem.Exec, mem.Read | mem.Exec} {
				addr := mmap(t, s, 64*page, mem.Read|mem.Write)
				for range 10 {
					b := []byte{byte(random.Uint32()), 1, 2, 3}
					at := addr + random.Uint64N(64)*page + 5
					if f := s.CopyOut(at, b); f != nil {
						t.Fatal(f)
					}
					contents[at] = b
				}
				if err := s.Mprotect(addr, 64*page, prot); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.ForkInto(child); err != nil {
				t.Fatal(err)
			}
			if a, b := s.VMAs(), child.VMAs(); len(a) != len(b) {
				t.Errorf("%v, %v", a, b)
			}
			for _, v := range child.VMAs() {
				if err := child.Mprotect(v.Start, v.Len(), mem.Read|mem.Write); err != nil {
					t.Fatal(err)
				}
			}
			for at, want := range contents {
				got := make([]byte, 4)
				if f := child.CopyIn(got, at); f != nil || !bytes.Equal(got, want) {
					t.Errorf("at %#x: %v, want %v (%v)", at, got, want, f)
				}
				if f := child.Store(at, 4, 0); f != nil {
					t.Error(f)
				}
			}
			if f := s.Store(s.VMAs()[0].Start, 1, 0); f == nil {
				t.Error("a page without permissions has them after the copy")
			}
			if now, _, _ := budget.Used(); now != 2*5*64*page {
				t.Errorf("%d bytes are used", now)
			}
		})
	}
}

func mmap(t *testing.T, s *mem.Space, n uint64, prot mem.Prot) uint64 {
	t.Helper()
	addr, err := s.Mmap(mem.Request{Len: n, Prot: prot})
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// TestBudget: memory counts from when it can be accessed until it is unmapped.
func TestBudget(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		b := mem.NewBudget(100 * page)
		s.SetBudget(b)
		want := func(pages uint64) {
			t.Helper()
			if now, _, _ := b.Used(); now != pages*page {
				t.Errorf("%d bytes are used, want %d pages", now, pages)
			}
		}
		none := mmap(t, s, 1000*page, mem.None)
		want(0)
		if err := s.Mprotect(none, 200*page, mem.Read); err == nil {
			t.Error("more than there is")
		}
		for range 2 {
			if err := s.Mprotect(none, 60*page, mem.Read|mem.Write); err != nil {
				t.Error(err)
			}
			want(60)
			if err := s.Mprotect(none, 60*page, mem.None); err != nil {
				t.Error(err)
			}
		}
		want(60)
		if _, err := s.Mmap(mem.Request{Len: 41 * page, Prot: mem.Read}); err == nil {
			t.Error("more than is left")
		}
		a := mmap(t, s, 40*page, mem.Read|mem.Write)
		want(100)
		if err := s.Munmap(a+10*page, 10*page); err != nil {
			t.Error(err)
		}
		want(90)
		if _, err := s.Mremap(a, 10*page, 10*page, mem.RemapMayMove|mem.RemapFixed, a-1<<30); err != nil {
			t.Error(err)
		}
		want(90)
		s.SetBrk(none-1<<31, 0)
		if end := s.Brk(none - 1<<31 + 10*page); end != none-1<<31+10*page {
			t.Errorf("%#x", end)
		}
		want(100)
		if start := none - 1<<31; s.Brk(start+11*page) != start+10*page || s.Brk(start) != start {
			t.Error("the heap")
		}
		want(90)
		if err := s.Munmap(none, 1000*page); err != nil {
			t.Error(err)
		}
		want(30)
		if _, peak, refused := b.Used(); peak != 100*page || !refused {
			t.Errorf("at most %d, refused %v", peak, refused)
		}
	})
}

// TestDiscard: what is discarded reads as zero, if it is private and of no file.
func TestDiscard(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mmap(t, s, 3*page, mem.Read|mem.Write)
		shared, err := s.Mmap(mem.Request{Len: page, Prot: mem.Read | mem.Write, Flags: mem.MapShared})
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []uint64{a, a + page, a + 2*page, shared} {
			if f := s.Store(at, 8, 7); f != nil {
				t.Fatal(f)
			}
		}
		if err := s.Discard(a+page, page); err != nil {
			t.Error(err)
		}
		if err := s.Discard(shared, page); err != nil {
			t.Error(err)
		}
		for at, want := range map[uint64]uint64{a: 7, a + page: 0, a + 2*page: 7, shared: 7} {
			if v, f := s.Load(at, 8); f != nil || v != want {
				t.Errorf("at %#x: %d, %v", at, v, f)
			}
		}
	})
}

// failing is a file that cannot be read.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("no") }

// TestContent: a file that the host does not have is copied into the pages of its mapping. What is behind its end
// cannot be accessed.
func TestContent(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		text := strings.Repeat("0123456789", page/4)
		f := &mem.File{FD: -1, Content: strings.NewReader(text), Path: "/text"}
		a, err := s.Mmap(mem.Request{Len: 4 * page, Prot: mem.Read, File: f, Offset: page})
		if err != nil {
			t.Fatal(err)
		}
		want := append([]byte(text[page:]), make([]byte, 2*page-(len(text)-page))...)
		got := make([]byte, 2*page)
		if f := s.CopyIn(got, a); f != nil || !bytes.Equal(got, want) {
			t.Errorf("%v, %.40q", f, got)
		}
		if f := s.Store(a, 1, 0); f == nil || f.Kind != mem.AccErr {
			t.Errorf("writing: %v", f)
		}
		if _, f := s.Load(a+2*page, 1); f == nil {
			t.Error("there is something behind the end")
		}
		if _, err := s.Mmap(mem.Request{Len: page, Prot: mem.Read, File: &mem.File{FD: -1, Content: failing{}}}); err == nil {
			t.Error("a file that cannot be read is mapped")
		}
		if _, err := s.Mmap(mem.Request{Len: page, Prot: mem.Read, Flags: mem.MapShared, File: f}); err == nil {
			t.Error("a copy is shared")
		}
	})
}
