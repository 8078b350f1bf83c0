//go:build linux

package codecache

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// allocate returns executable memory. It is private, so that a fork has its own.
func allocate(size int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("no executable memory: %w", err)
	}
	return mem, nil
}
