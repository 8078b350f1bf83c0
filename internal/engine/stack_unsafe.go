//go:build linux && amd64

package engine

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of a CPU's stack of return addresses, in bytes; a guard is below it.
const (
	stackSize  = 64 << 10
	stackGuard = 4 << 10
)

// allocateStack gives the CPU its stack of return addresses, as long as it is in use.
func (c *CPU) allocateStack() error {
	b, err := unix.Mmap(-1, 0, stackGuard+stackSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		err = unix.Mprotect(b[:stackGuard], unix.PROT_NONE)
	}
	if err != nil {
		return fmt.Errorf("no memory for a stack: %w", err)
	}
	runtime.AddCleanup(c, func(b []byte) { _ = unix.Munmap(b) }, b)
	last := b[len(b)-8:]
	binary.LittleEndian.PutUint64(last, uint64(c.m.cache.Host(uint32(c.m.comp.Stubs.Return))))
	c.ctx.SetStack(uintptr(unsafe.Pointer(&last[0])))
	return nil
}
