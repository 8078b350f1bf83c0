//go:build linux

package uapi

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// SetMDWE returns the bits that prctl(2)'s PR_SET_MDWE sets, where now are set.
func SetMDWE(now uint64, args *[6]uint64) (bits uint64, e syscall.Errno) {
	bits = args[1]
	const all = unix.PR_MDWE_REFUSE_EXEC_GAIN | unix.PR_MDWE_NO_INHERIT
	switch {
	case args[2]|args[3]|args[4] != 0, bits&^all != 0, bits == unix.PR_MDWE_NO_INHERIT:
		return now, syscall.EINVAL
	case now != 0 && now != bits:
		return now, syscall.EPERM
	}
	return bits, 0
}

// GetMDWE is PR_GET_MDWE, where now are set.
func GetMDWE(now uint64, args *[6]uint64) (uint64, syscall.Errno) {
	if args[1]|args[2]|args[3]|args[4] != 0 {
		return 0, syscall.EINVAL
	}
	return now, 0
}

// InheritedMDWE are the bits that children and new programs have.
func InheritedMDWE(bits uint64) uint64 {
	if bits&unix.PR_MDWE_NO_INHERIT != 0 {
		return 0
	}
	return bits
}
