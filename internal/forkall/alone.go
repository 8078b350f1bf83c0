//go:build linux && amd64

package forkall

import (
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Alone makes a system call as the only thread of the process: all others end
// before, and are made anew by the calling thread afterwards, with what it has then.
// So the call may be one that the kernel refuses to processes of several threads, or
// that concerns the calling thread only and is to concern all: namespaces,
// credentials, restrictions.
//
// The call must not keep the thread from making threads. The calling goroutine must
// be locked to its thread, which is the process's first one; only one may call Alone
// or Fork at a time, and there must be no guest thread but this one. Init must have
// succeeded. The error is EAGAIN if the other threads did not stop.
func Alone(nr, a1, a2, a3 uintptr) (uintptr, syscall.Errno) {
	trap.FreezeInfo(&freezing)
	for attempt := 0; ; attempt++ {
		reserve := hostthread.Hold(nil)
		if !leaveAlone(reserve) {
			hostthread.Release()
			return 0, syscall.EAGAIN
		}
		r := alone(nr, a1, a2, a3)
		if r != notFrozen {
			hostthread.Forked()
			return r, errno(r)
		}
		hostthread.Release()
		if attempt == maxAttempts {
			return 0, syscall.EAGAIN
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// alone stops the other threads, has them end, makes the call and makes them anew.
//
//go:nosplit
//go:norace
func alone(nr, a1, a2, a3 uintptr) uintptr {
	old := blockSignals()
	if !freeze() {
		thaw()
		restoreSignals(old)
		return notFrozen
	}
	hostthread.Dismiss()
	atomic.StoreUint32(&control.end, 1)
	thaw()
	waitEnded()
	atomic.StoreUint32(&control.end, 0)
	r := raw(nr, a1, a2, a3, 0)
	if reviveThreads() != 0 {
		raw(unix.SYS_EXIT_GROUP, reviveFailed, 0, 0, 0)
	}
	restoreSignals(old)
	return r
}

// waitEnded waits until all threads in signalled have ended.
//
//go:nosplit
//go:norace
func waitEnded() {
	pid := raw(unix.SYS_GETPID, 0, 0, 0, 0)
	for i := 0; i < total; i++ {
		for !failed(raw(unix.SYS_TGKILL, pid, uintptr(signalled[i]), 0, 0)) {
			raw(unix.SYS_SCHED_YIELD, 0, 0, 0, 0)
		}
	}
}
