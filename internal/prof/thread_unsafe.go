//go:build linux && amd64

package prof

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prctlName is prctl(PR_GET_NAME).
func prctlName(name *[16]byte) syscall.Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_NAME, uintptr(unsafe.Pointer(name)), 0)
	return e
}
