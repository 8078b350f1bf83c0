//go:build linux

package sandbox

import (
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// epoll is an epoll(7) instance.
type epoll struct {
	kf    *kernelFiles
	queue vfs.Queue

	mu    sync.Mutex // guards what follows, and the items
	items map[epollKey]*epollItem
	// ready are items that may be ready: those that were when they were looked at last, and those
	// that have been woken since.
	ready []*epollItem
}

// epollKey is what an item is known by: a file and its number.
type epollKey struct {
	file *vfs.File
	fd   int
}

// epollItem is an entry of the interest list. It has no reference to the file: it goes when that is closed.
type epollItem struct {
	ep     *epoll
	key    epollKey
	events uint32
	data   uint64
	waiter vfs.Waiter
	queued bool // in ready
	gone   bool
}

// Bits of events that say how an item is told of.
const epollModes = unix.EPOLLET | unix.EPOLLONESHOT | unix.EPOLLWAKEUP | unix.EPOLLEXCLUSIVE

func sysEpollCreate1(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(0)
	if flags&^unix.EPOLL_CLOEXEC != 0 {
		return 0, syscall.EINVAL
	}
	h := &epoll{kf: t.K.files, items: map[epollKey]*epollItem{}}
	return t.install(t.K.anonymous(h, "anon_inode:[eventpoll]", 0), flags != 0)
}

func (*epoll) Read([]byte, int64) (int, vfs.Errno)  { return 0, syscall.EINVAL }
func (*epoll) Write([]byte, int64) (int, vfs.Errno) { return 0, syscall.EINVAL }
func (ep *epoll) Queue() *vfs.Queue                 { return &ep.queue }
func (*epoll) Stream()                              {}

// Poll is whether one of the files is ready.
func (ep *epoll) Poll() vfs.Events {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for _, it := range ep.ready {
		if it.poll() != 0 {
			return vfs.POLLIN
		}
	}
	return 0
}

// Close forgets all items.
func (ep *epoll) Close() {
	ep.mu.Lock()
	items := make([]*epollItem, 0, len(ep.items))
	for _, it := range ep.items {
		items = append(items, it)
	}
	ep.mu.Unlock()
	for _, it := range items {
		it.remove()
		it.key.file.NotOnClose(it)
	}
}

// poll is what the item's file is ready for, of what it is asked for.
func (it *epollItem) poll() vfs.Events {
	ask := vfs.Events(it.events &^ epollModes)
	if ask == 0 { // EPOLLONESHOT has been told
		return 0
	}
	return pollEvents(it.key.file, ask)
}

// wake is called when the file may be ready.
func (it *epollItem) wake() {
	ep := it.ep
	ep.mu.Lock()
	it.enqueue()
	ep.mu.Unlock()
	ep.queue.Wake(vfs.POLLIN)
}

// enqueue has the item looked at; ep.mu is held.
func (it *epollItem) enqueue() {
	if !it.queued && !it.gone {
		it.queued = true
		it.ep.ready = append(it.ep.ready, it)
	}
}

// remove takes the item off the list. Its file is open, or just being closed.
func (it *epollItem) remove() {
	ep := it.ep
	it.key.file.Queue().Remove(&it.waiter)
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if it.gone {
		return // the file was closed while the epoll was
	}
	it.gone = true
	ep.kf.watches.Add(-1)
	delete(ep.items, it.key)
	if it.queued {
		ep.ready = slices.DeleteFunc(ep.ready, func(o *epollItem) bool { return o == it })
	}
}

func sysEpollCtl(t *Task, c *Call) (uint64, syscall.Errno) {
	op, fd := c.Int(1), c.Int(2)
	var ev epollEvent
	if op != unix.EPOLL_CTL_DEL {
		if e := t.readObject(c.Args[3], &ev); e != 0 {
			return 0, e
		}
	}
	ef, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer ef.Unref()
	f, e := t.file(fd)
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	if f.Queue() == nil {
		return 0, syscall.EPERM
	}
	ep, ok := ef.Handle.(*epoll)
	if !ok || ef == f {
		return 0, syscall.EINVAL
	}
	if _, nested := f.Handle.(*epoll); nested {
		return 0, syscall.ELOOP
	}
	return 0, ep.control(op, epollKey{f, fd}, ev)
}

// control is epoll_ctl(2).
func (ep *epoll) control(op int, key epollKey, ev epollEvent) syscall.Errno {
	ep.mu.Lock()
	it := ep.items[key]
	ep.mu.Unlock()
	switch op {
	case unix.EPOLL_CTL_ADD:
		if it != nil {
			return syscall.EEXIST
		}
		if ep.kf.watches.Add(1) > 8*int64(ep.kf.cfg.Descriptors) {
			ep.kf.watches.Add(-1)
			return syscall.ENOSPC
		}
		ep.add(key, ev)
		return 0
	case unix.EPOLL_CTL_MOD, unix.EPOLL_CTL_DEL:
	default:
		return syscall.EINVAL
	}
	if it == nil {
		return syscall.ENOENT
	}
	if op == unix.EPOLL_CTL_DEL {
		it.remove()
		key.file.NotOnClose(it)
		return 0
	}
	if it.events&unix.EPOLLEXCLUSIVE != 0 || ev.Events&unix.EPOLLEXCLUSIVE != 0 {
		return syscall.EINVAL
	}
	key.file.Queue().Remove(&it.waiter)
	ep.mu.Lock()
	it.events, it.data = ev.Events, ev.Data
	it.waiter.Events = waitEvents(vfs.Events(ev.Events &^ epollModes))
	ep.mu.Unlock()
	it.watch()
	return 0
}

// add adds an item.
func (ep *epoll) add(key epollKey, ev epollEvent) {
	it := &epollItem{ep: ep, key: key, events: ev.Events, data: ev.Data}
	it.waiter = vfs.Waiter{Events: waitEvents(vfs.Events(ev.Events &^ epollModes)), Wake: it.wake}
	ep.mu.Lock()
	ep.items[key] = it
	ep.mu.Unlock()
	key.file.OnClose(it, it.remove)
	it.watch()
}

// watch has the item woken by its file from now on, and looked at if that is ready.
func (it *epollItem) watch() {
	it.key.file.Queue().Add(&it.waiter)
	if it.poll() != 0 {
		it.wake()
	}
}

// take removes up to n events. Level-triggered items stay in line, behind the others.
func (ep *epoll) take(n int) (events []epollEvent) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	line := ep.ready
	ep.ready = nil
	var again []*epollItem
	for i, it := range line {
		if len(events) == n {
			ep.ready = append(ep.ready, line[i:]...)
			break
		}
		it.queued = false
		got := it.poll()
		if got == 0 {
			continue
		}
		events = append(events, epollEvent{Events: uint32(got), Data: it.data})
		switch {
		case it.events&unix.EPOLLONESHOT != 0:
			it.events &= epollModes
		case it.events&unix.EPOLLET == 0:
			it.queued = true
			again = append(again, it)
		}
	}
	ep.ready = append(ep.ready, again...)
	return events
}

func sysEpollPwait(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.epollWait(c, t.millis(c, c.Int(3)), c.Args[5])
}

func sysEpollPwait2(t *Task, c *Call) (uint64, syscall.Errno) {
	until := int64(never)
	if c.Args[3] != 0 {
		d, e := t.readTimespec(c.Args[3])
		if e != 0 {
			return 0, e
		}
		until = t.callDeadline(c, d)
	}
	return t.epollWait(c, until, c.Args[5])
}

// epollWait is epoll_pwait(2).
func (t *Task) epollWait(c *Call, until int64, sigsetsize uint64) (n uint64, e syscall.Errno) {
	most := c.Int(2)
	if most <= 0 || most > 1<<20 {
		return 0, syscall.EINVAL
	}
	f, e := t.file(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	ep, ok := f.Handle.(*epoll)
	if !ok {
		return 0, syscall.EINVAL
	}
	n, e = t.withMask(c.Args[4], sigsetsize, func() (uint64, syscall.Errno) { return t.epollEvents(ep, c.Args[1], most, until) })
	if e != ERESTARTNOHAND {
		t.callEnded()
	} else if e == ERESTARTNOHAND {
		e = syscall.EINTR
	}
	return n, e
}

// epollEvents waits for events and writes them to addr.
func (t *Task) epollEvents(ep *epoll, addr uint64, most int, until int64) (uint64, syscall.Errno) {
	w := vfs.Waiter{Wake: t.Wake}
	ep.queue.Add(&w)
	defer ep.queue.Remove(&w)
	for expired := until != never && t.K.clock.Monotonic() >= until; ; {
		if events := ep.take(most); len(events) > 0 {
			var b []byte
			for i := range events {
				b = events[i].appendTo(b)
			}
			return uint64(len(events)), t.copyOut(addr, b)
		}
		if expired {
			return 0, 0
		}
		switch e := t.sleep(until); e {
		case 0:
		case syscall.ETIMEDOUT:
			expired = true
		default:
			return 0, ERESTARTNOHAND
		}
	}
}
