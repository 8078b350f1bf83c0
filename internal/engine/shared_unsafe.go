//go:build linux && amd64

package engine

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/mem"
)

// marks are a byte for each 1<<jit.MarkShift bytes of the guest's memory and of the guards
// around it: not 0 for those of shared mappings.
type marks []byte

const guardMarks = mem.Guard >> jit.MarkShift

// newMarks returns the marks of a space whose window ends at limit, which it keeps up to date.
func newMarks(as *mem.Space, limit uint64) (marks, error) {
	n := limit>>jit.MarkShift + 2*guardMarks
	m, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("no memory for marks of shared pages: %w", err)
	}
	as.WatchShared(marks(m).set)
	return m, nil
}

// set marks memory.
func (m marks) set(addr, n uint64, shared bool) {
	first := guardMarks + addr>>jit.MarkShift
	list := m[first : first+n>>jit.MarkShift]
	for k := range list {
		list[k] = 0
		if shared {
			list[k] = 1
		}
	}
}

// first is the address of the mark of guest address 0.
func (m marks) first() uintptr { return uintptr(unsafe.Pointer(&m[guardMarks])) }
