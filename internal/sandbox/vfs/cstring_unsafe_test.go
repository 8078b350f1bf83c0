//go:build linux

package vfs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cstring is the address of a C string for a system call that is made at once.
func cstring(s string) uintptr {
	p, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	return uintptr(unsafe.Pointer(p))
}
