//go:build linux && amd64

package linux

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/binfmt"
	"github.com/hospes-vm/hospes/internal/loader"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/self"
)

// The second half of execve(2): what kind of program it is, and its start.

// run finds out what kind of program it is and starts it.
func (x *execRequest) run() syscall.Errno {
	cfg := x.t.P.loaderConfig(Program{Path: x.path, Argv: x.argv, Env: x.env})
	cfg.Inaccessible = x.inaccessible
	fd, err := openTransient(func() (int, error) { return unix.FcntlInt(uintptr(x.fd), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return errnoOf(err)
	}
	cfg.Host = x.t.P.programPath(fd, x.at.name)
	cfg.File = os.NewFile(uintptr(fd), cfg.Host) // the loader closes it
	probed, err := loader.Probe(cfg)
	if err == nil {
		gains := !probed.Script() && gainsPrivileges(probed.Fd())
		probed.Close()
		if gains && !x.t.P.confined() && x.t.secureMode() == unix.SECCOMP_MODE_DISABLED {
			if e := x.runHost(); e != syscall.ENOEXEC {
				return e
			}
		}
		if probed.Script() && self.FD() < 0 {
			return x.runHost() // the kernel has to find the interpreter anyway: see runGuest
		}
		return x.runGuest()
	}
	var le *loader.Error
	if !errors.As(err, &le) {
		return syscall.EIO
	}
	if le.Foreign == nil {
		return le.Errno
	}
	if le.Foreign.Script {
		x.at, x.argv = hostTarget{unix.AT_FDCWD, le.Foreign.Host, 0}, le.Foreign.Argv
	}
	e := x.runHost()
	if e == syscall.ENOENT {
		e = syscall.ENOEXEC // the file is there: what is missing is its interpreter
	}
	return e
}

// gainsPrivileges reports whether binfmt_misc would give a process that executes the
// file privileges that it does not have: execve(2) of hospes does not.
func gainsPrivileges(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	const setGroup = unix.S_ISGID | unix.S_IXGRP
	gains := st.Mode&unix.S_ISUID != 0 && int(st.Uid) != os.Geteuid() ||
		st.Mode&setGroup == setGroup && int(st.Gid) != os.Getegid()
	if !gains && os.Geteuid() != 0 {
		_, err := unix.Fgetxattr(fd, "security.capability", nil)
		gains = err == nil
	}
	return gains && binfmt.Credentials(fd)
}

// runHost has the host's kernel start the program: one of the host's, or one that
// binfmt_misc runs. The limits that hospes keeps become the host's, as the program
// expects. Filters of the guest's system calls could not hold the program, so it must
// not run with any.
func (x *execRequest) runHost() syscall.Errno {
	if x.t.P.confined() {
		return syscall.ENOEXEC // it would see the host's files
	}
	x.t.leavingForHost()
	if x.t.secureMode() != unix.SECCOMP_MODE_DISABLED {
		return syscall.EACCES
	}
	restore := x.t.P.pushLimits()
	e := x.exec(x.at, x.env)
	if e != errNoResult {
		restore()
	}
	return e
}

// runGuest starts the program under hospes.
func (x *execRequest) runGuest() syscall.Errno {
	if x.t.P.ExecOptions == nil {
		return syscall.ENOSYS
	}
	// The new image gets the open file: a name may mean something else by then.
	fd, err := openTransient(func() (int, error) { return unix.FcntlInt(uintptr(x.fd), unix.F_DUPFD, reserved.Base) })
	if err == unix.EINVAL { // the limit of open files is lower, and cannot be raised
		fd, err = unix.FcntlInt(uintptr(x.fd), unix.F_DUPFD, 3)
	}
	if err != nil {
		return errnoOf(err)
	}
	exe := self.Pass()
	s := x.t.execState()
	s.Path, s.Unnamed, s.FD, s.exe = x.path, x.unnamed, fd, exe
	var e syscall.Errno
	if s.filters, e = x.t.filterFile(); e != 0 {
		closeAll(fd, exe)
		return e
	}
	env := append([]string{s.encode()}, x.env...)
	hospes := hostTarget{self.FD(), "", unix.AT_EMPTY_PATH}
	if self.FD() < 0 {
		// Without /proc or a name of its own, hospes was started by binfmt_misc, which
		// can start it again.
		hospes.dirfd = fd
	}
	e = x.exec(hospes, env)
	if e == syscall.E2BIG && raiseStackLimit() {
		e = x.exec(hospes, env)
	}
	if e != errNoResult {
		closeAll(fd, exe, s.filters)
	}
	return e
}

// closeAll closes those of the descriptors that are there.
func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// raiseStackLimit raises RLIMIT_STACK of the host, a quarter of which arguments may
// take: the guest's, which hospes keeps, has turned out to be higher. It reports
// whether there is any change.
func raiseStackLimit() bool {
	const enough = 64 << 20 // execve(2) grants no more than three quarters of 8 MiB
	var l rlimit
	if hostLimit(0, unix.RLIMIT_STACK, nil, &l) != 0 || l.Cur >= min(l.Max, enough) {
		return false
	}
	l.Cur = min(l.Max, enough)
	return hostLimit(0, unix.RLIMIT_STACK, &l, nil) == 0
}

// exec is execveat(2) of the host, with x's arguments. It returns only on failure, or
// with errNoResult in the parent of a vfork child, which has a program of its own
// then. A signal that is on its way comes first: the new program could not get it.
func (x *execRequest) exec(at hostTarget, env []string) syscall.Errno {
	name, err := unix.BytePtrFromString(at.name)
	if err != nil {
		return syscall.ENOENT
	}
	args, err := syscall.SlicePtrFromStrings(x.argv)
	if err != nil {
		return syscall.EINVAL
	}
	vars, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return syscall.EINVAL
	}
	if tr := x.t.P.Tracer; tr != nil && !x.told {
		x.told = true
		tr.Leave(x.t, x.call, 0) // nobody will be there to tell
	}
	if p := x.t.P; p.OnExec != nil && p.vfork == nil {
		p.OnExec()
	}
	e := x.t.hostExec([5]uintptr{
		uintptr(at.dirfd), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&args[0])),
		uintptr(unsafe.Pointer(&vars[0])), uintptr(at.flags),
	})
	runtime.KeepAlive(name)
	runtime.KeepAlive(args)
	runtime.KeepAlive(vars)
	return e
}

func (t *Task) hostExec(a [5]uintptr) syscall.Errno {
	if t.P.vfork != nil {
		return t.execVforked(a)
	}
	if t.host.Pending() {
		return ERESTARTNOINTR
	}
	restore := t.P.releaseAllRobust()
	_, e := t.Syscall(unix.SYS_EXECVEAT, a[0], a[1], a[2], a[3], a[4])
	restore()
	return e
}
