//go:build linux && amd64

package linux

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// threadCalls are the calls that take the ID of a thread or process: the position of
// the argument, counted from 1, by the number of the call.
var threadCalls = [512]uint8{
	30: 2, 31: 2, 100: 1, // ioprio_set, ioprio_get, get_robust_list
	118: 1, 119: 1, 120: 1, 121: 1, 122: 1, 123: 1, 127: 1, // sched_setparam ... sched_rr_get_interval
	129: 1, 130: 1, 131: 2, 138: 1, 240: 2, // kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo
	140: 2, 141: 2, // setpriority, getpriority
	154: 1, 155: 1, 156: 1, // setpgid, getpgid, getsid
	261: 1, 270: 1, 271: 1, 272: 1, // prlimit64, process_vm_readv, process_vm_writev, kcmp
	274: 1, 275: 1, 434: 1, // sched_setattr, sched_getattr, pidfd_open
}

// whoCalls are those of them whose first argument says what the second one is; its
// value for a thread.
var whoCalls = map[int]int{30: 1, 31: 1, 140: unix.PRIO_PROCESS, 141: unix.PRIO_PROCESS}

// namesHiddenThread reports whether a call is about one of hospes's own threads, which
// do not exist as far as the guest can tell.
func (t *Task) namesHiddenThread(c *Call) bool {
	nr := uint(c.Row.Nr)
	if nr >= uint(len(threadCalls)) || threadCalls[nr] == 0 {
		return false
	}
	if which, ok := whoCalls[c.Row.Nr]; ok && c.Int(0) != which {
		return false
	}
	return t.P.isHiddenThread(c.Int(int(threadCalls[nr]) - 1))
}

// isHiddenThread reports whether tid is a thread of this process, but not of the guest.
func (p *Process) isHiddenThread(tid int) bool {
	pid := os.Getpid()
	if tid <= 0 || tid == pid || p.hasTask(tid) {
		return false
	}
	_, _, e := syscall.RawSyscall(unix.SYS_TGKILL, uintptr(pid), uintptr(tid), 0)
	return e == 0
}
