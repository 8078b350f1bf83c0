package table

import (
	"math/rand/v2"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
)

const page = mem.PageSize

func newMapping(t *testing.T) *Mapping {
	t.Helper()
	m, err := New(1 << 38)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// TestNeighbours: what comes behind a page in host memory is the guest's next page, or
// nothing at all, after whatever sequence of calls. So whoever has looked up the beginning of an access
// may make all of it.
func TestNeighbours(t *testing.T) {
	m := newMapping(t)
	r := rand.New(rand.NewPCG(1, 0))
	place := func() (addr, n uint64) { return 1<<20 + r.Uint64N(200)*page, (1 + r.Uint64N(20)) * page }
	for range 3000 {
		addr, n := place()
		var err error
		switch r.IntN(6) {
		case 0, 1, 2:
			err = m.Map(addr, n, mem.Prot(r.IntN(4)), mem.Source{FD: -1})
		case 3:
			err = m.Unmap(addr, n)
		case 4:
			err = m.Protect(addr, n, mem.Prot(r.IntN(4)))
		default:
			if in := m.find(addr, n); len(in) == 1 && in[0].n == n {
				to, _ := place()
				if to+2*n <= addr || addr+n <= to {
					err = m.Move(addr, n, to, n+page, in[0].prot, false)
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		checkNeighbours(t, m)
	}
}

func checkNeighbours(t *testing.T, m *Mapping) {
	t.Helper()
	used := map[uintptr]uint64{} // by host page: guest page
	for i, r := range m.runs {
		if i > 0 && m.runs[i-1].end() > r.guest {
			t.Fatalf("runs %+v and %+v overlap", m.runs[i-1], r)
		}
		for off := uint64(0); off < r.n; off += page {
			host := r.host + uintptr(off)
			if other, ok := used[host]; ok {
				t.Fatalf("guest pages %#x and %#x have the same memory", other, r.guest+off)
			}
			used[host] = r.guest + off
		}
	}
	for host, guest := range used {
		if next, ok := used[host+page]; ok && next != guest+page {
			t.Fatalf("behind guest page %#x is %#x", guest, next)
		}
	}
}

// TestEntries: the table says what the runs say, or nothing, after much has been unmapped at once.
func TestEntries(t *testing.T) {
	m := newMapping(t)
	const addr, n = 1<<20 + page, 128 << 20
	if err := m.Map(addr, n, mem.Read|mem.Write, mem.Source{FD: -1}); err != nil {
		t.Fatal(err)
	}
	touch := []uint64{addr, addr + n/2, addr + n/2 + 8*page, addr + n - 16*page, addr + n - page}
	for i, at := range touch {
		m.Store(at, 8, uint64(i))
	}
	if e := m.entry(addr - page); e != 0 {
		t.Errorf("the entry before is %#x", e)
	}
	if err := m.Protect(addr+n/2, page, mem.Read); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.lookup(addr+n/2, mem.Write); ok {
		t.Error("what is only for reading can be written")
	}
	if err := m.Unmap(addr, n-8*page); err != nil {
		t.Fatal(err)
	}
	for i, at := range touch {
		switch e := m.pages.At(at); {
		case at < addr+n-8*page && e != 0:
			t.Errorf("%#x is not there, and its entry is %#x", at, e)
		case at >= addr+n-8*page && m.Load(at, 8) != uint64(i):
			t.Errorf("%#x has lost what was stored", at)
		}
	}
}
