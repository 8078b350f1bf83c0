//go:build linux && amd64

package trap

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// stubSyscall is the address of stub's SYSCALL instruction, with the prefix.
//
//lint:ignore U1000 the handler, in assembly, reads it
var stubSyscall uintptr

// Addresses that the handler uses; constant after Init.
var (
	stubStart uintptr // entry of stub
	//lint:ignore U1000 in the assembly
	stopReturn    uintptr     // behind the breakpoint of stop
	goHandlers    [65]uintptr // Go's handlers of the five signals that faults raise
	entryHandler  uintptr
	entryRestorer uintptr
)

// inherited is what execve passed on, as far as known.
var inherited struct {
	mask    uint64
	ignored uint64
	exact   bool
}

// Inherit records the signal mask and the set of ignored signals with which the
// program was started. Package trap/early calls it before Init.
func Inherit(mask, ignored uint64) {
	inherited.mask, inherited.ignored, inherited.exact = mask, ignored, true
}

// Inherited returns the signal mask and the ignored signals (bit n-1 for signal
// n) with which the program was started. Not exact means: what Go's runtime left
// of them, without package trap/early.
func Inherited() (mask, ignored uint64, exact bool) {
	return inherited.mask, inherited.ignored, inherited.exact
}

// takenOver is what could be changed in Go's runtime.
var takenOver struct{ masks, preemption bool }

// Shortcomings lists, in words, what of the guest's signals cannot be exact in
// this program. It is for after Init.
func Shortcomings() (list []string) {
	if !inherited.exact {
		list = append(list, "the inherited signal mask and ignored signals are known in part only, and new threads of Go's runtime may take a signal that the guest blocks (built with cgo, or without package trap/early)")
	}
	if !takenOver.masks {
		list = append(list, "new threads of Go's runtime may take some signals that the guest blocks, SIGTERM and SIGCHLD among them (unknown version of Go)")
	}
	if !takenOver.preemption {
		list = append(list, "Go's runtime uses SIGURG (unknown version of Go)")
	}
	return list
}

var initMu sync.Mutex

// before is what Init has changed, for Release; guarded by initMu.
var before struct {
	users   int // Inits without a Release
	actions [65]kernelAction
	mask    uint64
}

// What the handler does with a thread that is none of the guest's.
var (
	released  uint32            // 1 after Release: the signal is Go's
	quietMask = uint64(blocked) // the mask that the thread gets
)

// Init prepares the process for a guest: all signals get the disposition that a
// new program image has, the unmaskable six their handler, and the threads of
// Go's runtime are kept from taking signals. Call it on the goroutine of the guest's
// first thread, locked to its thread, before the first Bind. When it has been called
// already it does no more than want another Release.
func Init() {
	initMu.Lock()
	defer initMu.Unlock()
	if before.users++; before.users > 1 {
		return
	}
	before.mask = currentMask()
	for sig := 1; sig < len(before.actions); sig++ {
		sigaction(sig, nil, &before.actions[sig])
	}
	atomic.StoreUint64(&quietMask, blocked)
	atomic.StoreUint32(&released, 0)
	setUp()
}

// Release ends what Init began, in a program that goes on without a guest; there must
// be one for each Init. Signals are again what they were for Go. Only the six keep their handler, which hands them
// on.
func Release() {
	initMu.Lock()
	defer initMu.Unlock()
	if before.users--; before.users > 0 {
		return
	}
	giveBackRuntime()
	atomic.StoreUint64(&quietMask, before.mask)
	atomic.StoreUint32(&released, 1)
	for sig := 1; sig < len(before.actions); sig++ {
		if slotOf[sig] == slotOrdinary && sig != int(syscall.SIGKILL) && sig != int(syscall.SIGSTOP) {
			sigaction(sig, &before.actions[sig], nil)
		}
	}
	quietThreads()
	setMask(before.mask)
}

// Faults has instructions of translated code (AddCode) that fault go on where they should, in a
// program whose signals stay Go's: the five signals that faults raise get our handler, which hands
// everything else on to Go's. After Init it does nothing.
func Faults() {
	initMu.Lock()
	defer initMu.Unlock()
	if entryHandler != 0 {
		return
	}
	stubStart, entryHandler, entryRestorer = codeAddrs()
	stopReturn = findBreakpoint(stopAddr())
	atomic.StoreUint64(&quietMask, currentMask())
	atomic.StoreUint32(&released, 1)
	for _, sig := range []syscall.Signal{syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV} {
		interpose(int(sig))
	}
}

func setUp() {
	stubStart, entryHandler, entryRestorer = codeAddrs()
	stubSyscall = findSyscall(stubStart)
	stopReturn = findBreakpoint(stopAddr())
	if !inherited.exact {
		inherited.mask = currentMask()
		inherited.ignored = ignoredNow()
	}
	if takenOver.masks && takenOver.preemption { // by Early, or before Release
		keepBlocked(signalTable)
		*preemptOff = 1
	} else {
		at := runtimeAuxv()
		takenOver.masks, takenOver.preemption = takeOverRuntime(&at)
	}
	for sig := 1; sig <= 64; sig++ {
		switch {
		case sig == int(syscall.SIGKILL) || sig == int(syscall.SIGSTOP):
		case slotOf[sig] != slotOrdinary:
			interpose(sig)
		case inherited.ignored&(1<<(sig-1)) != 0:
			setFirst(sig, sigIgn)
		default:
			setFirst(sig, sigDfl)
		}
	}
	quietThreads()
}

// setFirst sets the disposition that a signal has at first, unless it has that: before has been read just now.
func setFirst(sig int, handler uintptr) {
	if old := &before.actions[sig]; old.handler != handler || old.flags&^saRestorer != 0 {
		setAction(sig, handler, 0)
	}
}

// ignoredNow is the set of signals that the process ignores.
func ignoredNow() (set uint64) {
	for sig := 1; sig <= 64; sig++ {
		var a kernelAction
		sigaction(sig, nil, &a)
		if a.handler == sigIgn {
			set |= 1 << (sig - 1)
		}
	}
	return set
}

// interpose puts our handler before Go's.
func interpose(sig int) {
	var old kernelAction
	sigaction(sig, nil, &old)
	if old.handler != entryHandler { // left by Release
		goHandlers[sig] = old.handler
	}
	a := kernelAction{
		handler:  entryHandler,
		flags:    saSiginfo | saOnStack | saRestart | saRestorer,
		restorer: entryRestorer,
		mask:     ^uint64(0),
	}
	sigaction(sig, &a, nil)
}

// quietThreads has all threads of Go's runtime set the mask quietMask: a kick that
// finds no Thread does that. Without /proc they learn it from their first signal.
func quietThreads() {
	fd, err := unix.Open("/proc/self/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	self, pid := unix.Gettid(), os.Getpid()
	buf := make([]byte, 4096)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if tid, err := strconv.Atoi(name); err == nil && tid != self {
				_ = unix.Tgkill(pid, tid, syscall.SIGSTKFLT)
			}
		}
	}
}
