//go:build linux

package mem_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
)

// TestMremapEdges has sizes and ranges in which mremap(2) of Linux differs from
// what one would expect. Random operations found them.
func TestMremapEdges(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		base := mustMap(t, s, mem.Request{Len: 8 * page, Prot: mem.Read | mem.Write})
		if err := s.Mprotect(base+page, page, mem.Read); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name             string
			old, oldLen, new uint64
			flags            mem.RemapFlags
			to               uint64
			want             error
		}{
			{"stays mapped, equal when rounded", base, page, page - 7, mem.RemapMayMove | mem.RemapDontUnmap, 0, nil},
			{"equal when rounded", base, page - 5, page, 0, 0, nil},
			{"equal over several mappings", base, 4 * page, 4 * page, 0, 0, nil},
			{"shrinks over several mappings", base, 8 * page, 7 * page, 0, 0, nil},
			{"grows over several mappings", base, 2 * page, 9 * page, mem.RemapMayMove, 0, syscall.EFAULT},
			{"overlaps itself and is not mapped", base + 7*page, page, page, mem.RemapMayMove | mem.RemapFixed, base + 7*page, syscall.EINVAL},
		} {
			if _, err := s.Mremap(c.old, c.oldLen, c.new, c.flags, c.to); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		if s.Covered(base, 8*page) || !s.Covered(base, 7*page) {
			t.Error("shrinking has not removed exactly the last page")
		}
	})
}

// TestMremapPieces moves and grows what is one mapping to the guest and several to
// the host: pages that were moved after they had been written to do not merge with
// those that are added behind them.
func TestMremapPieces(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		old := mustMap(t, s, mem.Request{Len: 2 * page, Prot: mem.Read | mem.Write})
		for i := range uint64(2) {
			_ = s.Store(old+i*page, 8, 100+i)
		}
		room := mustMap(t, s, mem.Request{Len: 64 * page})
		if err := s.Munmap(room, 64*page); err != nil {
			t.Fatal(err)
		}
		a, err := s.Mremap(old, 2*page, 2*page, mem.RemapMayMove|mem.RemapFixed, room)
		for n := uint64(2); n < 16 && err == nil; n++ { // grows in place, page by page
			if a, err = s.Mremap(a, n*page, (n+1)*page, 0, 0); err == nil && a == room {
				_ = s.Store(a+n*page, 8, 100+n)
			}
		}
		if err != nil || a != room {
			t.Fatalf("at %#x instead of %#x: %v", a, room, err)
		}
		b, err := s.Mremap(a, 16*page, 32*page, mem.RemapMayMove|mem.RemapFixed, room+20*page)
		if err != nil || b != room+20*page {
			t.Fatalf("at %#x instead of %#x: %v", b, room+20*page, err)
		}
		for i := range uint64(32) {
			want := 100 + i
			if i >= 16 {
				want = 0
			}
			if v, f := s.Load(b+i*page, 8); v != want || f != nil {
				t.Errorf("page %d: %d, want %d, %v", i, v, want, f)
			}
		}
	})
}
