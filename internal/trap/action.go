//go:build linux && amd64

package trap

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Install lets the guest's threads have the signal: it goes into their slots.
// Flags are SA_NOCLDSTOP and SA_NOCLDWAIT of sigaction(2). The unmaskable six
// always come; for them Install, Default and Ignore do nothing.
func Install(sig int, flags uint64) { setAction(sig, entryHandler, flags) }

// Default gives the signal its default action, which the kernel carries out.
func Default(sig int, flags uint64) { setAction(sig, sigDfl, flags) }

// Ignore has the kernel discard the signal.
func Ignore(sig int, flags uint64) { setAction(sig, sigIgn, flags) }

func setAction(sig int, handler uintptr, flags uint64) {
	if slotOf[sig] != slotOrdinary {
		return
	}
	a := kernelAction{handler: handler, flags: flags&(SA_NOCLDSTOP|SA_NOCLDWAIT) | saRestorer, restorer: entryRestorer}
	if handler == entryHandler {
		a.flags |= saSiginfo | saOnStack | saRestart
		a.mask = ^uint64(0)
	}
	sigaction(sig, &a, nil)
}

// Die ends the process by the signal, as its default action does. Whether there is a
// core dump is up to the host's kernel, but there is next to nothing in it: it would
// be of hospes, not of the guest.
func Die(sig int) {
	shrinkDump()
	a := kernelAction{handler: sigDfl, flags: saRestorer, restorer: entryRestorer}
	if sig != int(syscall.SIGKILL) && sig != int(syscall.SIGSTOP) {
		sigaction(sig, &a, nil)
	}
	setMask(blocked &^ (1 << (sig - 1)))
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), syscall.Signal(sig))
	// The first process of a PID namespace survives its own signals.
	os.Exit(128 + sig)
}

// minDump is the least RLIMIT_CORE, in bytes, with which the kernel dumps at all: what
// it has to leave out then does not count.
const minDump = 4096

// shrinkDump keeps all memory out of a core dump. A file is cut off by the limit, to
// which a program that gets the dump through a pipe is not subject (core(5)).
func shrinkDump() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &l) == nil && l.Cur > minDump {
		l.Cur = minDump
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &l)
	}
	if os.WriteFile("/proc/self/coredump_filter", []byte("0"), 0) != nil {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
}
