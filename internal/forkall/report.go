//go:build linux && amd64

package forkall

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A child tells its parent whether it is complete, in memory that they share: a host
// that refuses it a thread has refused the fork. The memory is one page for all
// processes that come from one; a fork takes the next of its words.

// reports is the page: the first word counts the forks.
type reports [1024]uint32

var (
	shared *reports // nil if there is none: then nobody reports
	report *uint32  // of the fork under way
)

// Values of a report besides the errno with which the host has refused a thread.
const (
	reportNone = 0
	reportDone = 1 << 16
)

// shareReports makes the page.
func shareReports() error {
	p, err := unix.MmapPtr(-1, 0, nil, unsafe.Sizeof(reports{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	shared = (*reports)(p)
	return err
}

// beginReport takes the word of a fork, before it.
//
//go:nosplit
//go:norace
func beginReport() {
	n := atomic.AddUint32(&shared[0], 1)
	report = &shared[1+n%uint32(len(shared)-1)]
	atomic.StoreUint32(report, reportNone)
}

// sendReport is the child's.
//
//go:nosplit
//go:norace
func sendReport(value uint32) {
	atomic.StoreUint32(report, value)
	raw(unix.SYS_FUTEX, uintptr(unsafe.Pointer(report)), futexWakeShared, 1, 0)
}

// confirm waits for the report of a child, and returns what Fork is to return. A
// child that is stopped or killed before it can report is there nevertheless.
func confirm(child int, flags uintptr) (pid, fd int, e syscall.Errno) {
	const (
		look     = 2 * time.Millisecond // how often to see whether the child lives
		patience = time.Second
	)
	timeout := unix.NsecToTimespec(int64(look))
	for begin := time.Now(); time.Since(begin) < patience; {
		value := atomic.LoadUint32(report)
		switch value {
		case reportDone:
			return child, int(pidfd), 0
		case reportNone:
			_, _, e := syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(report)), futexWaitShared, reportNone, uintptr(unsafe.Pointer(&timeout)), 0, 0)
			if e == unix.ETIMEDOUT && atomic.LoadUint32(report) == reportNone && hasChanged(child) {
				return child, int(pidfd), 0
			}
		default:
			discard(child, flags)
			return 0, 0, syscall.Errno(value)
		}
	}
	return child, int(pidfd), 0
}

// hasChanged reports whether a child has ended or stopped; somebody else may have
// waited for it.
func hasChanged(child int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, child, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err == unix.ECHILD || err == nil && info.Signo != 0
}

// discard takes back a child that is not complete.
func discard(child int, flags uintptr) {
	if flags&unix.CLONE_PIDFD != 0 {
		_ = unix.Close(int(pidfd))
	}
	for {
		if _, err := unix.Wait4(child, nil, unix.WALL, nil); err != unix.EINTR {
			return
		}
	}
}
