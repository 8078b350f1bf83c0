//go:build linux && amd64

package forkall

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/reserved"
	"github.com/hospes-vm/hospes/internal/trap"
)

// What Init has found out.
var (
	poller, event *reserved.Descriptor // those of the runtime's poller
	eventEntry    unix.EpollEvent      // how event is registered with poller
)

// procidOffset is where a runtime.m has procid: behind g0,
// morebuf (a gobuf of six words), and a word. Init checks it.
const procidOffset = 8 + 6*8 + 8

var (
	errRuntime = errors.New("fork: this version of Go keeps its threads' IDs elsewhere")
	errPoller  = errors.New("fork: the descriptors of Go's poller are not where they should be")
	errThreads = errors.New("fork: /proc is not mounted, and this version of Go keeps its list of threads elsewhere")
)

// Init prepares for Fork. An error means that the process cannot fork. It is for
// any time after trap.Init.
var Init = sync.OnceValue(setUp)

func setUp() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !findThreadID() {
		return errRuntime
	}
	if !findPoller() {
		return errPoller
	}
	if !findList() && !haveProc() {
		return errThreads
	}
	if err := shareReports(); err != nil {
		return err
	}
	trap.SetFreezer(freezerAddr())
	return nil
}

// findThreadID checks that the m of this thread holds the thread's ID.
func findThreadID() bool { return *word(currentM() + procidOffset) == uintptr(unix.Gettid()) }

// haveProc reports whether /proc can tell which threads there are.
func haveProc() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/task", &st) == nil
}

// findPoller learns which descriptor is which and what the event descriptor is
// registered with.
func findPoller() bool {
	fds := reserved.Poller()
	if len(fds) != 2 {
		return false
	}
	one := [8]byte{1}
	for i, fd := range fds {
		if _, err := unix.Write(fd.Int(), one[:]); err == nil { // an epoll descriptor cannot be written
			event, poller = fd, fds[1-i]
		}
	}
	if event == nil {
		return false
	}
	// A thread that waits for events is woken by one, and on a processor that they share it
	// may run before this thread does, and end the event, however often that tries.
	const few, many = 4, 1 << 16
	return findEntry(few) || readEntry() || findEntry(many)
}

// findEntry learns what the event descriptor is registered with from the poller, which
// it asks for an event that it raises. The runtime may see that first, and end it.
func findEntry(attempts int) (found bool) {
	one := [8]byte{1}
	for ; attempts > 0 && !found; attempts-- {
		_, _ = unix.Write(event.Int(), one[:])
		eventEntry, found = pollOnce()
	}
	return found
}

// readEntry learns it from /proc.
func readEntry() bool {
	var text [1024]byte
	info, err := unix.Open("/proc/self/fdinfo/"+strconv.Itoa(poller.Int()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(info)
	n, _ := unix.Read(info, text[:])
	data, ok := registered(string(text[:max(n, 0)]), event.Int())
	eventEntry = unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(data), Pad: int32(data >> 32)}
	return ok
}

// registered returns the data with which a descriptor is registered, from the text of an
// epoll descriptor's file in /proc/pid/fdinfo (proc_pid_fdinfo(5)).
func registered(info string, fd int) (data uint64, ok bool) {
	for line := range strings.Lines(info) {
		f := strings.Fields(line) // tfd: 5 events: 19 data: 600000d3a2e8 pos:0 ...
		if len(f) < 6 || f[0] != "tfd:" || f[1] != strconv.Itoa(fd) || f[4] != "data:" {
			continue
		}
		data, err := strconv.ParseUint(f[5], 16, 64)
		return data, err == nil
	}
	return 0, false
}

// pollOnce asks the poller for its events. It leaves them to the runtime: one that
// was raised in earnest must not be lost.
func pollOnce() (entry unix.EpollEvent, found bool) {
	var events [16]unix.EpollEvent
	n, err := unix.EpollWait(poller.Int(), events[:], 0)
	for i := 0; err == nil && i < n; i++ {
		if e := events[i]; e.Events == unix.EPOLLIN {
			return e, true
		}
	}
	return entry, false
}

// word is the word at an address of the runtime's.
func word(p uintptr) *uintptr { return *(**uintptr)(unsafe.Pointer(&p)) }

// currentM is the address of the thread's m.
func currentM() uintptr

// freezerAddr is the address of the handler that stops a thread.
func freezerAddr() uintptr
