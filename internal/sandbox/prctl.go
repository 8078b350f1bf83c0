//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// prGetAuxv is PR_GET_AUXV.
const prGetAuxv = 0x41555856

// archPrctl is implemented by guest architectures that have options of their own.
type archPrctl interface {
	// Prctl carries out an option; the result is negative errno on failure. known is
	// false if the option is not one of the architecture's.
	Prctl(option int, args [4]uint64) (result int64, known bool)
}

// prctls says what the options of prctl(2) do on every architecture. Options that
// are missing fail with EINVAL, as in a kernel that lacks the feature.
var prctls = map[int]Handler{
	unix.PR_SET_NAME: prctlSetName,
	unix.PR_GET_NAME: prctlGetName,
	unix.PR_SET_VMA:  prctlSetVMA,
	prGetAuxv:        prctlGetAuxv,

	unix.PR_SET_MDWE: prctlSetMDWE,
	unix.PR_GET_MDWE: func(t *Task, c *Call) (uint64, syscall.Errno) { return uapi.GetMDWE(t.mm.mdwe.Load(), &c.Args) },

	unix.PR_SET_PDEATHSIG:       prctlSetDeathSignal,
	unix.PR_GET_PDEATHSIG:       prctlGetInt(func(p *Process) int { return p.parentDeath }),
	unix.PR_SET_CHILD_SUBREAPER: prctlSetSubreaper,
	unix.PR_GET_CHILD_SUBREAPER: prctlGetInt(func(p *Process) int { return flag(p.subreaper) }),

	// What there is nothing to protect from, or to gain by.
	unix.PR_GET_DUMPABLE:             prctlFlag(func(p *Process) int { return p.dumpable }),
	unix.PR_SET_DUMPABLE:             prctlSetFlag(func(p *Process) *int { return &p.dumpable }, 0),
	unix.PR_GET_KEEPCAPS:             prctlFlag(func(p *Process) int { return p.keepCaps }),
	unix.PR_SET_KEEPCAPS:             prctlSetFlag(func(p *Process) *int { return &p.keepCaps }, 0),
	unix.PR_SET_NO_NEW_PRIVS:         prctlSetFlag(func(p *Process) *int { return &p.noNewPrivs }, 1),
	unix.PR_GET_NO_NEW_PRIVS:         prctlFlag(func(p *Process) int { return p.noNewPrivs }),
	unix.PR_GET_TIMING:               always(0),
	unix.PR_CAP_AMBIENT:              prctlAmbient,
	unix.PR_GET_SECCOMP:              always(0),
	unix.PR_GET_SECUREBITS:           always(0),
	unix.PR_SET_TIMERSLACK:           prctlSetSlack,
	unix.PR_GET_TIMERSLACK:           value(func(t *Task) int { return int(t.sched.slack) }),
	unix.PR_CAPBSET_READ:             prctlCapability,
	unix.PR_CAPBSET_DROP:             prctlCapability,
	unix.PR_SET_THP_DISABLE:          prctlSetFlag(func(p *Process) *int { return &p.noHugePages }, 0),
	unix.PR_GET_THP_DISABLE:          prctlFlag(func(p *Process) int { return p.noHugePages }),
	unix.PR_TASK_PERF_EVENTS_DISABLE: always(0),
	unix.PR_TASK_PERF_EVENTS_ENABLE:  always(0),
}

func sysPrctl(t *Task, c *Call) (uint64, syscall.Errno) {
	if do := prctls[c.Int(0)]; do != nil {
		return do(t, c)
	}
	if a, ok := t.mm.machine.Arch.(archPrctl); ok {
		if r, known := a.Prctl(c.Int(0), [4]uint64(c.Args[1:5])); known && r < 0 {
			return 0, syscall.Errno(-r)
		} else if known {
			return uint64(r), 0
		}
	}
	return 0, syscall.EINVAL
}

// flag is 1 for true.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func prctlSetMDWE(t *Task, c *Call) (uint64, syscall.Errno) {
	bits, e := uapi.SetMDWE(t.mm.mdwe.Load(), &c.Args)
	if e == 0 {
		t.mm.denyWX(bits)
	}
	return 0, e
}

// prctlGetInt returns the handler of an option that writes an int to the address in arg2.
func prctlGetInt(get func(p *Process) int) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		t.K.mu.Lock()
		v := get(t.P)
		t.K.mu.Unlock()
		return 0, faultErrno(t.Mem.Store(c.Args[1], 4, uint64(v)))
	}
}

func prctlSetDeathSignal(t *Task, c *Call) (uint64, syscall.Errno) {
	sig := c.Args[1]
	if sig > numSignals {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.P.parentDeath = int(sig)
	return 0, 0
}

func prctlSetSubreaper(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.P.subreaper = c.Args[1] != 0
	return 0, 0
}

// prctlFlag returns the handler of an option whose result is a flag of the process.
func prctlFlag(get func(p *Process) int) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		if c.Int(0) == unix.PR_GET_NO_NEW_PRIVS && c.Args[1]|c.Args[2]|c.Args[3]|c.Args[4] != 0 {
			return 0, syscall.EINVAL
		}
		t.K.mu.Lock()
		defer t.K.mu.Unlock()
		return uint64(get(t.P)), 0
	}
}

// prctlSetFlag returns the handler of an option that sets a flag of the process to arg2, which may be
// least or 1.
func prctlSetFlag(which func(p *Process) *int, least uint64) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		if c.Args[1] < least || c.Args[1] > 1 || least > 0 && c.Args[2]|c.Args[3]|c.Args[4] != 0 {
			return 0, syscall.EINVAL
		}
		t.K.mu.Lock()
		defer t.K.mu.Unlock()
		*which(t.P) = int(c.Args[1])
		return 0, 0
	}
}

func prctlSetSlack(t *Task, c *Call) (uint64, syscall.Errno) {
	if t.sched.slack = c.Args[1]; t.sched.slack == 0 {
		t.sched.slack = defaultSlack
	}
	return 0, 0
}

// prctlAmbient is about ambient capabilities, of which there are none.
func prctlAmbient(_ *Task, c *Call) (uint64, syscall.Errno) {
	switch c.Args[1] {
	case unix.PR_CAP_AMBIENT_IS_SET:
		if c.Args[2] >= 64 || capAll>>c.Args[2]&1 == 0 {
			return 0, syscall.EINVAL
		}
		return 0, 0
	case unix.PR_CAP_AMBIENT_CLEAR_ALL, unix.PR_CAP_AMBIENT_LOWER:
		return 0, 0
	case unix.PR_CAP_AMBIENT_RAISE:
		return 0, syscall.EPERM
	}
	return 0, syscall.EINVAL
}

func prctlCapability(_ *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] >= 64 || capAll>>c.Args[1]&1 == 0 {
		return 0, syscall.EINVAL
	}
	return uint64(flag(c.Int(0) == unix.PR_CAPBSET_READ)), 0
}

func prctlSetName(t *Task, c *Call) (uint64, syscall.Errno) {
	var name comm
	for i := range name[:len(name)-1] {
		b, f := t.Mem.Load(c.Args[1]+uint64(i), 1)
		if f != nil {
			return 0, syscall.EFAULT
		}
		if b == 0 {
			break
		}
		name[i] = byte(b)
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	t.name = name
	return 0, 0
}

func prctlGetName(t *Task, c *Call) (uint64, syscall.Errno) {
	t.K.mu.Lock()
	name := t.name
	t.K.mu.Unlock()
	return 0, t.copyOut(c.Args[1], name[:])
}

// prctlSetVMA names anonymous memory. Names are as the kernel allows them, at most
// 80 bytes with the NUL.
func prctlSetVMA(t *Task, c *Call) (uint64, syscall.Errno) {
	const longest = 80
	if c.Args[1] != unix.PR_SET_VMA_ANON_NAME {
		return 0, syscall.EINVAL
	}
	name := ""
	if c.Args[4] != 0 {
		s, err := t.Mem.ReadString(c.Args[4], longest)
		if err == syscall.ENAMETOOLONG {
			return 0, syscall.EINVAL
		}
		if err != nil {
			return 0, errnoOf(err)
		}
		for _, b := range []byte(s) {
			if b < ' ' || b > '~' || b == '\\' || b == '`' || b == '$' || b == '[' || b == ']' {
				return 0, syscall.EINVAL
			}
		}
		name = "[anon:" + s + "]"
	}
	return 0, errnoOf(t.Mem.SetName(c.Args[2], c.Args[3], name))
}

func prctlGetAuxv(t *Task, c *Call) (uint64, syscall.Errno) {
	auxv := t.mm.image.Auxv
	if c.Args[3]|c.Args[4] != 0 {
		return 0, syscall.EINVAL
	}
	n := min(c.Args[2], uint64(len(auxv)))
	return uint64(len(auxv)), t.copyOut(c.Args[1], auxv[:n])
}
