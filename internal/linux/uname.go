//go:build linux && amd64

package linux

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// oldestRelease is the least that uname(2) says. Most of what a guest finds is the
// host kernel's doing, so the release is the host's; but C libraries refuse to
// start on kernels older than the first that knew their machine.
const oldestRelease = "6.6.0"

// sysUname gives the host's names, except for the machine.
func sysUname(t *Task, c *Call) (uint64, syscall.Errno) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return 0, errnoOf(err)
	}
	if release := cstr(u.Release[:]); olderRelease(release, oldestRelease) {
		setCstr(u.Release[:], oldestRelease)
	}
	setCstr(u.Machine[:], t.P.Arch.Name())
	return 0, faultErrno(t.Mem.WriteObject(c.Args[0], &u))
}

// olderRelease compares kernel releases by their first two numbers.
func olderRelease(a, b string) bool {
	aMajor, aMinor := releaseNumbers(a)
	bMajor, bMinor := releaseNumbers(b)
	return aMajor < bMajor || aMajor == bMajor && aMinor < bMinor
}

func releaseNumbers(s string) (major, minor int) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) > 0 {
		major, _ = strconv.Atoi(parts[0])
	}
	if len(parts) > 1 {
		minor, _ = strconv.Atoi(parts[1])
	}
	return major, minor
}

// cstr is the part of b before the first NUL.
func cstr(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// setCstr fills b with s, cut to fit, and NULs.
func setCstr(b []byte, s string) {
	clear(b)
	copy(b[:len(b)-1], s)
}
