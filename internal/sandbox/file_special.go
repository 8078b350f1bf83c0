//go:build linux

package sandbox

import (
	"encoding/binary"
	"math"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// Files without a name: pipes, eventfd(2), timerfd_create(2), memfd_create(2).

// anonymous makes an open file that is in no file system.
func (k *Kernel) anonymous(h vfs.Handle, name string, flags int) *vfs.File {
	n := vfs.NewAnon(k.files.newIno(), 0o600, k.realtime(), nil)
	return vfs.OpenHandle(h, n, name, vfs.O_RDWR|flags)
}

func sysPipe2(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(1)
	if flags&^(vfs.O_CLOEXEC|vfs.O_NONBLOCK|vfs.O_DIRECT) != 0 {
		return 0, syscall.EINVAL
	}
	r, w := vfs.NewPipe(t.K.files.newIno(), t.K.realtime(), flags&vfs.O_NONBLOCK)
	return 0, t.installPair(c.Args[0], r, w, flags&vfs.O_CLOEXEC != 0)
}

func sysMemfdCreate(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(1)
	const maxName = 249
	if flags&^(unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL|unix.MFD_EXEC) != 0 {
		return 0, syscall.EINVAL
	}
	name, err := t.Mem.ReadString(c.Args[0], maxName+1)
	if err == syscall.ENAMETOOLONG {
		return 0, syscall.EINVAL
	} else if err != nil {
		return 0, errnoOf(err)
	}
	f, e := vfs.NewMemfd(t.caller(), t.K.files.shm, name)
	if e != 0 {
		return 0, e
	}
	return t.install(f, flags&unix.MFD_CLOEXEC != 0)
}

// eventFD is an eventfd(2).
type eventFD struct {
	queue     vfs.Queue
	semaphore bool

	mu    sync.Mutex
	count uint64
}

func sysEventfd2(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(1)
	if flags&^(unix.EFD_CLOEXEC|unix.EFD_NONBLOCK|unix.EFD_SEMAPHORE) != 0 {
		return 0, syscall.EINVAL
	}
	h := &eventFD{semaphore: flags&unix.EFD_SEMAPHORE != 0, count: uint64(c.Uint(0))}
	return t.install(t.K.anonymous(h, "anon_inode:[eventfd]", flags&vfs.O_NONBLOCK), flags&vfs.O_CLOEXEC != 0)
}

func (f *eventFD) Read(b []byte, _ int64) (int, vfs.Errno) {
	if len(b) < 8 {
		return 0, syscall.EINVAL
	}
	f.mu.Lock()
	v := f.count
	if v == 0 {
		f.mu.Unlock()
		return 0, syscall.EAGAIN
	}
	if f.semaphore {
		v = 1
	}
	f.count -= v
	f.mu.Unlock()
	f.queue.Wake(vfs.POLLOUT)
	binary.LittleEndian.PutUint64(b, v)
	return 8, 0
}

func (f *eventFD) Write(b []byte, _ int64) (int, vfs.Errno) {
	if len(b) < 8 {
		return 0, syscall.EINVAL
	}
	v := binary.LittleEndian.Uint64(b)
	if v == math.MaxUint64 {
		return 0, syscall.EINVAL
	}
	f.mu.Lock()
	if v > math.MaxUint64-1-f.count {
		f.mu.Unlock()
		return 0, syscall.EAGAIN
	}
	f.count += v
	f.mu.Unlock()
	f.queue.Wake(vfs.POLLIN)
	return 8, 0
}

func (f *eventFD) Poll() (ev vfs.Events) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count > 0 {
		ev |= vfs.POLLIN
	}
	if f.count < math.MaxUint64-1 {
		ev |= vfs.POLLOUT
	}
	return ev
}

func (f *eventFD) Queue() *vfs.Queue { return &f.queue }
func (*eventFD) Close()              {}
func (*eventFD) Stream()             {}

// timerFD is a timerfd_create(2).
type timerFD struct {
	k     *Kernel
	clock int
	queue vfs.Queue

	mu       sync.Mutex
	next     int64 // when it expires, by the monotonic clock; never if it is not armed
	interval int64 // 0 for once
	missed   uint64
	stop     func()
}

func sysTimerfdCreate(t *Task, c *Call) (uint64, syscall.Errno) {
	clock, flags := c.Int(0), c.Int(1)
	if flags&^(unix.TFD_CLOEXEC|unix.TFD_NONBLOCK) != 0 || !realClock(clock) && !steadyClock(clock) {
		return 0, syscall.EINVAL
	}
	h := &timerFD{k: t.K, clock: clock, next: never}
	return t.install(t.K.anonymous(h, "anon_inode:[timerfd]", flags&vfs.O_NONBLOCK), flags&vfs.O_CLOEXEC != 0)
}

// timer returns the timer of a descriptor; the file has to be released.
func (t *Task) timer(fd int) (*vfs.File, *timerFD, syscall.Errno) {
	f, e := t.file(fd)
	if e != 0 {
		return nil, nil, e
	}
	if h, ok := f.Handle.(*timerFD); ok {
		return f, h, 0
	}
	f.Unref()
	return nil, nil, syscall.EINVAL
}

func sysTimerfdSettime(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(1)
	if flags&^(unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET) != 0 {
		return 0, syscall.EINVAL
	}
	var v itimerspec
	if e := t.readObject(c.Args[2], &v); e != 0 {
		return 0, e
	}
	if !validTimespec(v.Value) || !validTimespec(v.Interval) {
		return 0, syscall.EINVAL
	}
	f, h, e := t.timer(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	next, value := int64(never), v.Value.Nano()
	switch {
	case value == 0:
	case flags&unix.TFD_TIMER_ABSTIME != 0:
		next = t.K.toMonotonic(h.clock, value)
	default:
		next = t.K.after(value)
	}
	old := h.set(next, v.Interval.Nano())
	if c.Args[3] == 0 {
		return 0, 0
	}
	return 0, t.writeObject(c.Args[3], &old)
}

func sysTimerfdGettime(t *Task, c *Call) (uint64, syscall.Errno) {
	f, h, e := t.timer(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	h.mu.Lock()
	v := h.left()
	h.mu.Unlock()
	return 0, t.writeObject(c.Args[1], &v)
}

// left is what timerfd_gettime(2) says; mu is held.
func (f *timerFD) left() itimerspec {
	v := itimerspec{Interval: unix.NsecToTimespec(f.interval)}
	if f.next != never {
		v.Value = unix.NsecToTimespec(max(f.next-f.k.clock.Monotonic(), 1))
	}
	return v
}

// set arms the timer, and returns how it was.
func (f *timerFD) set(next, interval int64) itimerspec {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.left()
	f.next, f.interval, f.missed = next, interval, 0
	f.arm()
	return old
}

// arm has expire called when it is time; mu is held.
func (f *timerFD) arm() {
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
	if f.next != never {
		f.stop = f.k.clock.AfterFunc(f.next, f.expire)
	}
}

// expire is called when it is time.
func (f *timerFD) expire() {
	f.mu.Lock()
	f.count()
	f.mu.Unlock()
	f.queue.Wake(vfs.POLLIN)
}

// count counts what has expired; mu is held. Who asks need not wait for expire, which may be late.
func (f *timerFD) count() {
	now := f.k.clock.Monotonic()
	if f.next > now {
		return
	}
	n := int64(1)
	if f.interval > 0 {
		n += (now - f.next) / f.interval
		f.next = addTime(f.next, n*f.interval)
	} else {
		f.next = never
	}
	f.missed += uint64(n)
	f.arm()
}

func (f *timerFD) Read(b []byte, _ int64) (int, vfs.Errno) {
	if len(b) < 8 {
		return 0, syscall.EINVAL
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count(); f.missed == 0 {
		return 0, syscall.EAGAIN
	}
	binary.LittleEndian.PutUint64(b, f.missed)
	f.missed = 0
	return 8, 0
}

func (*timerFD) Write([]byte, int64) (int, vfs.Errno) { return 0, syscall.EINVAL }

func (f *timerFD) Poll() vfs.Events {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count(); f.missed > 0 {
		return vfs.POLLIN
	}
	return 0
}

func (f *timerFD) Queue() *vfs.Queue { return &f.queue }
func (*timerFD) Stream()             {}

func (f *timerFD) Close() { f.set(never, 0) }
