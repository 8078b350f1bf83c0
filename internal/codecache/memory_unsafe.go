//go:build linux

package codecache

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// store32 writes the first four bytes of b in one access, which others see as one
// unless it crosses a cache line.
func store32(b []byte, v uint32) {
	_ = b[3]
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&b[0])), v)
}

// store64 does the same with eight bytes, which are aligned.
func store64(b []byte, v uint64) {
	_ = b[7]
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&b[0])), v)
}

// mapOver puts a mapping of a file in the place of a mapping.
func mapOver(b []byte, fd, prot int) error {
	at := unsafe.Pointer(unsafe.SliceData(b))
	_, err := unix.MmapPtr(fd, 0, at, uintptr(len(b)), prot, unix.MAP_SHARED|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("no executable memory: %w", err)
	}
	return nil
}
