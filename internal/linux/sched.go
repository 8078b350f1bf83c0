//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Sizes of struct sched_attr: of its first version, and of the one with utilisation clamps.
const (
	schedAttrSize0   = 48
	schedAttrSize    = 56
	schedAttrMaxSize = mem.PageSize
)

// sysSchedSetattr hands over a structure that tells its own size.
func sysSchedSetattr(t *Task, c *Call) (uint64, syscall.Errno) {
	addr := c.Args[1]
	if addr == 0 {
		return 0, syscall.EINVAL
	}
	size, f := t.Mem.Load(addr, 4)
	if f != nil {
		return 0, syscall.EFAULT
	}
	if size == 0 {
		size = schedAttrSize0
	}
	if size < schedAttrSize0 || size > schedAttrMaxSize {
		if f := t.Mem.Store(addr, 4, schedAttrSize); f != nil {
			return 0, syscall.EFAULT
		}
		return 0, syscall.E2BIG
	}
	m := marshaller{t: t}
	p, e := m.buffer(addr, size, mem.Read, true)
	if e != 0 {
		return 0, e
	}
	r, e := t.Syscall(unix.SYS_SCHED_SETATTR, uintptr(c.Int(0)), p, uintptr(c.Uint(2)))
	m.finish()
	if e == 0 {
		t.P.attributesChanged.Store(true)
	}
	return r, e
}

// membarrier(2) commands that restartable sequences need (linux/membarrier.h).
const (
	membarrierSyncCore     = 1 << 5
	membarrierRseq         = 1 << 7
	membarrierRegisterRseq = 1 << 8
)

// sysMembarrier orders the memory accesses of the host's threads, which are the
// guest's; where code is concerned it makes all threads read it afresh. There are no
// restartable sequences here.
func sysMembarrier(t *Task, c *Call) (uint64, syscall.Errno) {
	const rseq = membarrierRseq | membarrierRegisterRseq
	cmd := c.Int(0)
	if cmd&rseq != 0 {
		return 0, syscall.EINVAL
	}
	r, e := t.Syscall(unix.SYS_MEMBARRIER, uintptr(cmd), uintptr(c.Uint(1)), uintptr(c.Int(2)))
	switch {
	case e != 0:
		return 0, e
	case cmd == 0: // MEMBARRIER_CMD_QUERY
		r &^= rseq
	case cmd == membarrierSyncCore:
		t.P.FlushCode()
	}
	return r, e
}
