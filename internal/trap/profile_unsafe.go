//go:build linux && amd64

package trap

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigevent is the kernel's struct sigevent.
type sigevent struct {
	value  uint64
	signal int32
	notify int32
	tid    int32
	_      [44]byte
}

// sigevThreadID is SIGEV_THREAD_ID: the signal is for one thread.
const sigevThreadID = 4

// createTimer makes a timer of the calling thread's CPU time, with signals to it.
func createTimer(tid int) (id int, e syscall.Errno) {
	ev := sigevent{value: sampleValue, signal: int32(syscall.SIGSTKFLT), notify: sigevThreadID, tid: int32(tid)}
	var timer int32
	_, _, e = syscall.RawSyscall(unix.SYS_TIMER_CREATE, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&ev)), uintptr(unsafe.Pointer(&timer)))
	return int(timer), e
}

// setTimer has a timer strike each period.
func setTimer(id int, period time.Duration) syscall.Errno {
	every := unix.NsecToTimespec(int64(period))
	spec := [2]unix.Timespec{every, every}
	_, _, e := syscall.RawSyscall6(unix.SYS_TIMER_SETTIME, uintptr(id), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	return e
}

func deleteTimer(id int) { _, _, _ = syscall.RawSyscall(unix.SYS_TIMER_DELETE, uintptr(id), 0, 0) }

// address is where a bitmap lies.
func address(bits []uint64) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(bits))) }
