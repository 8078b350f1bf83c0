//go:build linux && amd64

package linux

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestIoctlArgOf(t *testing.T) {
	for _, c := range []struct {
		name string
		req  uint32
		want ioctlArg
		ok   bool
	}{
		{"TCGETS", unix.TCGETS, ioctlArg{ioctlOut, 36}, true},
		{"TCGETS2", unix.TCGETS2, ioctlArg{ioctlOut, 44}, true},
		{"TIOCGPTN", unix.TIOCGPTN, ioctlArg{ioctlOut, 4}, true},
		{"TIOCSPTLCK", unix.TIOCSPTLCK, ioctlArg{ioctlIn, 4}, true},
		{"FICLONE", unix.FICLONE, ioctlArg{}, true},
		{"FICLONERANGE", unix.FICLONERANGE, ioctlArg{ioctlIn, 32}, true},
		{"FS_IOC_GETFLAGS", unix.FS_IOC_GETFLAGS, ioctlArg{ioctlOut, 4}, true},
		{"SIOCGIFFLAGS", unix.SIOCGIFFLAGS, ioctlArg{ioctlInOut, 40}, true},
		{"SIOCETHTOOL", unix.SIOCETHTOOL, ioctlArg{kind: ioctlNested}, true},
		{"SIOCADDRT", unix.SIOCADDRT, ioctlArg{kind: ioctlNested}, true},
		{"TUNSETIFF", unix.TUNSETIFF, ioctlArg{ioctlIn, 4}, true},
		{"SG_IO", 0x2285, ioctlArg{kind: ioctlNested}, true},
		{"USBDEVFS_CONTROL", 0xc0185500, ioctlArg{kind: ioctlNested}, true},
		{"TCSBRK", unix.TCSBRK, ioctlArg{}, false},
		{"a driver's own, both ways", 0xc0187a01, ioctlArg{ioctlInOut, 24}, true},
	} {
		if got, ok := argOf(c.req); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %t, want %+v, %t", c.name, got, ok, c.want, c.ok)
		}
	}
}
