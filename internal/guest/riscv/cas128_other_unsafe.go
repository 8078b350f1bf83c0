//go:build !amd64

package riscv

import (
	"sync"
	"unsafe"
)

// cas128Mutex makes compareAndSwap128 atomic towards itself on hosts without an
// instruction for it here; narrower accesses in between are not excluded.
var cas128Mutex sync.Mutex

// compareAndSwap128 stores v at p, which is 16-byte aligned, if it holds
// expected, and returns what was there.
func compareAndSwap128(p unsafe.Pointer, expected, v [2]uint64) (old [2]uint64) {
	cas128Mutex.Lock()
	defer cas128Mutex.Unlock()
	q := (*[2]uint64)(p)
	old = *q
	if old == expected {
		*q = v
	} else {
		*q = old
	}
	return old
}
