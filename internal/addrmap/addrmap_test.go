package addrmap

import (
	"math/rand/v2"
	"testing"
)

// TestAgainstMap does the same things with a Map and with one of Go's.
func TestAgainstMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		var m Map[int]
		want := map[uint64]*int{}
		key := func() uint64 { return r.Uint64N(4000) << (seed % 5 * 10) }
		for range 20000 {
			switch k := key(); r.IntN(3) {
			case 0, 1:
				v := new(int)
				m.Set(k, v)
				want[k] = v
			case 2:
				m.Delete(k)
				delete(want, k)
			}
			if k := key(); m.Get(k) != want[k] {
				t.Fatalf("seed %d: Get(%#x) = %p, want %p", seed, k, m.Get(k), want[k])
			}
		}
		n := 0
		for k, v := range m.All() {
			if want[k] != v {
				t.Fatalf("seed %d: All has %p for %#x, want %p", seed, v, k, want[k])
			}
			n++
		}
		if n != len(want) || m.n != n {
			t.Fatalf("seed %d: %d entries, counted as %d, want %d", seed, n, m.n, len(want))
		}
	}
}

// TestDeleteAround deletes keys whose entries lie around the end of the table.
func TestDeleteAround(t *testing.T) {
	var m Map[int]
	m.Set(0, new(int))
	var last []uint64 // keys at home in the last entry
	for k := uint64(1); len(last) < 5; k++ {
		if m.home(k) == leastSize-1 {
			last = append(last, k)
		}
	}
	for _, k := range last {
		m.Set(k, new(int))
	}
	for n, k := range last {
		m.Delete(k)
		for _, other := range last[n+1:] {
			if m.Get(other) == nil {
				t.Fatalf("%#x is gone with %#x", other, k)
			}
		}
	}
	if m.Get(0) == nil || m.n != 1 {
		t.Fatalf("%d entries are left", m.n)
	}
}

// TestEmpty looks in a map that has never had anything.
func TestEmpty(t *testing.T) {
	var m Map[int]
	m.Delete(1)
	if m.Get(1) != nil {
		t.Fatal("there is something")
	}
}
