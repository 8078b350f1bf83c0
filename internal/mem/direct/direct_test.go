//go:build linux

package direct

import (
	"errors"
	"reflect"
	"syscall"
	"testing"

	"github.com/hospes-vm/hospes/internal/mem"
)

// TestTaken: what is in the way, here the test's own executable, the guest does not get, and
// cannot break.
func TestTaken(t *testing.T) {
	own := uint64(reflect.ValueOf(TestTaken).Pointer()) &^ (mem.PageSize - 1)
	if own >= MaxLimit {
		t.Skip("the test is linked above the guest's addresses")
	}
	m, err := New(MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	s := mem.New(m, mem.PageSize, 8<<20)
	defer s.Close()
	if at, err := s.Mmap(mem.Request{Addr: own, Len: mem.PageSize, Flags: mem.MapFixed, Prot: mem.Read}); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("the guest gets %#x: %v", at, err)
	}
	hinted, err := s.Mmap(mem.Request{Addr: own, Len: mem.PageSize, Prot: mem.Read})
	if err != nil || hinted == own {
		t.Errorf("a hint gives %#x, %v", hinted, err)
	}
	below, err := s.Mmap(mem.Request{Addr: mem.MinAddr, Len: mem.PageSize, Flags: mem.MapFixed, Prot: mem.Read | mem.Write})
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Store(below, 8, 1); f != nil {
		t.Error(f)
	}
	if p, ok := m.GuestAddr(uintptr(below)); !ok || p != below {
		t.Errorf("guest address %#x is host address %#x", p, below)
	}
	for _, addr := range []uint64{0, 8, 4095, mem.MinAddr - 8} {
		if _, f := s.Load(addr, 8); f == nil || f.Kind != mem.MapErr {
			t.Errorf("a load from %#x: %v", addr, f)
		}
	}
	if _, err := s.Mremap(below, mem.PageSize, mem.PageSize, mem.RemapMayMove|mem.RemapFixed, own); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("mremap to %#x: %v", own, err)
	}
	if err := s.Munmap(below, MaxLimit/2); err != nil {
		t.Error(err)
	}
	if n := len(m.Taken()); n == 0 || n > 3 { // the executable, its data, and Go's heap
		t.Errorf("%d ranges are taken: %#x", n, m.Taken())
	}
}
