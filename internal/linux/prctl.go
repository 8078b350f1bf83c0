//go:build linux && amd64

package linux

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prctl options that x/sys does not name (include/uapi/linux/prctl.h).
const (
	prGetTSC               = 25
	prSetTSC               = 26
	prTimerCreateRestoreID = 77
	prFutexHash            = 78
	prGetAuxv              = 0x41555856
	prSetPtracer           = 0x59616d61
)

// archPrctl is implemented by guest architectures that have options of their own.
type archPrctl interface {
	// Prctl carries out an option; the result is negative errno on failure. known is
	// false if the option is not one of the architecture's.
	Prctl(option int, args [4]uint64) (result int64, known bool)
}

// prctls says what the options of prctl(2) do on every architecture. Options that
// are missing fail with EINVAL, as in a kernel that lacks the feature.
var prctls = map[int]Handler{
	// Those that concern the thread or the process as the host knows it.
	unix.PR_SET_PDEATHSIG:        prctlSetDeathSignal,
	unix.PR_GET_DUMPABLE:         hostPrctl,
	unix.PR_SET_DUMPABLE:         hostPrctl,
	unix.PR_GET_KEEPCAPS:         hostPrctl,
	unix.PR_SET_KEEPCAPS:         dirtyPrctl,
	unix.PR_GET_TIMING:           hostPrctl,
	unix.PR_SET_TIMING:           hostPrctl,
	unix.PR_CAPBSET_READ:         hostPrctl,
	unix.PR_CAPBSET_DROP:         dirtyPrctl,
	unix.PR_GET_SECUREBITS:       hostPrctl,
	unix.PR_SET_SECUREBITS:       dirtyPrctl,
	unix.PR_SET_TIMERSLACK:       dirtyPrctl,
	unix.PR_GET_TIMERSLACK:       hostPrctl,
	unix.PR_MCE_KILL:             hostPrctl,
	unix.PR_MCE_KILL_GET:         hostPrctl,
	unix.PR_SET_CHILD_SUBREAPER:  hostPrctl,
	unix.PR_SET_NO_NEW_PRIVS:     dirtyPrctl,
	unix.PR_GET_NO_NEW_PRIVS:     hostPrctl,
	unix.PR_SET_THP_DISABLE:      hostPrctl,
	unix.PR_GET_THP_DISABLE:      hostPrctl,
	unix.PR_CAP_AMBIENT:          dirtyPrctl,
	unix.PR_GET_SPECULATION_CTRL: hostPrctl,
	unix.PR_SET_SPECULATION_CTRL: hostPrctl,
	unix.PR_SET_IO_FLUSHER:       hostPrctl,
	unix.PR_GET_IO_FLUSHER:       hostPrctl,
	unix.PR_SET_MEMORY_MERGE:     hostPrctl,
	unix.PR_GET_MEMORY_MERGE:     hostPrctl,
	prTimerCreateRestoreID:       hostPrctl,
	prFutexHash:                  hostPrctl,
	prSetPtracer:                 hostPrctl,

	unix.PR_GET_PDEATHSIG:       prctlGetDeathSignal,
	unix.PR_GET_CHILD_SUBREAPER: prctlGetInt,
	unix.PR_SET_NAME:            prctlSetName,
	unix.PR_GET_NAME:            prctlGetName,

	// Those that would hurt or betray hospes.
	unix.PR_GET_SECCOMP:              prctlGetSeccomp,
	unix.PR_SET_SECCOMP:              prctlSetSeccomp,
	unix.PR_GET_MDWE:                 prctlGetMDWE,
	unix.PR_SET_MDWE:                 prctlSetMDWE,
	unix.PR_SET_MM:                   always(syscall.EPERM),
	unix.PR_TASK_PERF_EVENTS_DISABLE: always0,
	unix.PR_TASK_PERF_EVENTS_ENABLE:  always0,
	unix.PR_SET_VMA:                  prctlSetVMA,
	prGetAuxv:                        prctlGetAuxv,
}

func sysPrctl(t *Task, c *Call) (uint64, syscall.Errno) {
	if do := prctls[c.Int(0)]; do != nil {
		return do(t, c)
	}
	if a, ok := t.P.Arch.(archPrctl); ok {
		if r, known := a.Prctl(c.Int(0), [4]uint64(c.Args[1:5])); known && r < 0 {
			return 0, syscall.Errno(-r)
		} else if known {
			return uint64(r), 0
		}
	}
	return 0, syscall.EINVAL
}

func prctlGetSeccomp(t *Task, _ *Call) (uint64, syscall.Errno) { return uint64(t.secureMode()), 0 }

func always0(*Task, *Call) (uint64, syscall.Errno) { return 0, 0 }

// hostPrctl hands the arguments, which are no addresses, to the host.
func hostPrctl(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.Syscall(unix.SYS_PRCTL, uintptr(c.Int(0)), uintptr(c.Args[1]), uintptr(c.Args[2]), uintptr(c.Args[3]), uintptr(c.Args[4]))
}

// dirtyPrctl is hostPrctl for what new threads inherit.
func dirtyPrctl(t *Task, c *Call) (uint64, syscall.Errno) {
	r, e := hostPrctl(t, c)
	if e == 0 {
		t.P.attributesChanged.Store(true)
	}
	return r, e
}

// prctlGetInt is for options that write an int to the address in arg2.
func prctlGetInt(t *Task, c *Call) (uint64, syscall.Errno) {
	var v int32
	_, _, e := syscall.RawSyscall6(unix.SYS_PRCTL, uintptr(c.Int(0)), uintptr(unsafe.Pointer(&v)), 0, 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return 0, faultErrno(t.Mem.WriteObject(c.Args[1], v))
}

// commLen is TASK_COMM_LEN: the size of a thread's name with its NUL.
const commLen = 16

// commCall reads or sets the name of the calling thread.
func commCall(option uintptr, name *[commLen]byte) syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_PRCTL, option, uintptr(unsafe.Pointer(name)), 0, 0, 0, 0)
	return e
}

func prctlSetName(t *Task, c *Call) (uint64, syscall.Errno) {
	var name [commLen]byte
	for i := range name[:commLen-1] {
		b, f := t.Mem.Load(c.Args[1]+uint64(i), 1)
		if f != nil {
			return 0, syscall.EFAULT
		}
		if b == 0 {
			break
		}
		name[i] = byte(b)
	}
	t.P.attributesChanged.Store(true)
	return 0, commCall(unix.PR_SET_NAME, &name)
}

func prctlGetName(t *Task, c *Call) (uint64, syscall.Errno) {
	var name [commLen]byte
	if e := commCall(unix.PR_GET_NAME, &name); e != 0 {
		return 0, e
	}
	return 0, faultErrno(t.Mem.CopyOut(c.Args[1], name[:]))
}

// prctlSetVMA names anonymous memory. Names are as the kernel allows them, at most
// 80 bytes with the NUL.
func prctlSetVMA(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] != unix.PR_SET_VMA_ANON_NAME {
		return 0, syscall.EINVAL
	}
	name := ""
	if c.Args[4] != 0 {
		s, err := t.Mem.ReadString(c.Args[4], 80)
		switch {
		case err == syscall.ENAMETOOLONG:
			return 0, syscall.EINVAL
		case err != nil:
			return 0, errnoOf(err)
		case !validVMAName(s):
			return 0, syscall.EINVAL
		}
		name = "[anon:" + s + "]"
	}
	return 0, errnoOf(t.Mem.SetName(c.Args[2], c.Args[3], name))
}

// validVMAName reports whether all characters are printable and none of them would
// confuse readers of /proc/pid/maps.
func validVMAName(s string) bool {
	for _, ch := range []byte(s) {
		if ch < ' ' || ch > '~' || ch == '\\' || ch == '`' || ch == '$' || ch == '[' || ch == ']' {
			return false
		}
	}
	return true
}

// prctlGetAuxv copies the auxiliary vector, as much of it as fits, and returns its size.
func prctlGetAuxv(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[3] != 0 || c.Args[4] != 0 {
		return 0, syscall.EINVAL
	}
	auxv := t.P.Image.Auxv
	n := min(uint64(len(auxv)), c.Args[2])
	return uint64(len(auxv)), faultErrno(t.Mem.CopyOut(c.Args[1], auxv[:n]))
}
