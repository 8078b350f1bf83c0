//go:build linux && amd64

package trap

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// stub performs a system call unless t.ready&t.gate is set, and returns what the kernel
// leaves in RAX: a negative errno on failure. The signal handler knows its code.
//
//go:noescape
func stub(t *Thread, nr, a1, a2, a3, a4, a5, a6 uintptr) uintptr

// Syscall performs a system call that may block, on the thread that t is bound
// to. Other goroutines run meanwhile. Pointers among the arguments are the
// caller's to keep alive. When a signal or a kick waits, or arrives, the result
// is one of:
//
//   - [NotMade]: the call has not been made;
//   - [Restart]: the call was interrupted, and is one that SA_RESTART restarts;
//   - EINTR: the call was interrupted, and fails with EINTR after any handler;
//
// or the call's own result, if it was complete.
//
// It is nosplit because the stack must not move or grow between entersyscall and
// exitsyscall, both of which record this frame.
//
//go:nosplit
//go:norace
func (t *Thread) Syscall(nr, a1, a2, a3, a4, a5, a6 uintptr) (uintptr, syscall.Errno) {
	entersyscall()
	r := stub(t, nr, a1, a2, a3, a4, a5, a6)
	exitsyscall()
	if r > ^uintptr(4095) {
		return ^uintptr(0), syscall.Errno(-r)
	}
	return r, 0
}

// SetMask sets the host's signal mask to the guest's, as far as the host may block
// it. While the ordinary slot is full it does nothing and returns false: take the
// signal first. The two cannot happen at once, so no signal is delivered that mask
// blocks, once SetMask has returned true.
func (t *Thread) SetMask(mask uint64) bool {
	mask &^= Unmaskable
	t.gate = 1 << slotOrdinary
	defer func() { t.gate = ^uint32(0) }()
	for stub(t, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0) != 0 {
		if atomic.LoadUint32(&t.ready)&(1<<slotOrdinary) != 0 {
			return false
		}
		// A kick or one of the six came just before the call: again.
	}
	return true
}
