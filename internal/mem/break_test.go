//go:build linux

package mem_test

import (
	"fmt"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
)

// TestBreaks: code is fetched up to breakpoints only, and who keeps code is told of them.
func TestBreaks(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		a := mustMap(t, s, mem.Request{Len: page, Prot: mem.Read | mem.Exec})
		var told []string
		s.Watch(func(addr, n uint64) { told = append(told, fmt.Sprintf("%d+%d", addr-a, n)) })
		s.SetBreaks([]uint64{a + 40, a + 8, a + 40})
		s.SetBreaks([]uint64{a + 16, a + 8})
		if want := "[7+3 39+3 39+3 15+3]"; fmt.Sprint(told) != want {
			t.Errorf("told of %v, want %s", told, want)
		}
		for _, c := range []struct {
			addr uint64
			n    int
			want mem.FaultKind
		}{{a, 8, mem.Break}, {a + 4, 4, mem.Break}, {a + 8, 0, mem.Break}, {a + 10, 6, mem.Break}, {a + page - 4, 4, mem.MapErr}} {
			n, f := s.Fetch(c.addr, make([]byte, 16))
			if n != c.n || f == nil || f.Kind != c.want || f.Addr != c.addr+uint64(c.n) {
				t.Errorf("fetch at %#x: %d bytes, %v", c.addr-a, n, f)
			}
			if n, f := s.FetchThrough(a, make([]byte, 16)); n != 16 || f != nil {
				t.Errorf("without breakpoints: %d bytes, %v", n, f)
			}
		}
		if n, f := s.Fetch(a, make([]byte, 8)); n != 8 || f != nil {
			t.Errorf("up to a breakpoint: %d bytes, %v", n, f)
		}
		if !s.HasBreak(a+8) || s.HasBreak(a+40) {
			t.Error("HasBreak")
		}
		s.SetBreaks(nil)
		if n, f := s.Fetch(a, make([]byte, 64)); n != 64 || f != nil {
			t.Errorf("without any: %d bytes, %v", n, f)
		}
	})
}

func TestWatches(t *testing.T) {
	eachMapping(t, func(t *testing.T, s *mem.Space) {
		if _, _, ok := s.Watched(0, 8, mem.Read); ok || s.Watches() {
			t.Error("watched without anything")
		}
		s.SetWatches([]mem.Watch{{Range: mem.Range{Start: 100, End: 104}, Prot: mem.Write}, {Range: mem.Range{Start: 200, End: 201}, Prot: mem.Read | mem.Write}})
		for _, c := range []struct {
			addr, n uint64
			access  mem.Prot
			at      uint64
		}{
			{96, 4, mem.Write, 0}, {96, 5, mem.Write, 100}, {103, 8, mem.Write, 103}, {104, 8, mem.Write, 0}, {100, 4, mem.Read, 0},
			{192, 64, mem.Read, 200}, {200, 1, mem.Read | mem.Write, 200}, {100, 0, mem.Write, 0},
		} {
			if at, _, ok := s.Watched(c.addr, c.n, c.access); ok != (c.at != 0) || at != c.at {
				t.Errorf("%d bytes at %d, %s: %d", c.n, c.addr, c.access, at)
			}
		}
	})
}
