//go:build linux && amd64

package forkall

import (
	"errors"
	"runtime"
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
// registered with: it raises an event and takes the poller's word for it.
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
	// The runtime may see the event, and end it, before this does.
	for range 1000 {
		var found bool
		if eventEntry, found = pollOnce(); found {
			return true
		}
		_, _ = unix.Write(event.Int(), one[:])
	}
	return false
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
