//go:build linux

package sandbox

import "sync"

// turns has one task at a time run, in an order that depends on nothing but what they do: so a guest does the same in each run,
// however many threads and processes it has. That is so with a fake clock; nil is for kernels whose tasks run at once.
//
// A task has its turn from when it is given that until it sleeps, has executed as many instructions as a share has (see fuel.go), or calls a
// function of the host's. Who wakes a task puts it at the end of the queue.
type turns struct {
	mu    sync.Mutex // guards what follows; no lock is taken under it
	taken bool       // somebody has the turn
	queue []*Task    // who wants it
}

// lineUp puts a task at the end of the queue. It has to wait for its turn then.
func (q *turns) lineUp(t *Task) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, t)
	q.give()
}

// give gives the turn to the first of the queue, if nobody has it, with mu held.
func (q *turns) give() {
	if q.taken || len(q.queue) == 0 {
		return
	}
	next := q.queue[0]
	q.queue = q.queue[1:]
	q.taken = true
	next.turn <- struct{}{}
}

// end takes the turn from who has it.
func (q *turns) end() {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = false
	q.give()
}

// hold has nobody be given the turn until end, if nobody has it.
func (q *turns) hold() bool {
	if q == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken {
		return false
	}
	q.taken = true
	return true
}

// awaitTurn waits for the turn of a task that is in the queue.
func (t *Task) awaitTurn() {
	if t.K.turns != nil {
		<-t.turn
	}
}

// takeTurn waits for the turn of a task that nobody has to wake. No lock may be held.
func (t *Task) takeTurn() {
	t.K.turns.lineUp(t)
	t.awaitTurn()
}

// yield lets all others in the queue go before.
func (t *Task) yield() {
	q := t.K.turns
	q.mu.Lock()
	q.queue = append(q.queue, t)
	q.taken = false
	q.give()
	q.mu.Unlock()
	t.awaitTurn()
}
