//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/self"
)

// Rule types of landlock_add_rule(2) and the sizes of their attributes.
var landlockRules = map[int]uint64{
	1: 12, // LANDLOCK_RULE_PATH_BENEATH: packed u64 and s32
	2: 16, // LANDLOCK_RULE_NET_PORT
}

func sysLandlockAddRule(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, kind := c.Int(0), c.Int(1)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	attr := uintptr(0)
	if size, ok := landlockRules[kind]; ok && c.Args[2] != 0 {
		var e syscall.Errno
		if attr, e = m.buffer(c.Args[2], size, mem.Read, true); e != 0 {
			return 0, e
		}
	}
	return t.Syscall(unix.SYS_LANDLOCK_ADD_RULE, uintptr(fd), uintptr(kind), attr, uintptr(c.Uint(3)))
}

// sysLandlockRestrictSelf restricts the process, with all of hospes's threads, if it
// has one guest thread; else the calling thread, as it does.
func sysLandlockRestrictSelf(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, flags := c.Int(0), c.Uint(1)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	allowOwnExecutable(fd)
	if t.P.OnRestrict != nil && t.P.vfork == nil {
		t.P.OnRestrict()
	}
	return 0, t.concernAll(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), uintptr(flags), 0)
}

// allowOwnExecutable adds to a ruleset that hospes itself may be executed: to the
// kernel that is what happens at each execve(2) of a program that the rules allow.
func allowOwnExecutable(ruleset int) {
	const execute, read, pathBeneath = 1 << 0, 1 << 2, 1 // LANDLOCK_ACCESS_FS_EXECUTE, _READ_FILE
	// Rights that the ruleset does not handle are refused.
	for _, access := range []uint64{execute | read, execute, read} {
		attr := struct {
			access uint64
			parent int32
		}{access, int32(self.FD())}
		_, _, e := syscall.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), pathBeneath, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
		if e == 0 {
			return
		}
	}
}
