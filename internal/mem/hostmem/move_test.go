//go:build linux

package hostmem

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// TestMoveLeavesNoHole: whatever is moved, nobody else can be given the place where it was.
func TestMoveLeavesNoHole(t *testing.T) {
	const page, rw = mem.PageSize, mem.Read | mem.Write
	fd, err := unix.MemfdCreate("moved", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, 8*page); err != nil {
		t.Fatal(err)
	}
	base, size, err := Reserve(0, LeastSpace, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Release(base, size)
	for name, src := range map[string]mem.Source{"private": {FD: -1}, "of a file": {FD: fd}, "shared": {FD: fd, Shared: true}} {
		for _, newLen := range []uint64{2 * page, 4 * page, 6 * page} {
			from, to := base+16*page, base+64*page
			if err := Map(from, 4*page, rw, src); err != nil {
				t.Fatal(err)
			}
			if err := Protect(from+page, page, mem.Read); err != nil { // several mappings to the host
				t.Fatal(err)
			}
			Store(Pointer(from), 8, newLen)
			if err := Move(from, 4*page, to, newLen, false); err != nil {
				t.Errorf("%s to %d bytes: %v", name, newLen, err)
			}
			if v := Load(Pointer(to), 8); v != newLen {
				t.Errorf("%s to %d bytes: has become %d", name, newLen, v)
			}
			if !src.Shared && src.FD < 0 && newLen > 4*page && Load(Pointer(to+5*page), 8) != 0 {
				t.Errorf("%s to %d bytes: not empty at its end", name, newLen)
			}
			for off := uintptr(0); off < 4*page; off += page {
				if err := ReserveAt(from+off, page); !errors.Is(err, syscall.EEXIST) {
					t.Errorf("%s to %d bytes: a hole at %#x: %v", name, newLen, off, err)
				}
			}
			for _, p := range []uintptr{from, to} {
				if err := Discard(p, 6*page); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
