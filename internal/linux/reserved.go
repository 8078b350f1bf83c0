//go:build linux && amd64

package linux

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/reserved"
)

// Descriptors of hospes are closed as far as the guest can tell, and their numbers
// free: what would get a number that only they are in the way of gets it.

// fdSet is the set of descriptors that belong to hospes. They belong to the host
// process, so all Processes share them.
type fdSet struct{}

// has reports whether fd is a descriptor of hospes.
func (fdSet) has(fd int) bool { return reserved.Has(fd) }

// list returns the set in ascending order. The caller must not change it.
func (fdSet) list() []int { return reserved.List() }

// patience is how long a thread waits for children that share the memory, so that
// descriptors can be moved.
const patience = 100 * time.Millisecond

// makeRoom moves hospes's descriptors with the numbers in [from, to) to least or
// above. It reports whether none is left there. A child of vfork, which has a table of
// its own, but finds the numbers in memory that it shares, must not be there meanwhile;
// if the caller is one it has its parent move them, and does the same.
func (t *Task) makeRoom(from, to, least int, patience time.Duration) bool {
	p, children := t.P, 0
	if p.parent != nil {
		p, children = p.parent, 1
	}
	p.mu.Lock()
	p.forkers++
	for end := time.Now().Add(patience); p.vforks > children && time.Now().Before(end) && !t.host.Pending(); {
		p.mu.Unlock()
		time.Sleep(50 * time.Microsecond)
		p.mu.Lock()
	}
	alone := p.vforks == children
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.forkers--
		p.mu.Unlock()
	}()
	switch {
	case !alone || p.parent != nil:
		return false
	case children == 0:
		return reserved.Clear(from, to, least, nil)
	}
	return makeRoomForBoth(from, to, least)
}

// makeRoomForBoth is makeRoom in a child of vfork. Only this thread has the child's
// table: any other goroutine runs in the parent.
func makeRoomForBoth(from, to, least int) bool {
	type pair struct{ old, fresh int }
	moves, agreed, done := make(chan pair), make(chan bool), make(chan bool, 1)
	go func() {
		done <- reserved.Clear(from, to, least, func(old, fresh int) bool {
			moves <- pair{old, fresh}
			return <-agreed
		})
	}()
	var old []int
	for {
		select {
		case m := <-moves:
			_, err := unix.FcntlInt(uintptr(m.fresh), unix.F_GETFD, 0)
			free := err == unix.EBADF
			if free {
				reserved.WithRoom(m.fresh+1, func() { err = unix.Dup3(m.old, m.fresh, unix.O_CLOEXEC) })
				free = err == nil
				old = append(old, m.old)
			}
			agreed <- free
		case ok := <-done:
			for _, fd := range old {
				_ = unix.Close(fd)
			}
			return ok
		}
	}
}

const (
	// headroom is how close the guest's descriptors may come to those of hospes.
	headroom = 8
	// leastMoved is where those go then, at least.
	leastMoved = 128
)

// newDescriptor is the number for the descriptor fd, which a call has just returned:
// the lowest from least on that the guest has free.
func (t *Task) newDescriptor(fd uint64, least int) uint64 {
	list := t.P.reserved.list()
	if len(list) == 0 || int(fd)+headroom < list[0] || least > list[len(list)-1] {
		return fd
	}
	wait := patience
	if int(fd) < list[0] {
		wait = 0 // it is no hurry
	}
	t.makeRoom(least, int(fd)+headroom, max(2*int(fd), leastMoved), wait)
	if int(fd) < list[0] {
		return fd
	}
	return lowestNumber(fd, least)
}

// lowestNumber moves a descriptor to the lowest number from least on, if that is lower.
func lowestNumber(fd uint64, least int) uint64 {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil {
		return fd // another thread has closed it
	}
	dup := unix.F_DUPFD
	if flags&unix.FD_CLOEXEC != 0 {
		dup = unix.F_DUPFD_CLOEXEC
	}
	lower, err := unix.FcntlInt(uintptr(fd), dup, least)
	switch {
	case err != nil:
		return fd
	case lower > int(fd):
		_ = unix.Close(lower)
		return fd
	}
	_ = unix.Close(int(fd))
	return uint64(lower)
}

// freeDescriptors makes hospes's descriptors below the limit of open files the
// guest's. It reports whether there are more numbers than before.
func (t *Task) freeDescriptors() bool {
	limit := t.P.Limit(unix.RLIMIT_NOFILE)
	list := t.P.reserved.list()
	if len(list) == 0 || uint64(list[0]) >= limit {
		return false
	}
	return t.makeRoom(0, int(limit), int(limit), patience)
}

// descriptorCalls are the numbers of the calls whose result is a new descriptor.
var descriptorCalls = [512]bool{
	19: true, 20: true, 23: true, 26: true, 56: true, // eventfd2, epoll_create1, dup, inotify_init1, openat
	85: true, 180: true, 198: true, 202: true, 242: true, // timerfd_create, mq_open, socket, accept, accept4
	241: true, 262: true, 265: true, 279: true, // perf_event_open, fanotify_init, open_by_handle_at, memfd_create
	280: true, 282: true, 425: true, // bpf, userfaultfd, io_uring_setup
	428: true, 430: true, 432: true, 433: true, // open_tree, fsopen, fsmount, fspick
	434: true, 437: true, 438: true, 444: true, 447: true, 467: true, // pidfd_open, openat2, pidfd_getfd, landlock_create_ruleset, memfd_secret, open_tree_attr
}

// makesDescriptor reports whether the result of a call is a new descriptor.
func (c *Call) makesDescriptor() bool {
	nr := uint(c.Row.Nr)
	if nr == 74 { // signalfd4
		return c.Int(0) == -1
	}
	return nr < uint(len(descriptorCalls)) && descriptorCalls[nr]
}

// do carries out a call, and keeps hospes's descriptors and threads from being noticed.
func (t *Task) do(c *Call) (uint64, syscall.Errno) {
	if t.namesHiddenThread(c) {
		return 0, syscall.ESRCH
	}
	r, e := c.Row.Do(t, c)
	if !c.makesDescriptor() {
		return r, e
	}
	if e == syscall.EMFILE && t.freeDescriptors() {
		r, e = c.Row.Do(t, c)
	}
	if e == 0 {
		r = t.newDescriptor(r, 0)
	}
	return r, e
}

// sysDescriptorPair is pipe2(2) or socketpair(2): the call nr, which stores two
// descriptors at argument at.
func sysDescriptorPair(nr uintptr, at int) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		fds := new([2]int32)
		m := marshaller{t: t}
		defer m.finish()
		host := [4]uintptr{uintptr(c.Int(0)), uintptr(c.Int(1)), uintptr(c.Int(2)), uintptr(c.Int(3))}
		host[at] = m.keep((*byte)(unsafe.Pointer(fds)))
		call := func() (uint64, syscall.Errno) {
			return t.Syscall(nr, host[0], host[1], host[2], host[3])
		}
		r, e := call()
		if e == syscall.EMFILE && t.freeDescriptors() {
			r, e = call()
		}
		if e != 0 {
			return 0, e
		}
		for i, fd := range fds {
			fds[i] = int32(t.newDescriptor(uint64(fd), 0))
		}
		if fds[1] > fds[0]+1 {
			fds[1] = int32(lowestNumber(uint64(fds[1]), 0)) // the first may have left a gap
		}
		if t.Mem.WriteObject(c.Args[at], fds) != nil {
			_, _ = unix.Close(int(fds[0])), unix.Close(int(fds[1]))
			return 0, syscall.EFAULT
		}
		return r, 0
	}
}

// sysDup3 is dup3(2). The guest may take the number of a descriptor of hospes.
func sysDup3(t *Task, c *Call) (uint64, syscall.Errno) {
	from, to := c.Int(0), c.Int(1)
	own := t.P.reserved
	if own.has(from) {
		return 0, syscall.EBADF
	}
	if own.has(to) && uint64(to) < t.P.Limit(unix.RLIMIT_NOFILE) && !t.makeRoom(to, to+1, 0, patience) {
		return 0, syscall.EBUSY // as in a race with open(2)
	}
	r, e := t.Syscall(unix.SYS_DUP3, uintptr(from), uintptr(to), uintptr(c.Int(2)))
	return restart(r, e, ERESTARTNOHAND)
}
