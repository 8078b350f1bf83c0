//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// maxResidency is the most memory whose residency is looked up, in bytes: a
// reservation may be huge.
const maxResidency = 1 << 32

// residentBytes is how much of b, which is page aligned, is in the host's memory.
func residentBytes(b []byte) (n uint64) {
	b = b[:min(len(b), maxResidency)]
	vec := make([]byte, (len(b)+mem.PageSize-1)/mem.PageSize)
	if len(vec) == 0 {
		return 0
	}
	_, _, e := syscall.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(unsafe.Pointer(&vec[0])))
	if e != 0 {
		return 0
	}
	for _, v := range vec {
		n += uint64(v&1) * mem.PageSize
	}
	return n
}
