//go:build linux

package vfs

import (
	"slices"
	"sync"
)

// Events are what a file is ready for, with the values of poll(2).
type Events uint32

const (
	POLLIN    Events = 0x001
	POLLPRI   Events = 0x002
	POLLOUT   Events = 0x004
	POLLERR   Events = 0x008
	POLLHUP   Events = 0x010
	POLLNVAL  Events = 0x020
	POLLRDHUP Events = 0x2000
)

// Queue has who waits for a file to become ready. The zero Queue is empty.
type Queue struct {
	mu      sync.Mutex
	waiters []*Waiter
}

// Waiter is one that waits, in any number of queues. Wake is called when something may
// have changed, perhaps once more after it has left the queue; it must not block, nor
// call back into the file.
type Waiter struct {
	Events Events // what it waits for; 0 for anything. Errors always wake.
	Wake   func()
}

// Add has w woken from now on. Look at the file's readiness after it, not before. A nil
// Queue never wakes anybody.
func (q *Queue) Add(w *Waiter) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = append(q.waiters, w)
}

// Remove takes w out, once.
func (q *Queue) Remove(w *Waiter) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
}

// Wake wakes those that wait for one of the events ev.
func (q *Queue) Wake(ev Events) {
	q.mu.Lock()
	var woken []*Waiter
	for _, w := range q.waiters {
		if w.Events == 0 || (w.Events|POLLERR|POLLHUP)&ev != 0 {
			woken = append(woken, w)
		}
	}
	q.mu.Unlock()
	for _, w := range woken {
		w.Wake()
	}
}
