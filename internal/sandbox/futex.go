//go:build linux

package sandbox

import (
	"math"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Operations of futex(2) (linux/futex.h).
const (
	futexWait        = 0
	futexWake        = 1
	futexRequeue     = 3
	futexCmpRequeue  = 4
	futexWakeOp      = 5
	futexWaitBitset  = 9
	futexWakeBitset  = 10
	futexPrivate     = 128
	futexClockReal   = 256
	futexAnyBitset   = math.MaxUint32
	futexWakeOpShift = 8 // FUTEX_OP_OPARG_SHIFT << 28
)

// futexKey is what a futex is known by: memory and address, or the file and offset that is
// shared there.
type futexKey struct {
	in   any // *memory, or [2]uint64 of device and inode
	addr uint64
}

// futexWaiter is a task that waits.
type futexWaiter struct {
	t      *Task
	key    futexKey
	bitset uint32
	woken  bool
	owns   bool     // it will own the lock: see futex_pi.go
	lock   futexKey // what requeuePI may move it to
}

// futexes are the queues of a kernel.
type futexes struct {
	mu     sync.Mutex // guards queues, and what is in waiters; held while words are compared
	queues map[futexKey][]*futexWaiter
}

// futexKey returns what the futex at an address is known by.
func (t *Task) futexKey(addr uint64, private bool) (futexKey, syscall.Errno) {
	if addr%4 != 0 {
		return futexKey{}, syscall.EINVAL
	}
	if addr >= t.Mem.Limit() {
		return futexKey{}, syscall.EFAULT
	}
	if !private {
		v, ok := t.Mem.Lookup(addr)
		if !ok || v.Prot == mem.None {
			return futexKey{}, syscall.EFAULT
		}
		if v.Shared && v.File != nil {
			return futexKey{[2]uint64{v.File.Dev, v.File.Ino}, addr - v.Start + v.Offset}, 0
		}
	}
	return futexKey{t.mm, addr}, 0
}

// wake wakes up to n tasks that wait with some of the bits of bitset. mu is held.
func (f *futexes) wake(key futexKey, n int, bitset uint32) (woken int) {
	q := f.queues[key]
	kept := q[:0]
	for _, w := range q {
		if woken >= n || w.bitset&bitset == 0 && !w.owns {
			kept = append(kept, w)
			continue
		}
		woken++
		w.woken = true
		w.t.Wake()
	}
	f.set(key, kept, len(q))
	return woken
}

// set stores a queue that had n waiters.
func (f *futexes) set(key futexKey, q []*futexWaiter, n int) {
	clear(q[len(q):n])
	if len(q) == 0 {
		delete(f.queues, key)
		return
	}
	f.queues[key] = q
}

// remove takes a waiter out of its queue. It reports false if it has been woken. mu is held.
func (f *futexes) remove(w *futexWaiter) bool {
	if w.woken {
		return false
	}
	q := f.queues[w.key]
	f.set(w.key, slices.DeleteFunc(q, func(other *futexWaiter) bool { return other == w }), len(q))
	return true
}

func (f *futexes) add(w *futexWaiter) { f.queues[w.key] = append(f.queues[w.key], w) }

func sysFutex(t *Task, c *Call) (uint64, syscall.Errno) {
	opcode := c.Int(1)
	private := opcode&futexPrivate != 0
	cmd := opcode &^ (futexPrivate | futexClockReal)
	if opcode&futexClockReal != 0 && cmd != futexWait && cmd != futexWaitBitset && cmd != futexLockPI2 && cmd != futexWaitRequeuePI {
		return 0, syscall.ENOSYS
	}
	addr, val := c.Args[0], c.Uint(2)
	switch cmd {
	case futexWait, futexWaitBitset:
		return t.futexWaitCall(c, private, cmd)
	case futexWake, futexWakeBitset:
		bitset := uint32(futexAnyBitset)
		if cmd == futexWakeBitset {
			if bitset = c.Uint(5); bitset == 0 {
				return 0, syscall.EINVAL
			}
		}
		key, e := t.futexKey(addr, private)
		if e != 0 {
			return 0, e
		}
		f := &t.K.futexes
		f.mu.Lock()
		defer f.mu.Unlock()
		return uint64(f.wake(key, max(int(int32(val)), 1), bitset)), 0
	case futexRequeue, futexCmpRequeue:
		return t.futexRequeueCall(c, private, cmd == futexCmpRequeue)
	case futexLockPI, futexUnlockPI, futexTrylockPI, futexLockPI2:
		return t.futexPI(c, private, cmd)
	case futexWaitRequeuePI:
		return t.waitRequeuePI(c, private)
	case futexCmpRequeuePI:
		return t.requeuePI(c, private)
	case futexWakeOp:
		return t.futexWakeOpCall(c, private)
	}
	return 0, syscall.ENOSYS
}

// futexWaitCall is FUTEX_WAIT, whose time-out is relative, and FUTEX_WAIT_BITSET, whose is not.
func (t *Task) futexWaitCall(c *Call, private bool, cmd int) (uint64, syscall.Errno) {
	until := int64(never)
	if c.Args[3] != 0 {
		ts, e := t.readTimespec(c.Args[3])
		switch {
		case e != 0:
			return 0, e
		case cmd == futexWait:
			until = t.callDeadline(c, ts)
		case c.Int(1)&futexClockReal != 0:
			until = t.K.toMonotonic(unix.CLOCK_REALTIME, ts)
		default:
			until = ts
		}
	}
	bitset := uint32(futexAnyBitset)
	if cmd == futexWaitBitset {
		if bitset = c.Uint(5); bitset == 0 {
			return 0, syscall.EINVAL
		}
	}
	key, e := t.futexKey(c.Args[0], private)
	if e != 0 {
		return 0, e
	}
	_, e = t.waitFutexes([]*futexWaiter{{t: t, key: key, bitset: bitset}}, []uint64{c.Args[0]}, []uint32{c.Uint(2)}, until)
	if e == ERESTARTSYS && c.Args[3] == 0 {
		return 0, ERESTARTSYS
	}
	if e == ERESTARTSYS {
		return 0, ERESTARTNOHAND
	}
	t.callEnded()
	return 0, e
}

// waitFutexes waits until one of several waiters is woken, and returns which, if all words have their values.
func (t *Task) waitFutexes(ws []*futexWaiter, addrs []uint64, vals []uint32, until int64) (int, syscall.Errno) {
	f := &t.K.futexes
	if e := f.enqueue(t, ws, addrs, vals); e != 0 {
		return 0, e
	}
	for e := syscall.Errno(0); ; {
		f.mu.Lock()
		for i, w := range ws {
			if w.woken {
				f.forget(ws)
				f.mu.Unlock()
				return i, 0
			}
		}
		if e != 0 {
			f.forget(ws)
			f.mu.Unlock()
			return 0, e
		}
		f.mu.Unlock()
		e = t.sleep(until)
	}
}

// enqueue adds the waiters to their queues, or none of them, with EAGAIN, if a word has another value.
func (f *futexes) enqueue(t *Task, ws []*futexWaiter, addrs []uint64, vals []uint32) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range ws {
		if e := t.compareWord(addrs[i], vals[i]); e != 0 {
			return e
		}
	}
	for _, w := range ws {
		f.add(w)
	}
	return 0
}

// compareWord fails with EAGAIN if a word has another value.
func (t *Task) compareWord(addr uint64, val uint32) syscall.Errno {
	switch v, fault := t.Mem.Load(addr, 4); {
	case fault != nil:
		return syscall.EFAULT
	case uint32(v) != val:
		return syscall.EAGAIN
	}
	return 0
}

// forget takes those of the waiters that have not been woken out of their queues. mu is held.
func (f *futexes) forget(ws []*futexWaiter) {
	for _, w := range ws {
		f.remove(w)
	}
}

// futexRequeueCall is FUTEX_REQUEUE and FUTEX_CMP_REQUEUE.
func (t *Task) futexRequeueCall(c *Call, private, compare bool) (uint64, syscall.Errno) {
	wake, move := c.Int(2), c.Int(3)
	if wake < 0 || move < 0 {
		return 0, syscall.EINVAL
	}
	from, e := t.futexKey(c.Args[0], private)
	if e != 0 {
		return 0, e
	}
	to, e := t.futexKey(c.Args[4], private)
	if e != 0 {
		return 0, e
	}
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	if compare {
		if e := t.compareWord(c.Args[0], c.Uint(5)); e != 0 {
			return 0, e
		}
	}
	woken := f.wake(from, wake, futexAnyBitset)
	return uint64(woken + f.move(from, to, move)), 0
}

// move has up to n tasks wait elsewhere, and returns how many there were. mu is held.
func (f *futexes) move(from, to futexKey, n int) int {
	if from == to {
		return 0
	}
	q := f.queues[from]
	n = min(n, len(q))
	for _, w := range q[:n] {
		w.key = to
		f.add(w)
	}
	f.set(from, append(q[:0], q[n:]...), len(q))
	return n
}

// futexWakeOpCall is FUTEX_WAKE_OP.
func (t *Task) futexWakeOpCall(c *Call, private bool) (uint64, syscall.Errno) {
	first, e := t.futexKey(c.Args[0], private)
	if e != 0 {
		return 0, e
	}
	second, e := t.futexKey(c.Args[4], private)
	if e != 0 {
		return 0, e
	}
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	holds, e := t.futexAtomic(c.Args[4], c.Uint(5))
	if e != 0 {
		return 0, e
	}
	woken := f.wake(first, max(int(c.Int(2)), 1), futexAnyBitset)
	if holds {
		woken += f.wake(second, max(int(c.Int(3)), 1), futexAnyBitset)
	}
	return uint64(woken), 0
}

// futexAtomic changes a word as the last argument of FUTEX_WAKE_OP says, and reports whether the old value
// compares as that says.
func (t *Task) futexAtomic(addr uint64, encoded uint32) (holds bool, e syscall.Errno) {
	op, cmp := encoded>>28&7, encoded>>24&15
	arg, cmpArg := int32(encoded<<8)>>20, int32(encoded<<20)>>20
	if encoded>>28&futexWakeOpShift != 0 {
		arg = 1 << (arg & 31)
	}
	for {
		v, f := t.Mem.Load(addr, 4)
		if f != nil {
			return false, syscall.EFAULT
		}
		old, next := uint32(v), uint32(arg)
		switch op {
		case 0: // FUTEX_OP_SET
		case 1:
			next = old + next
		case 2:
			next = old | next
		case 3:
			next = old &^ next
		case 4:
			next = old ^ next
		default:
			return false, syscall.ENOSYS
		}
		swapped, f := t.Mem.CompareAndSwap(addr, old, next)
		if f != nil {
			return false, syscall.EFAULT
		}
		if swapped {
			return futexCompare(cmp, int32(old), cmpArg)
		}
	}
}

func futexCompare(cmp uint32, a, b int32) (bool, syscall.Errno) {
	switch cmp {
	case 0:
		return a == b, 0
	case 1:
		return a != b, 0
	case 2:
		return a < b, 0
	case 3:
		return a <= b, 0
	case 4:
		return a > b, 0
	case 5:
		return a >= b, 0
	}
	return false, syscall.ENOSYS
}

// wakeFutex wakes tasks that wait for the futex at addr, of this process and others.
func (t *Task) wakeFutex(addr uint64, n int) {
	key, e := t.futexKey(addr, false)
	if e != 0 {
		return
	}
	f := &t.K.futexes
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake(key, n, futexAnyBitset)
}
