//go:build linux

package vfs

import (
	"math"
	"slices"
	"sync"
	"syscall"
)

// Types of locks, as in struct flock.
const (
	F_RDLCK = 0
	F_WRLCK = 1
	F_UNLCK = 2
)

// Lock is a lock on the bytes [Start, End) of a file.
type Lock struct {
	Type       int16
	Start, End int64
	// Owner is who has it: a process's descriptor table, or the *File for locks of open
	// file descriptions. PID is what others are told.
	Owner any
	PID   int
}

// lockTable has the locks of all files of a file system.
type lockTable struct {
	mu    sync.Mutex
	files map[any]*fileLocks
}

// fileLocks are the locks on one file. Those of flock(2) and those of fcntl(2) know
// nothing of each other.
type fileLocks struct {
	flocks, ranges []Lock
	queue          Queue // who waits for one
	users          int   // who has the queue
}

// lockKey tells files apart.
func (f *File) lockKey() any {
	if f.Path.Mount == nil {
		return f.Path.Node()
	}
	return f.Path.Node().Ino()
}

// withLocks calls do with the locks of f's file, under the table's lock.
func (f *File) withLocks(do func(l *fileLocks)) {
	t := &f.Path.FS().locks
	t.mu.Lock()
	defer t.mu.Unlock()
	key := f.lockKey()
	l := t.files[key]
	if l == nil {
		l = &fileLocks{}
		if t.files == nil {
			t.files = map[any]*fileLocks{}
		}
		t.files[key] = l
	}
	do(l)
	if len(l.flocks)+len(l.ranges)+l.users == 0 {
		delete(t.files, key)
	}
}

// AwaitLocks has w woken when locks on f's file change, until cancel is called.
func (f *File) AwaitLocks(w *Waiter) (cancel func()) {
	f.withLocks(func(l *fileLocks) { l.users++; l.queue.Add(w) })
	return func() {
		f.withLocks(func(l *fileLocks) { l.users--; l.queue.Remove(w) })
	}
}

// conflict returns the first lock of another owner that l cannot be beside, or nil.
func conflict(list []Lock, l *Lock) *Lock {
	for i := range list {
		o := &list[i]
		if o.Owner != l.Owner && o.Start < l.End && l.Start < o.End && (o.Type == F_WRLCK || l.Type == F_WRLCK) {
			return o
		}
	}
	return nil
}

// put replaces what l's owner has in l's range by l, or by nothing for F_UNLCK.
func put(list []Lock, l *Lock) []Lock {
	var next []Lock
	add := l.Type != F_UNLCK
	for _, o := range list {
		if o.Owner != l.Owner || o.End < l.Start || l.End < o.Start {
			next = append(next, o)
			continue
		}
		if add && o.Type == l.Type { // they become one
			l.Start, l.End = min(l.Start, o.Start), max(l.End, o.End)
			continue
		}
		if o.Start < l.Start {
			before := o
			before.End = l.Start
			next = append(next, before)
		}
		if l.End < o.End {
			after := o
			after.Start = max(l.End, o.Start)
			next = append(next, after)
		}
	}
	if add {
		next = append(next, *l)
	}
	return next
}

// Operations of flock(2).
const (
	LOCK_SH = 1
	LOCK_EX = 2
	LOCK_UN = 8
)

// Flock is flock(2): EAGAIN if another file has the lock.
func (f *File) Flock(op int) (e Errno) {
	types := map[int]int16{LOCK_SH: F_RDLCK, LOCK_EX: F_WRLCK, LOCK_UN: F_UNLCK}
	typ, ok := types[op]
	if !ok {
		return syscall.EINVAL
	}
	l := Lock{Type: typ, End: math.MaxInt64, Owner: f}
	f.withLocks(func(all *fileLocks) {
		had := len(all.flocks) > 0
		if typ != F_UNLCK {
			// A change of type gives up the old lock first, even if the new one is not to be had.
			all.flocks = put(all.flocks, &Lock{Type: F_UNLCK, End: l.End, Owner: f})
			if conflict(all.flocks, &l) != nil {
				e = syscall.EAGAIN
			}
		}
		if e == 0 {
			all.flocks = put(all.flocks, &l)
		}
		if had {
			all.queue.Wake(POLLIN)
		}
	})
	f.locks.Store(true)
	return e
}

// maxLocks is how many ranges of one file may be locked.
const maxLocks = 1 << 10

// SetLock is F_SETLK: EAGAIN if somebody else has a lock that is in the way.
func (f *File) SetLock(l Lock) (e Errno) {
	switch acc := f.Flags() & O_ACCMODE; {
	case f.Handle == nil, l.Type == F_RDLCK && acc == O_WRONLY, l.Type == F_WRLCK && acc == O_RDONLY:
		return syscall.EBADF
	}
	f.withLocks(func(all *fileLocks) {
		switch {
		case l.Type != F_UNLCK && conflict(all.ranges, &l) != nil:
			e = syscall.EAGAIN
			return
		case len(all.ranges) >= maxLocks:
			e = syscall.ENOLCK
			return
		}
		all.ranges = put(all.ranges, &l)
		all.queue.Wake(POLLIN)
	})
	f.locks.Store(true)
	return e
}

// GetLock is F_GETLK: a lock that is in the way of l, if there is one.
func (f *File) GetLock(l Lock) (found Lock, ok bool) {
	f.withLocks(func(all *fileLocks) {
		if o := conflict(all.ranges, &l); o != nil {
			found, ok = *o, true
		}
	})
	return found, ok
}

// Unlock releases all locks that owner has on f's file.
func (f *File) Unlock(owner any) {
	if !f.locks.Load() && !f.anyLocks() {
		return
	}
	f.withLocks(func(all *fileLocks) {
		own := func(l Lock) bool { return l.Owner == owner }
		n := len(all.flocks) + len(all.ranges)
		all.flocks = slices.DeleteFunc(all.flocks, own)
		all.ranges = slices.DeleteFunc(all.ranges, own)
		if len(all.flocks)+len(all.ranges) < n {
			all.queue.Wake(POLLIN)
		}
	})
}

// anyLocks reports whether any file of the file system is locked. A process loses its
// locks on a file when it closes any descriptor of that, not only the one it locked.
func (f *File) anyLocks() bool {
	t := &f.Path.FS().locks
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files) > 0
}

// unlockAll releases what the open file itself has locked, when it is closed.
func (f *File) unlockAll() { f.Unlock(f) }
