//go:build linux

package codecache

import (
	"sync/atomic"
	"unsafe"
)

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// store32 writes the first four bytes of b in one access, which others see as one
// unless it crosses a cache line.
func store32(b []byte, v uint32) {
	_ = b[3]
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&b[0])), v)
}
