package loader

import (
	"fmt"
	"strings"

	"github.com/hospes-vm/hospes/internal/mem"
)

const (
	defaultStack = 8 << 20
	// maxStack is the size of a stack that is not limited (RLIM_INFINITY).
	maxStack = 1 << 30
	// stackReserve is what a process has at least below its arguments, however
	// small RLIMIT_STACK is.
	stackReserve = 128 << 10

	argMax      = 128 << 10 // ARG_MAX: granted whatever the stack limit is
	argStrPages = 32        // MAX_ARG_STRLEN in pages, with the NUL
	argLimit    = 6 << 20   // three quarters of the default stack
	wordSize    = 8
)

// stackSize is the configured size of the stack in whole pages.
func (c *Config) stackSize() uint64 {
	if c.StackSize == 0 {
		return defaultStack
	}
	return c.page().up(min(c.StackSize, maxStack))
}

// page is the configured page size.
func (c *Config) page() pageSize {
	if c.PageSize == 0 {
		return mem.PageSize
	}
	return pageSize(c.PageSize)
}

// argBudget is how many bytes the strings of arguments, environment and file
// name may take (bprm_stack_limits in Linux's fs/exec.c).
type argBudget uint64

// newArgBudget computes the budget and checks that argv and the environment
// keep to it.
func newArgBudget(c *Config, argv []string) (argBudget, *Error) {
	limit := max(min(argLimit, c.stackSize()/4), argMax)
	pointers := uint64(len(argv)+len(c.Env)) * wordSize
	if limit <= pointers {
		return 0, tooBig("too many arguments and environment variables")
	}
	b := argBudget(limit - pointers)
	return b, b.check(c, argv)
}

// check refuses strings that are too long, one by one or in sum. They have to fit on
// the stack, too, as a small limit of that allows.
func (b argBudget) check(c *Config, argv []string) *Error {
	left := min(uint64(b), c.stackSize()-wordSize)
	for _, list := range [][]string{{c.ExecFn}, c.Env, argv} {
		for _, s := range list {
			n := uint64(len(s)) + 1
			switch {
			case strings.IndexByte(s, 0) >= 0:
				return &Error{Msg: fmt.Sprintf("NUL byte in argument or environment %.32q", s), Errno: _EINVAL}
			case n > argStrPages*uint64(c.page()):
				return tooBig(fmt.Sprintf("an argument or environment variable of %d bytes", n))
			case n > left:
				return tooBig(fmt.Sprintf("arguments and environment take more than %d bytes", uint64(b)))
			}
			left -= n
		}
	}
	return nil
}

func tooBig(msg string) *Error { return &Error{Msg: msg, Errno: _E2BIG} }
