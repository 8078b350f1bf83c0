package loader

import (
	"debug/elf"
	"errors"
	"io/fs"
	"syscall"
)

// Error numbers as the guest sees them: Linux's, whatever the host's are.
const (
	_ENOENT  = syscall.Errno(2)
	_EIO     = syscall.Errno(5)
	_E2BIG   = syscall.Errno(7)
	_ENOEXEC = syscall.Errno(8)
	_EACCES  = syscall.Errno(13)
	_EFAULT  = syscall.Errno(14)
	_EINVAL  = syscall.Errno(22)
	_ELOOP   = syscall.Errno(40)
	_ELIBBAD = syscall.Errno(80)
)

// Error says why a program cannot be run.
type Error struct {
	Path  string        // the program as the caller named it
	Msg   string        // the reason, without the path
	Errno syscall.Errno // what execve(2) returns, in Linux's numbering

	// Foreign is not nil if the file is an ELF program, but for another machine.
	Foreign *Foreign
}

// Foreign describes a program for another machine, which the host may be able to
// run natively.
type Foreign struct {
	Machine elf.Machine
	Class   elf.Class
	Script  bool     // it is the interpreter of a script
	Host    string   // its path on the host
	Argv    []string // the arguments to start it with
}

func (e *Error) Error() string { return e.Path + ": " + e.Msg }

// Unwrap gives the error number, so that errors.Is(err, syscall.ENOENT) works.
func (e *Error) Unwrap() error { return e.Errno }

// ExitStatus is what a shell's exit status would be: 127 if the program or its
// interpreter does not exist, otherwise 126.
func (e *Error) ExitStatus() int {
	if e.Errno == _ENOENT {
		return 127
	}
	return 126
}

// errnoOf is the error number of a failed operation on a host file.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return _ENOENT
	case errors.Is(err, fs.ErrPermission):
		return _EACCES
	case errors.As(err, &errno):
		return errno
	}
	return _EIO
}

// reason is the text of err without the operation and path that os adds.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "not found"
	}
	return err.Error()
}
