//go:build linux

package sandbox

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// signalFD is a signalfd(2): signals that wait for the process that has made it, or for one of its tasks, are read
// from it.
type signalFD struct {
	p    *Process
	mask atomic.Uint64
}

// signalReader is what a process has for its signalFDs.
type signalReader struct {
	queue   vfs.Queue
	used    bool          // there is one, or has been; guarded by Kernel.mu
	waiting atomic.Uint64 // the signals that wait, if used; written with Kernel.mu held
}

// noteSignals has signalFDs look at what waits, with Kernel.mu held.
func (p *Process) noteSignals() {
	r := &p.signals
	if !r.used {
		return
	}
	set := p.pending.set
	for _, t := range p.tasks {
		set |= t.sig.pending.set
	}
	if more := set &^ r.waiting.Swap(set); more != 0 {
		r.queue.Wake(vfs.POLLIN)
	}
}

func sysSignalfd4(t *Task, c *Call) (uint64, syscall.Errno) {
	fd, flags := c.Int(0), c.Int(3)
	if c.Args[2] != sigsetSize || flags&^(vfs.O_CLOEXEC|vfs.O_NONBLOCK) != 0 {
		return 0, syscall.EINVAL
	}
	mask, f := t.Mem.Load(c.Args[1], sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	mask &^= unblockable
	if fd != -1 {
		file, e := t.file(fd)
		if e != 0 {
			return 0, e
		}
		defer file.Unref()
		h, ok := file.Handle.(*signalFD)
		if !ok {
			return 0, syscall.EINVAL
		}
		h.mask.Store(mask)
		h.p.signals.queue.Wake(vfs.POLLIN)
		return uint64(fd), 0
	}
	h := &signalFD{p: t.P}
	h.mask.Store(mask)
	t.K.mu.Lock()
	t.P.signals.used = true
	t.P.noteSignals()
	t.K.mu.Unlock()
	return t.install(t.K.anonymous(h, "anon_inode:[signalfd]", flags&vfs.O_NONBLOCK), flags&vfs.O_CLOEXEC != 0)
}

// signalfdSize is the size of struct signalfd_siginfo in bytes.
const signalfdSize = 128

func (h *signalFD) Read(b []byte, _ int64) (int, vfs.Errno) {
	if len(b) < signalfdSize {
		return 0, syscall.EINVAL
	}
	h.p.K.mu.Lock()
	defer h.p.K.mu.Unlock()
	n := 0
	for ; len(b)-n >= signalfdSize; n += signalfdSize {
		info, ok := h.take()
		if !ok {
			break
		}
		info.encode(b[n : n+signalfdSize])
	}
	h.p.noteSignals()
	if n == 0 {
		return 0, syscall.EAGAIN
	}
	return n, 0
}

// take takes a signal, with Kernel.mu held.
func (h *signalFD) take() (info sigInfo, ok bool) {
	mask := h.mask.Load()
	for _, t := range h.p.tasks {
		if info, ok = t.sig.pending.take(mask); ok {
			return info, ok
		}
	}
	return h.p.pending.take(mask)
}

// encode writes a struct signalfd_siginfo.
func (i *sigInfo) encode(b []byte) {
	le := binary.LittleEndian
	clear(b)
	le.PutUint32(b[0:], i.word(0))
	le.PutUint32(b[4:], i.word(4))
	le.PutUint32(b[8:], i.word(8))
	switch code := i.Code(); {
	case code == siTimer:
		le.PutUint32(b[24:], i.word(16)) // ssi_tid
		le.PutUint32(b[32:], i.word(20)) // ssi_overrun
		le.PutUint32(b[44:], i.word(24)) // ssi_int
		copy(b[48:56], i[24:32])         // ssi_ptr
	case i.Signal() == int(syscall.SIGCHLD) && code > 0:
		le.PutUint32(b[12:], i.word(16)) // ssi_pid
		le.PutUint32(b[16:], i.word(20)) // ssi_uid
		le.PutUint32(b[40:], i.word(24)) // ssi_status
	case code > 0 && code != siKernel: // a fault
		copy(b[72:80], i[16:24]) // ssi_addr
	default:
		le.PutUint32(b[12:], i.word(16))
		le.PutUint32(b[16:], i.word(20))
		le.PutUint32(b[44:], i.word(24))
		copy(b[48:56], i[24:32])
	}
}

func (*signalFD) Write([]byte, int64) (int, vfs.Errno) { return 0, syscall.EINVAL }
func (*signalFD) Close()                               {}
func (*signalFD) Stream()                              {}

func (h *signalFD) Poll() vfs.Events {
	if h.p.signals.waiting.Load()&h.mask.Load() != 0 {
		return vfs.POLLIN
	}
	return 0
}

func (h *signalFD) Queue() *vfs.Queue { return &h.p.signals.queue }
