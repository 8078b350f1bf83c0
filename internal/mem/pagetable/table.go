// Package pagetable is a page table that accessors and translated code read without a
// lock: an entry for each guest page says where the page lies in host memory, and what may
// be done there. What an entry does not allow is for others to decide, who may know more.
package pagetable

import (
	"sync/atomic"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Table has the entries of all guest pages below some address. An entry is the host's
// address of the page minus the guest's in the upper bits, and mem.Prot and Present in the
// lower ones, or 0. The table itself costs nothing where it has not been written.
type Table []atomic.Uint64

const (
	Shift   = 12        // of a page's size
	Present = uint64(8) // mapped, whatever the permissions

	flags = mem.PageSize - 1
)

// Entry is the entry of a page at a guest address. What can be written can be read.
func Entry(host uintptr, guest uint64, prot mem.Prot) uint64 {
	if prot&mem.Write != 0 {
		prot |= mem.Read
	}
	return uint64(host) - guest | Present | uint64(prot)
}

// At is the entry of addr.
func (t Table) At(addr uint64) uint64 {
	if n := addr >> Shift; n < uint64(len(t)) {
		return t[n].Load()
	}
	return 0
}

// Allows reports whether an entry allows an access; mem.None asks for a page only.
func Allows(entry uint64, access mem.Prot) bool {
	want := uint64(access) | Present
	return entry&want == want
}

// Host is the host's address of addr, whose entry this is.
func Host(entry, addr uint64) uintptr { return uintptr(entry&^flags + addr) }

// Range is the part of the table for [addr, addr+n).
func (t Table) Range(addr, n uint64) Table {
	size := uint64(len(t))
	return t[min(addr>>Shift, size):min((addr+n)>>Shift, size)]
}

// Set makes all entries e.
func (t Table) Set(e uint64) {
	for i := range t {
		t[i].Store(e)
	}
}

// Extent says where the table is in host memory, and which addresses have entries: the
// entry of addr, if that is below limit, is the word at base + addr>>Shift*8.
func (t Table) Extent() (base uintptr, limit uint64) {
	return uintptr(unsafe.Pointer(unsafe.SliceData(t))), uint64(len(t)) << Shift
}
