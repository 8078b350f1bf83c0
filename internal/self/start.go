//go:build linux

package self

import "golang.org/x/sys/unix"

// Types of entries of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	atExecFD = 2
	atPhdr   = 3
	atFlags  = 8
	atSecure = 23
	atExecFn = 31

	// preserveArgv0 in AT_FLAGS says that the kernel has left argv[0] behind the
	// program's path (AT_FLAGS_PRESERVE_ARGV0).
	preserveArgv0 = 1
)

// auxv is the auxiliary vector.
var auxv, _ = unix.Auxv()

// aux returns an entry of the auxiliary vector (getauxval(3)), or 0.
func aux(typ uintptr) uintptr {
	for _, e := range auxv {
		if e[0] == typ {
			return e[1]
		}
	}
	return 0
}

// StartName is the name by which the kernel was told to start what is running
// (AT_EXECFN): of this program, of a script or program that it interprets.
func StartName() string {
	p := aux(atExecFn)
	if p == 0 {
		return ""
	}
	return unix.BytePtrToString((*byte)(pointer(p)))
}

// Secure reports whether the kernel has started this program with privileges that
// the one which called execve(2) does not have (AT_SECURE).
func Secure() bool { return aux(atSecure) != 0 }

// Interpretation is a start by binfmt_misc: the kernel was told to execute another
// file, and has this program interpret it.
type Interpretation struct {
	Program string   // the path of the file; of a script's interpreter, if it was a script
	Argv    []string // its arguments
	FD      int      // the file, open, or -1; it is the caller's to close
}

// Interpreting tells whether binfmt_misc has started this program with the
// arguments args, and what is to be interpreted. It recognises entries with the
// flags P or O; others look like any start.
func Interpreting(args []string) (in Interpretation, ok bool) {
	in.FD = -1
	for _, e := range auxv {
		if e[0] == atExecFD {
			in.FD = int(e[1])
		}
	}
	preserved := aux(atFlags)&preserveArgv0 != 0
	if !preserved && in.FD < 0 || len(args) < 2 {
		return in, false
	}
	in.Program, in.Argv = args[1], args[1:]
	if preserved {
		in.Argv = args[2:]
	}
	return in, true
}
