//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// maxBlob is the largest value that FSCONFIG_SET_BINARY takes.
const maxBlob = 1 << 20

// sysFsconfig hands over a value whose kind the command tells (fsconfig(2)).
func sysFsconfig(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, cmd, aux := c.Int(0), c.Uint(1), c.Int(4)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	key, e := m.str(c.Args[2])
	if e != 0 {
		return 0, e
	}
	value := uintptr(c.Args[3])
	switch {
	case value == 0:
	case cmd == unix.FSCONFIG_SET_STRING:
		value, e = m.str(c.Args[3])
	case cmd == unix.FSCONFIG_SET_PATH, cmd == unix.FSCONFIG_SET_PATH_EMPTY:
		value, e = m.path(aux, c.Args[3], true)
	case cmd == unix.FSCONFIG_SET_BINARY && aux > 0 && aux <= maxBlob:
		value, e = m.buffer(c.Args[3], uint64(aux), mem.Read, true)
	default:
		value = badPointer // the host refuses a value here without looking at it
	}
	if e != 0 {
		return 0, e
	}
	return t.Syscall(unix.SYS_FSCONFIG, uintptr(fd), uintptr(cmd), key, value, uintptr(aux))
}
