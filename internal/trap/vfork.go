//go:build linux && amd64

package trap

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Vforked is a process that runs in this one's memory, in the place of the thread
// that made it, which sleeps in the kernel meanwhile (CLONE_VM|CLONE_VFORK of
// clone(2)). The child goes on in Go: it is the same goroutine, and all state is
// shared memory. When it has left, the parent's thread wakes up in [Vforked.Clone]
// and takes the goroutine over where the child left it: in [Vforked.Leave], or in
// the [Thread.Syscall] in which the child was killed. It cannot go on from
// anywhere else, so signals must not end the child by their default action
// outside of these two.
//
// Go creates no threads from a goroutine that is locked to its thread, as the
// calling one must be: so all that Go starts meanwhile is the parent's.
type Vforked struct {
	//lint:ignore U1000 for assembly
	sp, bp uintptr // where the child's stack is while it may leave; 0 when it must not
	//lint:ignore U1000 for assembly
	result uintptr // where the result of the call goes by which it leaves
	gone   uint32  // the child has left, this is the parent again
	ptid   int32   // where the kernel writes what CLONE_PIDFD asks for
	pid    uintptr // process ID of the child, valid when it is gone
}

// errGone is the result of the call by which a child has left, in the parent.
//
//lint:ignore U1000 assembly gives it
const errGone = 0xff0

// CloneFlags are the flags that [Vforked.Clone] adds.
const CloneFlags = unix.CLONE_VM | unix.CLONE_VFORK

// Clone makes the child. Flags are those of clone(2) that concern the kernel, with
// the exit signal; CLONE_PIDFD may be one of them, but none that has to do with
// thread IDs. It returns true in the child. In the parent it returns only with an
// error: without one, the parent goes on as said above, with Gone true.
//
// The host should block all signals that can be.
func (v *Vforked) Clone(flags uintptr) (child bool, e syscall.Errno) {
	if r := cloneVM(v, flags|CloneFlags); r != 0 {
		return false, syscall.Errno(-r)
	}
	return true, 0
}

// Gone reports whether the child has left, and this is the parent.
func (v *Vforked) Gone() bool { return v.gone != 0 }

// PID is the child's process ID, for the parent.
func (v *Vforked) PID() int { return int(v.pid) }

// PIDFD is the descriptor that CLONE_PIDFD made in the parent's table.
func (v *Vforked) PIDFD() int { return int(v.ptid) }

// Leave sets the host's mask and makes a system call by which the child is to
// leave, as execve(2) and exit_group(2), or in which a signal is to end it. It
// returns 0 in the parent, or the error with which the call failed; then the host
// blocks everything again.
//
//go:nosplit
//go:norace
func (v *Vforked) Leave(mask uint64, nr uintptr, args [5]uintptr) syscall.Errno {
	mask &^= Unmaskable
	entersyscall()
	r := leave(v, &mask, nr, &args)
	exitsyscall()
	if v.gone != 0 {
		return 0
	}
	setMask(blocked)
	return syscall.Errno(-r)
}

// Die ends the child by the signal as its default action does.
func (v *Vforked) Die(sig int) {
	if sig != int(unix.SIGKILL) {
		a := kernelAction{handler: sigDfl, flags: saRestorer, restorer: entryRestorer}
		sigaction(sig, &a, nil)
	}
	// Without a core file, which would be of hospes. The limit is the child's own.
	none := unix.Rlimit{}
	_, _, _ = syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
	v.Leave(^(uint64(1) << (sig - 1)), unix.SYS_TGKILL, [5]uintptr{uintptr(syscall.Getpid()), uintptr(unix.Gettid()), uintptr(sig)})
	if !v.Gone() { // the first process of a PID namespace survives its own signals
		v.Exit(128 + sig)
	}
}

// Exit ends the child with an exit status.
func (v *Vforked) Exit(status int) {
	v.Leave(blocked, unix.SYS_EXIT_GROUP, [5]uintptr{uintptr(status)})
}

// SetVforked says that t is the thread of v, a child.
func (t *Thread) SetVforked(v *Vforked) { t.vforked = v }

// cloneVM performs clone(2). It returns 0 in the child, or a negative errno.
func cloneVM(v *Vforked, flags uintptr) uintptr

// leave records the stack in v, sets the signal mask and performs a system call. It
// returns a negative errno.
//
//go:noescape
func leave(v *Vforked, mask *uint64, nr uintptr, args *[5]uintptr) uintptr
