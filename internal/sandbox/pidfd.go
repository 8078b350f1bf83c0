//go:build linux

package sandbox

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// ender is what can be waited for that a process or task has: its end. It takes no lock to look at it.
type ender struct {
	queue vfs.Queue
	ended atomic.Bool
}

// end wakes who waits. No lock may be held.
func (e *ender) end() {
	e.ended.Store(true)
	e.queue.Wake(vfs.POLLIN)
}

// pidFD is a descriptor of a process, or of a task of one (pidfd_open(2)).
type pidFD struct {
	of atomic.Pointer[pidTarget] // nil while clone(2) has not made it yet
}

type pidTarget struct {
	p   *Process
	t   *Task // nil for the process
	end *ender
}

// Flags of pidfd_open(2) and pidfd_send_signal(2) (linux/pidfd.h).
const (
	pidfdThread = vfs.O_EXCL

	pidfdSignalThread  = 1
	pidfdSignalProcess = 2
	pidfdSignalGroup   = 4
)

// set has the descriptor be of the process of t, or of t alone.
func (h *pidFD) set(t *Task, thread bool) {
	if thread {
		h.of.Store(&pidTarget{t.P, t, &t.end})
		return
	}
	h.of.Store(&pidTarget{t.P, nil, &t.P.over})
}

func (*pidFD) Read([]byte, int64) (int, vfs.Errno)  { return 0, syscall.EINVAL }
func (*pidFD) Write([]byte, int64) (int, vfs.Errno) { return 0, syscall.EINVAL }
func (*pidFD) Close()                               {}
func (*pidFD) Stream()                              {}

func (h *pidFD) Poll() vfs.Events {
	if to := h.of.Load(); to != nil && to.end.ended.Load() {
		return vfs.POLLIN
	}
	return 0
}

func (h *pidFD) Queue() *vfs.Queue {
	if to := h.of.Load(); to != nil {
		return &to.end.queue
	}
	return nil
}

// installPidFD makes a descriptor of nobody yet.
func (t *Task) installPidFD(flags int) (h *pidFD, fd uint64, e syscall.Errno) {
	h = new(pidFD)
	fd, e = t.install(t.K.anonymous(h, "anon_inode:[pidfd]", flags&vfs.O_NONBLOCK), true)
	return h, fd, e
}

// pidFD is who a descriptor is of.
func (t *Task) pidFD(fd int) (to *pidTarget, nonblocking bool, e syscall.Errno) {
	f, e := t.file(fd)
	if e != 0 {
		return nil, false, e
	}
	defer f.Unref()
	if h, ok := f.Handle.(*pidFD); ok && h.of.Load() != nil {
		return h.of.Load(), f.Nonblocking(), 0
	}
	return nil, false, syscall.EBADF
}

func sysPidfdOpen(t *Task, c *Call) (uint64, syscall.Errno) {
	pid, flags := c.Int(0), c.Int(1)
	if flags&^(vfs.O_NONBLOCK|pidfdThread) != 0 || pid <= 0 {
		return 0, syscall.EINVAL
	}
	to := new(pidTarget)
	t.K.mu.Lock()
	other, p := t.K.tasks[pid], t.K.processes[pid]
	t.K.mu.Unlock()
	switch {
	case other == nil && p == nil:
		return 0, syscall.ESRCH
	case flags&pidfdThread == 0 && p == nil:
		return 0, syscall.EINVAL // of a task that is not the first
	case flags&pidfdThread == 0 || other == nil:
		*to = pidTarget{p, nil, &p.over}
	default:
		*to = pidTarget{other.P, other, &other.end}
	}
	h, fd, e := t.installPidFD(flags)
	h.of.Store(to)
	return fd, e
}

func sysPidfdSendSignal(t *Task, c *Call) (uint64, syscall.Errno) {
	sig, flags := c.Int(1), c.Uint(3)
	switch flags {
	case 0, pidfdSignalThread, pidfdSignalProcess, pidfdSignalGroup:
	default:
		return 0, syscall.EINVAL
	}
	to, _, e := t.pidFD(c.Int(0))
	if e != 0 {
		return 0, e
	}
	thread := flags == pidfdSignalThread || flags == 0 && to.t != nil
	code := int32(siUser)
	if thread {
		code = siTKill
	}
	info := t.sentInfo(sig, code)
	if c.Args[2] != 0 {
		if t.Mem.CopyIn(info[:], c.Args[2]) != nil {
			return 0, syscall.EFAULT
		}
		if info.Signal() != sig {
			return 0, syscall.EINVAL
		}
		if (info.Code() >= 0 || info.Code() == siTKill) && to.p != t.P {
			return 0, syscall.EPERM
		}
	}
	switch {
	case to.end.ended.Load() && t.gone(to.p):
		return 0, syscall.ESRCH
	case flags == pidfdSignalGroup:
		return 0, t.kill(-to.p.Pid, sig, info)
	case thread && to.t != nil:
		return 0, t.killTask(to.p.Pid, to.t.TID, sig, info)
	}
	return 0, t.kill(to.p.Pid, sig, info)
}

// gone reports whether a process has been waited for.
func (t *Task) gone(p *Process) bool {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.K.processes[p.Pid] != p
}

// sysPidfdGetfd makes a descriptor of a file that another process has open.
func sysPidfdGetfd(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Uint(2) != 0 {
		return 0, syscall.EINVAL
	}
	to, _, e := t.pidFD(c.Int(0))
	if e != 0 {
		return 0, e
	}
	t.K.mu.Lock()
	var fds *fdTable
	if len(to.p.tasks) > 0 {
		fds = to.p.tasks[0].files.fds
	}
	t.K.mu.Unlock()
	if fds == nil {
		return 0, syscall.ESRCH
	}
	f := fds.get(c.Int(1))
	if f == nil {
		return 0, syscall.EBADF
	}
	return t.install(f, true)
}

// waitPidFD is whom waitid(2) waits for by a descriptor.
func (t *Task) waitPidFD(fd int, w *waitFor) syscall.Errno {
	to, nonblocking, e := t.pidFD(fd)
	if e != 0 {
		return e
	}
	w.matches = func(p *Process) bool { return p == to.p }
	if nonblocking && w.options&unix.WNOHANG == 0 {
		w.options |= unix.WNOHANG
		w.again = true
	}
	return 0
}
