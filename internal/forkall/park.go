//go:build linux && amd64

package forkall

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/trap"
)

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// Gate is where a thread waits while the process forks. The zero Gate is open.
type Gate struct{ parked uint32 }

// Stop is the order to wait at the gates; odd while it stands.
type Stop struct{ phase uint32 }

// Ordered reports whether threads are to wait.
func (s *Stop) Ordered() bool { return atomic.LoadUint32(&s.phase)&1 != 0 }

// Order has threads wait, until Release.
func (s *Stop) Order() { atomic.AddUint32(&s.phase, 1) }

// Release ends the order.
func (s *Stop) Release() {
	atomic.AddUint32(&s.phase, 1)
	_, _, _ = syscall.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.phase)), futexWake, maxWaiters)
}

// Parked reports whether a thread waits at the gate, which it does not leave while
// the order stands.
func (g *Gate) Parked() bool { return atomic.LoadUint32(&g.parked) != 0 }

// Park waits while the order stands. To Go the thread is in a system call, so that
// it does without the thread; in a child of Fork the thread is not there.
//
// The thread gives its P away before it waits. It is not enough that others can take
// the P from a thread in a system call: who stops the world tries that once, and
// fails while sysmon is just looking at that thread. In the child, nobody would
// leave the call to make up for it.
//
// It is nosplit because the stack must not move between entersyscall and exitsyscall.
//
//go:nosplit
//go:norace
func (g *Gate) Park(s *Stop) {
	entersyscallblock()
	for phase := atomic.LoadUint32(&s.phase); phase&1 != 0; phase = atomic.LoadUint32(&s.phase) {
		atomic.StoreUint32(&g.parked, 1)
		for atomic.LoadUint32(&s.phase) == phase {
			syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.phase)), futexWait, uintptr(phase), 0, 0, 0)
		}
		atomic.StoreUint32(&g.parked, 0) // a new order is seen after this, if not its giver sees this
	}
	exitsyscall()
}

// Operations of futex(2): private ones, and those on memory that processes share.
const (
	futexWait  = 128
	futexWake  = 129
	maxWaiters = 1 << 30

	futexWaitShared = 0
	futexWakeShared = 1
)

// Halt stops the thread for its tracer (trap.Thread.Halt). Meanwhile it counts as
// waiting at the gate, so that others can fork; it waits in earnest afterwards if the
// order stands.
//
//go:nosplit
//go:norace
func (g *Gate) Halt(s *Stop, t *trap.Thread, record unsafe.Pointer) {
	entersyscallblock()
	atomic.StoreUint32(&g.parked, 1)
	t.Halt(record)
	for {
		for phase := atomic.LoadUint32(&s.phase); phase&1 != 0; phase = atomic.LoadUint32(&s.phase) {
			syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.phase)), futexWait, uintptr(phase), 0, 0, 0)
		}
		atomic.StoreUint32(&g.parked, 0)
		if atomic.LoadUint32(&s.phase)&1 == 0 {
			break
		}
		atomic.StoreUint32(&g.parked, 1) // an order came in between
	}
	exitsyscall()
}
