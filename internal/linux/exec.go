//go:build linux && amd64

package linux

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/reserved"
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
	if flags&^(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW) != 0 {
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
	if e := x.open(dirfd, name, flags); e != 0 {
		return 0, e
	}
	defer x.file.Close()
	return 0, x.run()
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
	path         string   // the program as the guest's kernel would name it
	host         string   // on the host
	file         *os.File // the program, close-on-exec
	inaccessible bool     // path leads nowhere after the exec
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
		return x.openDescriptor(dirfd)
	}
	follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
	x.path, x.host = name, p.resolvePath(dirfd, name, follow)
	if dirfd != unix.AT_FDCWD && !strings.HasPrefix(name, "/") {
		x.path = fdName(dirfd) + "/" + name
		x.inaccessible = closesOnExec(dirfd)
	}
	open := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY // a FIFO must not block
	if !follow {
		open |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(dirfd, x.host, open, 0)
	if err != nil {
		return errnoOf(err)
	}
	x.file = os.NewFile(uintptr(fd), x.host)
	return 0
}

// openDescriptor opens the file behind a descriptor, which may be an O_PATH one.
func (x *execRequest) openDescriptor(fd int) syscall.Errno {
	x.path = fdName(fd)
	x.inaccessible = closesOnExec(fd)
	link := "/proc/self/fd/" + strconv.Itoa(fd)
	opened, err := unix.Open(link, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == unix.ENOENT {
		err = unix.EBADF
	}
	if err != nil {
		return errnoOf(err)
	}
	x.host, _ = os.Readlink(link)
	x.file = os.NewFile(uintptr(opened), x.host)
	return 0
}

// fdName is how the kernel names a program that is given by descriptor.
func fdName(fd int) string { return "/dev/fd/" + strconv.Itoa(fd) }

func closesOnExec(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC != 0
}

// run finds out what kind of program it is and starts it.
func (x *execRequest) run() syscall.Errno {
	cfg := x.t.P.loaderConfig(Program{Path: x.path, Argv: x.argv, Env: x.env})
	cfg.Host, cfg.Inaccessible = x.host, x.inaccessible
	fd, err := unix.FcntlInt(x.file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return errnoOf(err)
	}
	cfg.File = os.NewFile(uintptr(fd), x.host) // the loader closes it
	probed, err := loader.Probe(cfg)
	if err == nil {
		probed.Close()
		return x.runGuest()
	}
	var le *loader.Error
	if !errors.As(err, &le) {
		return syscall.EIO
	}
	if le.Foreign != nil {
		return x.runHost(le.Foreign)
	}
	return le.Errno
}

// runHost starts a program that is not for the guest's machine, if the host can.
// The limits that hospes keeps become the host's, as the program expects. Filters of
// the guest's system calls could not hold the program, so it must not run with any.
func (x *execRequest) runHost(f *loader.Foreign) syscall.Errno {
	if x.t.secureMode() != unix.SECCOMP_MODE_DISABLED {
		return syscall.EACCES
	}
	restore := x.t.P.pushLimits()
	e := x.exec(f.Host, f.Argv, x.env)
	if e == errNoResult {
		return e
	}
	restore()
	if e == syscall.ENOENT {
		e = syscall.ENOEXEC // the file is there: what is missing is its interpreter
	}
	return e
}

// runGuest starts the program under hospes.
func (x *execRequest) runGuest() syscall.Errno {
	if x.t.P.ExecOptions == nil {
		return syscall.ENOSYS
	}
	// The new image gets the open file: a name may mean something else by then.
	fd, err := unix.FcntlInt(x.file.Fd(), unix.F_DUPFD, reserved.Base)
	if err == unix.EINVAL { // the limit of open files is lower
		fd, err = unix.FcntlInt(x.file.Fd(), unix.F_DUPFD, 3)
	}
	if err != nil {
		return errnoOf(err)
	}
	s := x.t.execState()
	s.Path, s.FD = x.path, fd
	var e syscall.Errno
	if s.filters, e = x.t.filterFile(); e != 0 {
		_ = unix.Close(fd)
		return e
	}
	e = x.exec(hospesPath(), x.argv, append([]string{s.encode()}, x.env...))
	if e != errNoResult {
		_ = unix.Close(fd)
		_ = unix.Close(s.filters)
	}
	return e
}

// hospesPath is where hospes itself is found. The link works also when the file has
// been replaced since; its target, where there is no /proc.
func hospesPath() string {
	const self = "/proc/self/exe"
	if unix.Access(self, unix.X_OK) == nil {
		return self
	}
	exe, err := os.Executable()
	if err != nil {
		return self
	}
	return exe
}

// exec is execve(2) of the host. It returns only on failure, or with errNoResult in
// the parent of a vfork child, which has a program of its own then. A signal that is
// on its way comes first: the new program could not get it.
func (x *execRequest) exec(path string, argv, env []string) syscall.Errno {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return syscall.ENOENT
	}
	args, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return syscall.EINVAL
	}
	vars, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return syscall.EINVAL
	}
	if tr := x.t.P.Tracer; tr != nil {
		tr.Leave(x.t, x.call, 0) // nobody will be there to tell
	}
	_ = x.file.Close() // not after a vfork child has gone
	e := x.t.hostExec(unsafe.Pointer(name), unsafe.Pointer(&args[0]), unsafe.Pointer(&vars[0]))
	runtime.KeepAlive(name)
	runtime.KeepAlive(args)
	runtime.KeepAlive(vars)
	return e
}

func (t *Task) hostExec(path, argv, env unsafe.Pointer) syscall.Errno {
	if t.P.vfork != nil {
		return t.execVforked(uintptr(path), uintptr(argv), uintptr(env))
	}
	_, e := t.Syscall(unix.SYS_EXECVE, uintptr(path), uintptr(argv), uintptr(env))
	return e
}
