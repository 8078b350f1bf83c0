//go:build linux

package sandbox

import (
	"container/heap"
	"math"
	"sync"
	"time"
)

// Clock is the time that guests see. Times are in nanoseconds.
type Clock interface {
	// Monotonic is the time since the kernel's start, or near it.
	Monotonic() int64
	// Realtime is the time since 1970.
	Realtime() int64
	// AfterFunc has f called once, on a goroutine of its own or another one, when Monotonic is at
	// least at, unless stop is called before. f does not block.
	AfterFunc(at int64, f func()) (stop func())
}

// never is a time that does not come.
const never = math.MaxInt64

// NewHostClock returns a clock that shows the host's time.
func NewHostClock() Clock { return &hostClock{start: time.Now()} }

type hostClock struct{ start time.Time }

func (c *hostClock) Monotonic() int64 { return int64(time.Since(c.start)) }

func (c *hostClock) Realtime() int64 { return time.Now().UnixNano() }

func (c *hostClock) AfterFunc(at int64, f func()) func() {
	timer := time.AfterFunc(time.Duration(at-c.Monotonic()), f)
	return func() { timer.Stop() }
}

// FakeClock is a clock that goes on only when it is told to: by Advance, and by the kernel that it
// belongs to, which has it skip to the next time that somebody waits for when all its tasks sleep.
// One clock is for one kernel.
type FakeClock struct {
	turn   sync.Mutex // held while functions of timers run
	mu     sync.Mutex // guards the following
	epoch  int64      // what Realtime was at Monotonic 0
	now    int64
	timers timerHeap
	count  uint64 // of all timers: those of one time go off in the order in which they were made
}

// NewFakeClock returns a clock whose real time begins at start.
func NewFakeClock(start time.Time) *FakeClock { return &FakeClock{epoch: start.UnixNano()} }

// Monotonic implements Clock.
func (c *FakeClock) Monotonic() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Realtime implements Clock.
func (c *FakeClock) Realtime() int64 { return c.epoch + c.Monotonic() }

// AfterFunc implements Clock.
func (c *FakeClock) AfterFunc(at int64, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	t := &fakeTimer{at: at, order: c.count, f: f}
	heap.Push(&c.timers, t)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.index >= 0 {
			heap.Remove(&c.timers, t.index)
		}
	}
}

// Advance has d pass.
func (c *FakeClock) Advance(d time.Duration) {
	c.turn.Lock()
	defer c.turn.Unlock()
	end := c.Monotonic() + int64(d)
	for c.step(end) {
	}
}

// idle has time pass until idle reports false, because a timer has woken somebody, or there is no
// timer left.
func (c *FakeClock) idle(idle func() bool) {
	c.turn.Lock()
	defer c.turn.Unlock()
	for idle() && c.step(never) {
	}
}

// step goes to the next timer, and has it go off, but not past end. It reports false if it has
// arrived there. turn is held.
func (c *FakeClock) step(end int64) bool {
	c.mu.Lock()
	if len(c.timers) == 0 || c.timers[0].at > end {
		if end != never {
			c.now = max(c.now, end)
		}
		c.mu.Unlock()
		return false
	}
	t := heap.Pop(&c.timers).(*fakeTimer)
	c.now = max(c.now, t.at)
	c.mu.Unlock()
	t.f()
	return true
}

type fakeTimer struct {
	at    int64
	order uint64
	f     func()
	index int // in the heap; -1 if it has gone off or was stopped
}

// timerHeap implements heap.Interface.
type timerHeap []*fakeTimer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*fakeTimer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = -1
	return t
}
