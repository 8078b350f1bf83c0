//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Users, groups and capabilities. They belong to a thread, as in the kernel: it is
// the C library that makes all threads of a process change them. So these calls are
// the host's on the calling thread only, not Go's, which would reach all of them.

// inheritedCall is hostCall for calls that change what new threads inherit.
func inheritedCall(nr uintptr) Handler {
	do := hostCall(nr)
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		r, e := do(t, c)
		if e == 0 {
			t.P.attributesChanged.Store(true)
		}
		return r, e
	}
}

// Sizes of the data of capget(2): version 1 has 32 capabilities, later ones 64.
const (
	capData32 = 12
	capData64 = 24
)

func sysCapget(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.capCall(unix.SYS_CAPGET, c, mem.Write)
}

func sysCapset(t *Task, c *Call) (uint64, syscall.Errno) {
	r, e := t.capCall(unix.SYS_CAPSET, c, mem.Read)
	if e == 0 {
		t.P.attributesChanged.Store(true)
	}
	return r, e
}

// capCall hands over header and data, whose size the header tells.
func (t *Task) capCall(nr uintptr, c *Call, access mem.Prot) (uint64, syscall.Errno) {
	var hdr unix.CapUserHeader
	if f := t.Mem.ReadObject(c.Args[0], &hdr); f != nil {
		return 0, syscall.EFAULT
	}
	m := marshaller{t: t}
	defer m.finish()
	header, e := m.buffer(c.Args[0], 8, mem.Write, true) // the kernel writes the version it prefers
	if e != 0 {
		return 0, e
	}
	size := uint64(capData64)
	if hdr.Version == unix.LINUX_CAPABILITY_VERSION_1 {
		size = capData32
	}
	var data uintptr
	if c.Args[1] != 0 {
		if data, e = m.buffer(c.Args[1], size, access, access == mem.Read); e != 0 {
			return 0, e
		}
	}
	return t.Syscall(nr, header, data)
}
