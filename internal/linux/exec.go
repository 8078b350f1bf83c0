//go:build linux && amd64

package linux

import (
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// execve(2). The process image is replaced by a host execve: of hospes itself for a
// guest program, which takes up the thread here left it (see ExecState), of the
// program for one that the host can run. Everything that a new image inherits is
// the host's and stays: process ID, descriptors, signal mask, ignored signals,
// credentials. The host ends the other threads.

// Sizes that execve(2) bounds: a single string, and all of them (E2BIG).
const (
	maxArgStrlen  = 32 * 4096
	maxArgStrings = 6 << 20
)

func sysExecve(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.execve(c, unix.AT_FDCWD, c.Args[0], c.Args[1], c.Args[2], 0)
}

func sysExecveat(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.execve(c, c.Int(0), c.Args[1], c.Args[2], c.Args[3], c.Int(4))
}

// execve returns only if the program cannot be run.
func (t *Task) execve(c *Call, dirfd int, path, argv, envp uint64, flags int) (uint64, syscall.Errno) {
	if flags&^(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|atExecveCheck) != 0 {
		return 0, syscall.EINVAL
	}
	x := execRequest{t: t, call: c}
	var e syscall.Errno
	if x.argv, e = t.readStrings(argv, maxArgStrings); e != 0 {
		return 0, e
	}
	if x.env, e = t.readStrings(envp, maxArgStrings); e != 0 {
		return 0, e
	}
	name, e := t.readPath(path)
	if e != 0 {
		return 0, e
	}
	switch e := x.open(dirfd, name, flags); {
	case e == syscall.EACCES && x.mayExecute():
		return 0, x.runHost() // if not read it: by the host, or by binfmt_misc
	case e == syscall.ENXIO:
		return 0, syscall.EACCES // a socket
	case e != 0:
		return 0, e
	}
	if e = x.check(); e == 0 && flags&atExecveCheck == 0 {
		e = x.run()
	}
	if e != errNoResult {
		_ = unix.Close(x.fd)
	}
	return 0, e
}

// readStrings reads a NULL-terminated array of strings, which as a whole may have
// limit bytes. A null pointer is an empty array.
func (t *Task) readStrings(addr uint64, limit int) ([]string, syscall.Errno) {
	var list []string
	for ; addr != 0; addr += 8 {
		p, f := t.Mem.Load(addr, 8)
		if f != nil {
			return nil, syscall.EFAULT
		}
		if p == 0 {
			break
		}
		s, err := t.Mem.ReadString(p, maxArgStrlen)
		switch {
		case err == syscall.ENAMETOOLONG:
			return nil, syscall.E2BIG
		case err != nil:
			return nil, errnoOf(err)
		}
		if limit -= len(s) + 1; limit < 0 {
			return nil, syscall.E2BIG
		}
		list = append(list, s)
	}
	return list, 0
}

// execRequest is an execve(2) under way.
type execRequest struct {
	t            *Task
	call         *Call
	argv, env    []string
	path         string     // the program as the guest's kernel would name it
	at           hostTarget // the program on the host
	fd           int        // the program, open and close-on-exec
	unnamed      bool       // it is given by descriptor alone
	inaccessible bool       // path leads nowhere after the exec
	told         bool       // to the tracer, that it has succeeded
}

// hostTarget is how execveat(2) of the host names a program.
type hostTarget struct {
	dirfd int
	name  string
	flags int
}

// open opens the program, in the ways of execveat(2).
func (x *execRequest) open(dirfd int, name string, flags int) syscall.Errno {
	p := x.t.P
	if p.reserved.has(dirfd) {
		return syscall.EBADF
	}
	if name == "" {
		if flags&unix.AT_EMPTY_PATH == 0 {
			return syscall.ENOENT
		}
		x.at = hostTarget{dirfd, "", flags}
		return x.openDescriptor(dirfd)
	}
	follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
	x.path = name
	x.at = hostTarget{dirfd, p.resolvePath(dirfd, name, follow), flags}
	if dirfd != unix.AT_FDCWD && !strings.HasPrefix(name, "/") {
		x.path = fdName(dirfd) + "/" + name
		x.inaccessible = closesOnExec(dirfd)
	}
	open := openProgramFlags
	if !follow {
		open |= unix.O_NOFOLLOW
	}
	fd, err := openTransient(func() (int, error) { return unix.Openat(dirfd, x.at.name, open, 0) })
	if err != nil {
		return errnoOf(err)
	}
	x.fd = fd
	return 0
}

// mayExecute reports whether the program, which cannot be opened, can be executed.
func (x *execRequest) mayExecute() bool {
	return unix.Faccessat(x.at.dirfd, x.at.name, unix.X_OK, unix.AT_EACCESS|x.at.flags) == nil
}

// openProgramFlags are those of open(2) for a file that is to be executed. A FIFO
// must not block.
const openProgramFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// openDescriptor opens the file behind a descriptor, which may be an O_PATH one.
func (x *execRequest) openDescriptor(fd int) syscall.Errno {
	if fd == unix.AT_FDCWD {
		return syscall.EACCES // a directory
	}
	x.path, x.unnamed = fdName(fd), true
	x.inaccessible = closesOnExec(fd)
	opened, err := openTransient(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), openProgramFlags, 0)
	})
	if err == unix.ENOENT { // no such descriptor, or no /proc
		opened, err = openTransient(func() (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) })
		if flags, e := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil && e == nil && flags&unix.O_PATH != 0 {
			_ = unix.Close(opened)
			err = unix.EACCES // there is no way to read the file
		}
	}
	if err != nil {
		return errnoOf(err)
	}
	x.fd = opened
	return 0
}

// atExecveCheck is AT_EXECVE_CHECK of Linux 6.14: find out whether the file may be
// executed, no more.
const atExecveCheck = 0x10000

// cannotCheck says that the host is older.
var cannotCheck atomic.Bool

// check has the host say whether it would execute the file: it knows of mounts, writers
// and security modules. What kind of file it is does not matter to it yet.
func (x *execRequest) check() syscall.Errno {
	if cannotCheck.Load() {
		if x.at.flags&atExecveCheck != 0 {
			return syscall.EINVAL
		}
		return 0
	}
	name, err := unix.BytePtrFromString(x.at.name)
	if err != nil {
		return syscall.ENOENT
	}
	argv := [...]*byte{name, nil}
	_, _, e := syscall.Syscall6(unix.SYS_EXECVEAT, uintptr(x.at.dirfd), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&argv[1])), uintptr(x.at.flags|atExecveCheck), 0)
	switch e {
	case syscall.EACCES, syscall.ETXTBSY, syscall.ELOOP, syscall.EPERM:
		return e
	case syscall.EINVAL:
		cannotCheck.Store(true)
		return x.check()
	}
	return 0 // or something that another attempt will show
}

// fdName is how the kernel names a program that is given by descriptor.
func fdName(fd int) string { return "/dev/fd/" + strconv.Itoa(fd) }

func closesOnExec(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC != 0
}
