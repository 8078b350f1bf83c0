//go:build linux && amd64

package trap

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The registry finds the Thread of a host thread from a signal handler: an
// open-addressing table that is read without locks. A thread looks for its own
// entry only, which nobody else changes, so whatever happens to the others
// meanwhile is no matter.
const registrySize = 1 << 16 // a power of two

type entry struct {
	tid    uint32
	_      uint32
	thread uintptr // *Thread, hidden from the collector: bound keeps it alive
}

var (
	registry [registrySize]entry
	probes   uint32 = 1 // how many entries a search looks at: the longest distance ever used, plus one

	registryMu sync.Mutex
	bound      = map[*Thread]struct{}{}
)

// ErrTooMany is returned by Bind when no further thread fits.
var ErrTooMany = errors.New("too many guest threads")

// Bind makes t the Thread of the current host thread, to which the goroutine must
// be locked. Signals should be blocked until then.
func (t *Thread) Bind() error {
	tid := uint32(syscall.Gettid())
	registryMu.Lock()
	defer registryMu.Unlock()
	if len(bound) >= registrySize/2 {
		return ErrTooMany
	}
	for d := uint32(0); d < registrySize; d++ {
		e := &registry[(tid+d)%registrySize]
		if atomic.LoadUint32(&e.tid) != 0 {
			continue
		}
		if d >= probes {
			atomic.StoreUint32(&probes, d+1)
		}
		bound[t] = struct{}{}
		atomic.StoreUint32(&t.tid, tid)
		e.thread = uintptr(unsafe.Pointer(t))
		atomic.StoreUint32(&e.tid, tid)
		return nil
	}
	return ErrTooMany
}

// Unbind ends what Bind began, before the host thread ends or does other work.
// All signals are blocked then; those in slots that may have been meant for the
// process go back into its queue.
func (t *Thread) Unbind() {
	t.Freeze()
	t.Forget()
	for info, ok := t.Take(); ok; info, ok = t.Take() {
		if info.Code() != siTKill {
			_ = Requeue(&info)
		}
	}
}

// Forget is Unbind for a host thread that has ended, or replaced its program.
func (t *Thread) Forget() {
	registryMu.Lock()
	defer registryMu.Unlock()
	t.forget()
}

// forget is Forget for who holds registryMu.
func (t *Thread) forget() {
	for d := uint32(0); d < probes; d++ {
		e := &registry[(t.tid+d)%registrySize]
		if e.tid == t.tid {
			atomic.StoreUint32(&e.tid, 0)
			e.thread = 0
			break
		}
	}
	delete(bound, t)
	atomic.StoreUint32(&t.tid, 0)
}

// siTKill is the si_code of tkill(2) and tgkill(2).
const siTKill = -6
