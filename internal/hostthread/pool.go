//go:build linux && amd64

package hostthread

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// maxReserve is the most threads that can wait.
const maxReserve = 64

// States of a slot. The threads in slots are in the kernel's futex queue of state.
const (
	slotFree    = 0 // no thread
	slotParked  = 1 // a thread waits
	slotClaimed = 2 // it is being told what to be
	slotGo      = 3 // it has been told
	slotMaking  = 4 // there may be a thread soon
	slotEnd     = 5 // it has been told to end
)

// slot is a thread in reserve, with the arguments of the runtime's clone for it.
type slot struct {
	state uint32 // a futex
	tid   uint32
	//lint:ignore U1000 in the assembly
	stk, mp, gp, fn uintptr
}

// pool is used by assembly, on threads that may have no g: it is not on the heap and
// knows no locks.
var pool struct {
	//lint:ignore U1000 in the assembly: threads that are about to take one out of a slot
	inflight uint32
	held     uint32 // not zero while none may be taken
	slots    [maxReserve]slot
}

var mu sync.Mutex // serialises Reserve

// Reserve sees to it that n threads are in reserve, at most. If there are fewer in
// the end, it returns why the host refused. Threads inherit much of the one that
// makes them, so the caller should not be one that has anything of its own.
func Reserve(n int) syscall.Errno {
	if Init() != nil {
		return 0
	}
	mu.Lock()
	defer mu.Unlock()
	n = min(n, maxReserve)
	have := waiting()
	for i := range pool.slots {
		if have >= n {
			break
		}
		s := &pool.slots[i]
		if atomic.LoadUint32(&s.state) != slotFree {
			continue
		}
		if r := park(s); r > ^uintptr(4095) {
			atomic.StoreUint32(&s.state, slotFree)
			return syscall.Errno(-r)
		}
		atomic.StoreUint32(&s.state, slotParked)
		have++
	}
	return 0
}

// Empty reports whether no thread is in reserve, though there could be.
func Empty() bool { return Init() == nil && waiting() == 0 }

func waiting() (n int) {
	for i := range pool.slots {
		if atomic.LoadUint32(&pool.slots[i].state) == slotParked {
			n++
		}
	}
	return n
}

// Hold keeps the threads in reserve from being used, until Release, and appends their
// IDs to tids. It is for who looks at all threads of the process. Nobody may call
// Reserve meanwhile.
func Hold(tids []int) []int {
	atomic.StoreUint32(&pool.held, 1)
	for atomic.LoadUint32(&pool.inflight) != 0 {
		syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
	}
	for i := range pool.slots {
		if s := &pool.slots[i]; atomic.LoadUint32(&s.state) == slotParked {
			tids = append(tids, int(s.tid))
		}
	}
	return tids
}

// Release ends what Hold began.
func Release() { atomic.StoreUint32(&pool.held, 0) }

// Dismiss has the threads in reserve end, between Hold and Forked.
//
//go:nosplit
//go:norace
func Dismiss() {
	for i := range pool.slots {
		s := &pool.slots[i]
		if atomic.CompareAndSwapUint32(&s.state, slotParked, slotEnd) {
			const wake, one = 129, 1 // FUTEX_WAKE_PRIVATE
			syscall.RawSyscall(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&s.state)), wake, one)
		}
	}
}

// Forked is Release in a process that does not have these threads: a copy of the one
// that did, or after Dismiss.
func Forked() {
	for i := range pool.slots {
		atomic.StoreUint32(&pool.slots[i].state, slotFree)
	}
	Release()
}

// park makes a thread that waits in a slot. It returns a negative errno on failure.
//
//go:noescape
func park(s *slot) uintptr
