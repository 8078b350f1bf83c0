//go:build linux && amd64

package linux

import (
	"errors"
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
)

// errnoOf returns the Errno that an error is or wraps: 0 for nil, EIO if there is none.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok { // most are, and this is cheaper
		return e
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
