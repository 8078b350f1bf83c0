//go:build linux && amd64

package engine

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
)

const testAddr = 0x20000

// newSpace returns a space with a page of private memory at testAddr.
func newSpace(t testing.TB) *mem.Space {
	old := debug.SetPanicOnFault(true)
	t.Cleanup(func() { debug.SetPanicOnFault(old) })
	m, err := offset.New(1 << 32)
	if err != nil {
		t.Fatal(err)
	}
	as := mem.New(m, mem.PageSize, 1<<20)
	t.Cleanup(func() { as.Close() })
	mapPage(t, as, testAddr, mem.MapFixed)
	return as
}

func mapPage(t testing.TB, as *mem.Space, addr uint64, flags mem.Flags) {
	t.Helper()
	if _, err := as.Mmap(mem.Request{Addr: addr, Len: mem.PageSize, Prot: mem.Read | mem.Write, Flags: flags}); err != nil {
		t.Fatal(err)
	}
}

// stores is a run that makes some stores: addresses, sizes and values.
func stores(t *testing.T, as *mem.Space, list ...[3]uint64) (e effects) {
	t.Helper()
	for _, s := range list {
		old, f := as.Load(s[0], int(s[1]))
		if f != nil {
			t.Fatal(f)
		}
		e.note(s[0], old, int(s[1]))
		as.Store(s[0], int(s[1]), s[2])
	}
	if !e.end(as) {
		t.Fatal("memory is gone")
	}
	return e
}

// TestEffects: stores that overlap, and cross words, become words; undone they are what
// was there before the first one.
func TestEffects(t *testing.T) {
	as := newSpace(t)
	as.Store(testAddr, 8, 0x1122334455667788)
	as.Store(testAddr+8, 8, 0x99aabbccddeeff00)
	e := stores(t, as, [3]uint64{testAddr, 1, 1}, [3]uint64{testAddr + 6, 4, 0x04030201}, [3]uint64{testAddr + 7, 1, 5}, [3]uint64{testAddr, 1, 0x88})
	want := effects{
		{Addr: testAddr, Mask: 0xffff0000000000ff, Before: 0x1122334455667788, After: 0x0501334455667788},
		{Addr: testAddr + 8, Mask: 0xffff, Before: 0x99aabbccddeeff00, After: 0x99aabbccddee0403},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !e.undo(as) {
		t.Error("not undone")
	}
	for _, w := range want {
		if v, _ := as.Load(w.Addr, 8); v != w.Before {
			t.Errorf("%#x has %x, want %x", w.Addr, v, w.Before)
		}
	}
	for start, want := range map[uint64]bool{testAddr - 8: false, testAddr - 1: true, testAddr + 15: true, testAddr + 16: false} {
		if e.overlap(start, start+8) != want {
			t.Errorf("overlap from %#x is %v", start, !want)
		}
	}
}

// TestUndoChanged: what somebody else has changed is not undone, and nothing else is then.
func TestUndoChanged(t *testing.T) {
	as := newSpace(t)
	e := stores(t, as, [3]uint64{testAddr, 8, 1}, [3]uint64{testAddr + 8, 8, 2}, [3]uint64{testAddr + 16, 8, 3})
	as.Store(testAddr+8, 8, 7)
	if e.undo(as) {
		t.Error("undone")
	}
	for k, want := range []uint64{1, 7, 3} {
		if v, _ := as.Load(testAddr+8*uint64(k), 8); v != want {
			t.Errorf("word %d is %d, want %d", k, v, want)
		}
	}
	if as.Munmap(testAddr, mem.PageSize); e.end(as) || e.undo(as) {
		t.Error("there is no memory")
	}
}

// TestMarks: exactly the pages of shared mappings are marked, whatever becomes of them.
func TestMarks(t *testing.T) {
	as := newSpace(t)
	shared := uint64(testAddr + 4*mem.PageSize)
	mapPage(t, as, shared, mem.MapFixed|mem.MapShared)
	m, err := newMarks(as, 1<<32)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, want ...uint64) {
		t.Helper()
		var got []uint64
		for k, v := range m {
			if v != 0 {
				got = append(got, uint64(k-guardMarks)*mem.PageSize)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("at first", shared)
	mapPage(t, as, shared+mem.PageSize, mem.MapFixed|mem.MapShared)
	check("another", shared, shared+mem.PageSize)
	mapPage(t, as, shared, mem.MapFixed)
	check("replaced", shared+mem.PageSize)
	to, err := as.Mremap(shared+mem.PageSize, mem.PageSize, mem.PageSize, mem.RemapMayMove|mem.RemapFixed, shared+8*mem.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	check("moved", to)
	if err := as.Munmap(testAddr, 100*mem.PageSize); err != nil {
		t.Fatal(err)
	}
	check("unmapped")
}
