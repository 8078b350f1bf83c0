//go:build linux

package sandbox

import (
	"errors"
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Guest memory: everything that comes from there is copied before it is looked at, for other
// threads may change it.

// copyIn returns n bytes of guest memory. Memory that is not there is refused before room is
// made for a copy of it.
func (t *Task) copyIn(addr, n uint64) ([]byte, syscall.Errno) {
	if n == 0 {
		return nil, 0
	}
	if n > 1<<16 && !t.Mem.Covered(addr, n) {
		return nil, syscall.EFAULT
	}
	b := make([]byte, n)
	if t.Mem.CopyIn(b, addr) != nil {
		return nil, syscall.EFAULT
	}
	return b, 0
}

// copyOut writes to guest memory.
func (t *Task) copyOut(addr uint64, b []byte) syscall.Errno {
	if len(b) == 0 {
		return 0
	}
	return faultErrno(t.Mem.CopyOut(addr, b))
}

// readObject reads fixed-size little-endian data into v.
func (t *Task) readObject(addr uint64, v any) syscall.Errno {
	return faultErrno(t.Mem.ReadObject(addr, v))
}

// writeObject writes v, which is of fixed size.
func (t *Task) writeObject(addr uint64, v any) syscall.Errno {
	return faultErrno(t.Mem.WriteObject(addr, v))
}

// pathMax is PATH_MAX: the longest path name in bytes, with the NUL.
const pathMax = 4096

// readPath reads a path name.
func (t *Task) readPath(addr uint64) (string, syscall.Errno) {
	s, err := t.Mem.ReadString(addr, pathMax)
	return s, errnoOf(err)
}

// errnoOf returns the Errno that an error is or wraps: 0 for nil, EIO if there is none.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return syscall.EIO
}

// faultErrno is EFAULT if there was a fault.
func faultErrno(f *mem.Fault) syscall.Errno {
	if f != nil {
		return syscall.EFAULT
	}
	return 0
}
