//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// fcntlArg says what the third argument of an fcntl(2) command is. All layouts
// are the same on both sides: struct flock, struct f_owner_ex.
type fcntlArg struct {
	size   uint64   // bytes that it points to; 0 if it is a number or nothing
	access mem.Prot // what the kernel does with them
}

// Commands and sizes that x/sys does not name.
const (
	fCreatedQuery  = 1028
	fDupfdQuery    = 1027
	fGetownerUids  = 17
	fNotify        = unix.F_NOTIFY
	sizeofFlock    = 32
	sizeofOwner    = 8
	sizeofRWHint   = 8
	sizeofDelegate = 8
	fGetDelegate   = 1039
	fSetDelegate   = 1040
)

var fcntlArgs = map[int]fcntlArg{
	unix.F_DUPFD:            {},
	unix.F_DUPFD_CLOEXEC:    {},
	unix.F_GETFD:            {},
	unix.F_SETFD:            {},
	unix.F_GETFL:            {},
	unix.F_SETFL:            {},
	unix.F_SETOWN:           {},
	unix.F_GETOWN:           {},
	unix.F_SETSIG:           {},
	unix.F_GETSIG:           {},
	unix.F_SETLEASE:         {},
	unix.F_GETLEASE:         {},
	fNotify:                 {},
	fCreatedQuery:           {},
	fDupfdQuery:             {},
	unix.F_SETPIPE_SZ:       {},
	unix.F_GETPIPE_SZ:       {},
	unix.F_ADD_SEALS:        {},
	unix.F_GET_SEALS:        {},
	unix.F_GETLK:            {sizeofFlock, mem.Write},
	unix.F_SETLK:            {sizeofFlock, mem.Read},
	unix.F_SETLKW:           {sizeofFlock, mem.Read},
	unix.F_OFD_GETLK:        {sizeofFlock, mem.Write},
	unix.F_OFD_SETLK:        {sizeofFlock, mem.Read},
	unix.F_OFD_SETLKW:       {sizeofFlock, mem.Read},
	unix.F_SETOWN_EX:        {sizeofOwner, mem.Read},
	unix.F_GETOWN_EX:        {sizeofOwner, mem.Write},
	fGetownerUids:           {sizeofOwner, mem.Write},
	unix.F_GET_RW_HINT:      {sizeofRWHint, mem.Write},
	unix.F_SET_RW_HINT:      {sizeofRWHint, mem.Read},
	unix.F_GET_FILE_RW_HINT: {sizeofRWHint, mem.Write},
	unix.F_SET_FILE_RW_HINT: {sizeofRWHint, mem.Read},
	fGetDelegate:            {sizeofDelegate, mem.Write},
	fSetDelegate:            {sizeofDelegate, mem.Read},
}

// sysFcntl is fcntl(2). Numbers and layouts are those of asm-generic/fcntl.h on
// both sides; only pointers differ.
func sysFcntl(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, cmd, arg := c.Int(0), c.Int(1), uintptr(c.Args[2])
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	kind, ok := fcntlArgs[cmd]
	if !ok {
		cmd = -1 // the kernel answers EBADF or EINVAL
	}
	if cmd == fDupfdQuery && t.P.reserved.has(int(int32(arg))) {
		return 0, 0 // not the same file as one that is open
	}
	m := marshaller{t: t}
	if kind.size != 0 {
		var e syscall.Errno
		if arg, e = m.buffer(c.Args[2], kind.size, kind.access, true); e != 0 {
			return 0, e
		}
	}
	r, e := t.Syscall(unix.SYS_FCNTL, uintptr(fd), uintptr(cmd), arg)
	if cmd == unix.F_DUPFD || cmd == unix.F_DUPFD_CLOEXEC {
		if e == syscall.EMFILE && t.freeDescriptors() {
			r, e = t.Syscall(unix.SYS_FCNTL, uintptr(fd), uintptr(cmd), arg)
		}
		if e == 0 {
			r = t.newDescriptor(r, int(int32(arg)))
		}
	}
	if m.finish() != nil && e == 0 {
		e = syscall.EFAULT
	}
	return restart(r, e, ERESTARTNOHAND)
}
