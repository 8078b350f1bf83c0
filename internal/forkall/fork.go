//go:build linux && amd64

package forkall

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/hostthread"
	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/trap"
)

// maxThreads bounds the threads that can be made anew.
const maxThreads = 1024

// record is what is to be known of a stopped thread.
type record struct {
	sp uintptr //lint:ignore U1000 in the signal handler; assembly sets and reads both
	fs uintptr //lint:ignore U1000 see sp
}

// control is what the threads that stop look at. It is not on the heap: the child
// has a copy at once, and nobody moves it.
var control struct {
	phase   uint32 // odd while threads are to stop
	claimed uint32 // how many records are in use
	frozen  uint32 // how many threads have stopped
	inside  uint32 // how many threads are in the handler
	end     uint32 // not zero: they are to end when they go on (Alone)
	_       uint32
	records [maxThreads]record
}

// State of the thread that forks; one at a time.
var (
	signalled [maxThreads]int32 // threads that need no signal: those to be left alone, then those that got one
	skipped   int               // the former
	total     int
	entries   [4096]byte // of taskDir
	freezing  trap.Info
	pidfd     int32
	taskDir   = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 't', 'a', 's', 'k', 0}

	fileSystem unix.Statfs_t // of taskDir
)

// Fork makes a child process with flags of clone(2) that go without CLONE_VM,
// CLONE_FILES and thread IDs, and the exit signal. The threads with the IDs of
// parked wait in [Gate.Park], all of them and until Fork returns. It returns 0 in
// the child. If CLONE_PIDFD is among the flags, fd is the new descriptor. EAGAIN and
// ENOMEM may also mean that there are not enough threads for the child: it has
// ended and is waited for, but the exit signal has been sent.
//
// The calling goroutine must be locked to its thread; only one may call at a time.
// Init must have succeeded.
func Fork(flags uintptr, parked []int) (pid, fd int, e syscall.Errno) {
	// It takes a free number for a moment, before and after.
	reserved.Room(func() { pid, fd, e = forkParked(flags, parked) })
	return pid, fd, e
}

func forkParked(flags uintptr, parked []int) (pid, fd int, e syscall.Errno) {
	// What the runtime needs while the host refuses threads to this process's children. A
	// thread whose children are to be in another PID namespace can make no threads at all
	// (EINVAL); the runtime makes its own from others.
	if hostthread.Empty() {
		if e := hostthread.Reserve(2); e != 0 && e != unix.EINVAL {
			return 0, 0, e
		}
	}
	trap.FreezeInfo(&freezing)
	for attempt := 0; ; attempt++ {
		if !leaveAlone(hostthread.Hold(parked)) {
			hostthread.Release()
			return 0, 0, syscall.EAGAIN
		}
		r := fork(flags)
		if r == 0 {
			hostthread.Forked()
		} else {
			hostthread.Release()
		}
		if r == 0 || failed(r) && r != notFrozen {
			return int(r), int(pidfd), errno(r)
		}
		if r != notFrozen {
			return confirm(int(r), flags)
		}
		if attempt == maxAttempts {
			return 0, 0, syscall.EAGAIN
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// leaveAlone says which threads are not to be stopped. It fails if there are too many.
func leaveAlone(tids []int) bool {
	if len(tids) > maxThreads {
		return false
	}
	for i, tid := range tids {
		signalled[i] = int32(tid)
	}
	skipped = len(tids)
	return true
}

const (
	notFrozen   = ^uintptr(1<<20) + 1 // result of fork: the threads did not stop
	maxAttempts = 5000
)

//go:nosplit
func errno(r uintptr) syscall.Errno {
	if r > ^uintptr(4095) {
		return syscall.Errno(-r)
	}
	return 0
}

// fork stops the other threads, makes the child, and lets them go.
//
//go:nosplit
//go:norace
func fork(flags uintptr) uintptr {
	old := blockSignals()
	r := notFrozen
	if freeze() {
		beginReport()
		r = raw(unix.SYS_CLONE, flags, 0, uintptr(unsafe.Pointer(&pidfd)), 0)
	}
	if r == 0 {
		revive()
	}
	thaw()
	restoreSignals(old)
	return r
}

// blockSignals blocks all signals and returns the mask before.
//
//go:nosplit
//go:norace
func blockSignals() (old uint64) {
	all := ^uint64(0)
	raw(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8)
	return old
}

//go:nosplit
//go:norace
func restoreSignals(mask uint64) {
	raw(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&mask)), 0, 8)
}

// freeze stops all threads but the calling one and those that are parked. It fails
// if one does not stop: one that blocks signals, as threads that begin or end do,
// and waits for a lock that a stopped one holds.
//
//go:nosplit
//go:norace
func freeze() bool {
	pid, self := raw(unix.SYS_GETPID, 0, 0, 0, 0), raw(unix.SYS_GETTID, 0, 0, 0, 0)
	total = skipped
	// One that is late from the time before would count as stopped, and go on.
	for atomic.LoadUint32(&control.inside) != 0 {
		raw(unix.SYS_SCHED_YIELD, 0, 0, 0, 0)
	}
	atomic.StoreUint32(&control.claimed, 0)
	atomic.StoreUint32(&control.frozen, 0)
	atomic.AddUint32(&control.phase, 1)
	// A thread that was listed before it stopped may have made another, and one that
	// ends while the directory is read may have the kernel leave others out.
	for quiet := 0; quiet < 3; quiet++ {
		n := signalAll(pid, self)
		if n < 0 || !waitFrozen(pid) {
			return false
		}
		if n > 0 {
			quiet = -1
		}
	}
	return true
}

// thaw lets the stopped threads go. In the child there is none.
//
//go:nosplit
//go:norace
func thaw() {
	atomic.AddUint32(&control.phase, 1)
	raw(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&control.phase)), futexWake, maxWaiters, 0)
}

// signalAll sends the signal to all threads that have had none, and returns how
// many there were, or -1 if that cannot be told.
//
//go:nosplit
//go:norace
func signalAll(pid, self uintptr) int {
	fresh := -1
	dir := raw(unix.SYS_OPENAT, 0, uintptr(unsafe.Pointer(&taskDir)), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if !failed(dir) {
		if !failed(raw(unix.SYS_FSTATFS, dir, uintptr(unsafe.Pointer(&fileSystem)), 0, 0)) && fileSystem.Type == unix.PROC_SUPER_MAGIC {
			fresh = signalDir(dir, pid, self)
		}
		raw(unix.SYS_CLOSE, dir, 0, 0, 0)
	}
	if fresh < 0 && list.head != 0 {
		return signalListed(pid, self)
	}
	return fresh
}

// signalDir is signalAll by a task directory. One that lacks the calling thread is
// that of another PID namespace.
//
//go:nosplit
//go:norace
func signalDir(dir, pid, self uintptr) int {
	fresh, own := 0, false
	for {
		n := raw(unix.SYS_GETDENTS64, dir, uintptr(unsafe.Pointer(&entries)), unsafe.Sizeof(entries), 0)
		if failed(n) {
			return -1
		}
		if n == 0 {
			break
		}
		for at := uintptr(0); at < n; at += direntLen(at) {
			tid := direntNumber(at)
			own = own || tid == self
			sent := signalThread(pid, self, tid)
			if sent < 0 {
				return -1
			}
			fresh += sent
		}
	}
	if !own {
		return -1
	}
	return fresh
}

// Offsets in struct linux_dirent64 (getdents64(2)).
const (
	direntReclen = 16
	direntName   = 19
)

// direntLen is the length of the directory entry at an offset in entries.
//
//go:nosplit
func direntLen(at uintptr) uintptr {
	return uintptr(entries[at+direntReclen]) | uintptr(entries[at+direntReclen+1])<<8
}

// direntNumber is the number that the entry's name is, or 0.
//
//go:nosplit
func direntNumber(at uintptr) (n uintptr) {
	for i := at + direntName; i < uintptr(len(entries)) && entries[i] != 0; i++ {
		c := entries[i]
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uintptr(c-'0')
	}
	return n
}

//go:nosplit
func isSignalled(tid int32) bool {
	for i := 0; i < total; i++ {
		if signalled[i] == tid {
			return true
		}
	}
	return false
}

// patience is how often waitFrozen finds, a millisecond apart, that no further
// thread has stopped, before it gives up.
const patience = 4

// waitFrozen waits until all threads that have got the signal have stopped or ended.
//
//go:nosplit
//go:norace
func waitFrozen(pid uintptr) bool {
	for stuck := 0; stuck < patience; {
		frozen := atomic.LoadUint32(&control.frozen)
		if int(frozen) >= total-skipped {
			return true
		}
		wait := unix.Timespec{Nsec: 1e6}
		r := raw(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&control.frozen)), futexWait, uintptr(frozen), uintptr(unsafe.Pointer(&wait)))
		if errno(r) == unix.ETIMEDOUT {
			stuck++
			dropEnded(pid)
		}
	}
	return false
}

// dropEnded strikes threads off the list that have ended.
//
//go:nosplit
//go:norace
func dropEnded(pid uintptr) {
	for i := skipped; i < total; {
		if failed(raw(unix.SYS_TGKILL, pid, uintptr(signalled[i]), 0, 0)) {
			total--
			signalled[i] = signalled[total]
		} else {
			i++
		}
	}
}

// revive makes the child's runtime complete.
//
//go:nosplit
//go:norace
func revive() {
	*word(currentM() + procidOffset) = raw(unix.SYS_GETTID, 0, 0, 0, 0)
	replace(uintptr(poller.Int()), raw(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0, 0))
	// With an event, in case the parent was about to take one.
	replace(uintptr(event.Int()), raw(unix.SYS_EVENTFD2, 1, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK, 0, 0))
	raw(unix.SYS_EPOLL_CTL, uintptr(poller.Int()), unix.EPOLL_CTL_ADD, uintptr(event.Int()), uintptr(unsafe.Pointer(&eventEntry)))
	if e := reviveThreads(); e != 0 {
		sendReport(uint32(e))
		raw(unix.SYS_EXIT_GROUP, reviveFailed, 0, 0, 0)
	}
	sendReport(reportDone)
}

// reviveThreads makes the threads anew that have records. On failure not all of them
// are there, and the process cannot go on.
//
//go:nosplit
//go:norace
func reviveThreads() syscall.Errno {
	atomic.StoreUint32(&control.inside, 0)
	n := atomic.LoadUint32(&control.claimed)
	for i := uint32(0); i < n; i++ {
		if r := resume(&control.records[i]); failed(r) {
			return errno(r)
		}
	}
	return 0
}

// reviveFailed is the exit status of a child that is not complete, which nobody sees
// but in the last resort.
const reviveFailed = 125

// replace gives a new descriptor the number of an old one.
//
//go:nosplit
//go:norace
func replace(old, fresh uintptr) {
	if failed(fresh) || failed(raw(unix.SYS_DUP3, fresh, old, unix.O_CLOEXEC, 0)) {
		raw(unix.SYS_EXIT_GROUP, reviveFailed, 0, 0, 0)
	}
	raw(unix.SYS_CLOSE, fresh, 0, 0, 0)
}

//go:nosplit
func failed(r uintptr) bool { return r > ^uintptr(4095) }

// raw performs a system call with four arguments at most; a fifth is 0. It returns a
// negative errno on failure.
//
//go:noescape
func raw(nr, a1, a2, a3, a4 uintptr) uintptr

// resume makes a thread that goes on where a record says.
//
//go:noescape
func resume(r *record) uintptr
