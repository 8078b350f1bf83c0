//go:build linux

package reserved

import (
	"syscall"
	"time"
	"unsafe"
)

// The guest's descriptors are numbered as if hospes had none. So where it asks for a
// number that is hospes's, or would get a higher one because of those, hospes's make
// room: they are duplicated, and the old numbers closed.

// grace is how long an old number stays open after the new one is known: a thread may
// have read the old one, and be about to use it.
const grace = 2 * time.Millisecond

// Clear moves the descriptors with numbers from from on, but below to, to least or
// above. It reports whether none is left there. Before anybody uses a new number,
// agree is called with it and the old one, if it is not nil; if it returns false
// another one is tried.
//
// The caller sees to it that no other process shares this memory, or has agree give
// that one the same descriptors.
func Clear(from, to, least int, agree func(old, fresh int) bool) bool {
	mu.Lock()
	defer mu.Unlock()
	var old []int
	ok := true
	for _, d := range kept {
		fd := d.Int()
		if fd < from || fd >= to {
			continue
		}
		if d.fixed() || !d.move(max(least, to), agree) {
			ok = false
			continue
		}
		old = append(old, fd)
	}
	if len(old) == 0 {
		return ok
	}
	wait := syscall.NsecToTimespec(int64(grace))
	_ = syscall.Nanosleep(&wait, nil) // not time.Sleep, which may want the poller
	update()
	for _, fd := range old {
		_ = syscall.Close(fd)
	}
	return ok
}

// move gives the descriptor another number, which is least or above. The old one
// stays open.
func (d *Descriptor) move(least int, agree func(old, fresh int) bool) bool {
	old := d.Int()
	for range maxDescriptors {
		fresh, e := dupOver(old, least)
		if e != 0 {
			return false
		}
		if agree == nil || agree(old, fresh) {
			d.n.Store(int32(fresh))
			if d.moved != nil {
				d.moved(fresh)
			}
			return true
		}
		_ = syscall.Close(fresh)
		least = fresh + 1
	}
	return false
}

// fixed reports whether the descriptor's number cannot be changed: the runtime does
// not tell where it keeps it.
func (d *Descriptor) fixed() bool {
	for i := range poller {
		if poller[i] == d {
			return !pollerCanMove()
		}
	}
	return false
}

// pollerCanMove finds out, once, where the runtime keeps the numbers of its poller.
func pollerCanMove() bool {
	if len(poller) != 2 {
		return false
	}
	for i, d := range poller {
		if d.moved == nil {
			d.moved = runtimeNumber(d.Int(), poller[1-i].Int())
		}
		if d.moved == nil {
			return false
		}
	}
	return true
}

// dupOver is dupAbove beyond the limit of open files, if the hard limit or privileges
// allow that. Descriptors above the limit stay open.
func dupOver(fd, least int) (int, syscall.Errno) {
	high, e := dupAbove(fd, least)
	if e == syscall.EINVAL || e == syscall.EMFILE {
		WithRoom(least+maxDescriptors, func() { high, e = dupAbove(fd, least) })
	}
	return high, e
}

// maxDescriptors is more than hospes ever has.
const maxDescriptors = 32

// Room runs f with a number free for a descriptor that does not stay, and with a limit
// of open files that hospes's descriptors lie below, so that they can be replaced.
func Room(f func()) {
	fd, e := dup()
	if e == 0 {
		_ = syscall.Close(fd)
	}
	var limit [2]uint64
	_ = setNofile(nil, &limit)
	end := 0
	if l := List(); len(l) > 0 {
		end = l[len(l)-1] + 1
	}
	switch {
	case e == syscall.EMFILE:
		WithRoom(max(int(limit[0]), end)+maxDescriptors, f)
	case limit[0] < uint64(end):
		WithRoom(end+maxDescriptors, f)
	default:
		f()
	}
}

// WithRoom runs f with a limit of open files that is at least limit, if possible.
func WithRoom(limit int, f func()) {
	var old [2]uint64 // struct rlimit64
	if setNofile(nil, &old) == 0 && old[0] < uint64(limit) {
		raised := [2]uint64{uint64(limit), max(old[1], uint64(limit))}
		if setNofile(&raised, nil) != 0 {
			raised[0], raised[1] = old[1], old[1] // as far as it goes without privileges
			_ = setNofile(&raised, nil)
		}
		defer func() { _ = setNofile(&old, nil) }()
	}
	f()
}

// setNofile is prlimit64(2) for RLIMIT_NOFILE of this process.
func setNofile(limit, old *[2]uint64) syscall.Errno {
	const rlimitNofile = 7
	_, _, e := syscall.RawSyscall6(sysPrlimit64, 0, rlimitNofile, uintptr(unsafe.Pointer(limit)), uintptr(unsafe.Pointer(old)), 0, 0)
	return e
}
