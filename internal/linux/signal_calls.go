//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/trap"
)

func sysRtSigaction(t *Task, c *Call) (uint64, syscall.Errno) {
	sig := c.Int(0)
	if c.Args[3] != sigsetSize {
		return 0, syscall.EINVAL
	}
	var act sigaction
	if c.Args[1] != 0 && t.Mem.ReadObject(c.Args[1], &act) != nil {
		return 0, syscall.EFAULT
	}
	if sig < 1 || sig > numSignals || c.Args[1] != 0 && unblockable&sigbit(sig) != 0 {
		return 0, syscall.EINVAL
	}
	old := t.P.sig.action(sig)
	if c.Args[1] != 0 {
		act.Flags &= saKnown
		act.Mask &^= unblockable
		old = t.P.sig.set(sig, act)
		if t.P.parent == nil { // the record is the parent's otherwise
			peer.SetSignals(t.P.sig.sets())
		}
		if act.ignored(sig) {
			t.flushVirtual(sig)
		}
	}
	if c.Args[2] != 0 {
		return 0, faultErrno(t.Mem.WriteObject(c.Args[2], &old))
	}
	return 0, 0
}

// flushVirtual discards a signal that waits in any virtual queue of the process.
func (t *Task) flushVirtual(sig int) {
	p := t.P
	p.sig.shared.take(sigbit(sig))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.tasks {
		other.sig.own.take(sigbit(sig))
	}
}

func sysRtSigprocmask(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[3] != sigsetSize {
		return 0, syscall.EINVAL
	}
	old := t.sig.mask
	if c.Args[1] != 0 {
		set, e := uapi.ChangedMask(t.Mem, old, c.Int(0), c.Args[1])
		if e != 0 {
			return 0, e
		}
		if !t.setMask(set) {
			return 0, ERESTARTNOINTR // the signal that has just arrived comes first
		}
	}
	if c.Args[2] != 0 {
		return 0, faultErrno(t.Mem.Store(c.Args[2], sigsetSize, old))
	}
	return 0, 0
}

func sysRtSigpending(t *Task, c *Call) (uint64, syscall.Errno) {
	size := c.Args[1]
	if size > sigsetSize {
		return 0, syscall.EINVAL
	}
	var set uint64
	if _, _, e := syscall.RawSyscall(unix.SYS_RT_SIGPENDING, uintptr(unsafe.Pointer(&set)), sigsetSize, 0); e != 0 {
		return 0, e
	}
	set |= t.virtualPending() & t.sig.mask
	b := binary.LittleEndian.AppendUint64(nil, set)
	return 0, faultErrno(t.Mem.CopyOut(c.Args[0], b[:size]))
}

func sysRtSigsuspend(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] != sigsetSize {
		return 0, syscall.EINVAL
	}
	mask, f := t.Mem.Load(c.Args[0], sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	m := marshaller{t: t}
	host := t.setTempMask(mask)
	r, e := t.Syscall(unix.SYS_RT_SIGSUSPEND, m.keep((*byte)(unsafe.Pointer(&host))), sigsetSize)
	m.finish()
	r, e = restart(r, e, ERESTARTNOHAND)
	t.endTempMask(e)
	return r, e
}

func sysRtSigtimedwait(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[3] != sigsetSize {
		return 0, syscall.EINVAL
	}
	set, f := t.Mem.Load(c.Args[0], sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	var timeout *unix.Timespec
	if c.Args[2] != 0 {
		ts, e := t.readTimeout(c.Args[2])
		if e != 0 {
			return 0, e
		}
		left := t.thr.wait.left(c, ts)
		timeout = &left
	}
	info, e := t.waitSignal(set&^unblockable, timeout)
	t.thr.wait.done(e)
	if e != 0 {
		return 0, e
	}
	if c.Args[1] != 0 && t.Mem.CopyOut(c.Args[1], info[:]) != nil {
		return 0, syscall.EFAULT
	}
	return uint64(info.Signal()), 0
}

// waitSignal takes a signal of set; those that are handled meanwhile interrupt it.
// A time-out of nil is never.
func (t *Task) waitSignal(set uint64, timeout *unix.Timespec) (info trap.Info, e syscall.Errno) {
	if info, ok := t.takeVirtual(set); ok {
		return info, 0
	}
	host := set &^ trap.Unmaskable
	m := marshaller{t: t}
	var ts uintptr
	if timeout != nil {
		ts = m.keep((*byte)(unsafe.Pointer(timeout)))
	}
	_, e = t.Syscall(unix.SYS_RT_SIGTIMEDWAIT, m.keep((*byte)(unsafe.Pointer(&host))), m.keep(&info[0]), ts, sigsetSize)
	m.finish()
	if e == syscall.EINTR {
		if info, ok := t.host.TakeUnmaskable(set); ok {
			return info, 0
		}
		e = ERESTARTNOHAND
		if set&trap.Unmaskable != 0 && !t.host.Pending() {
			e = ERESTARTNOINTR // one of the six came, but another thread was faster to take it
		}
	}
	return info, e
}

var (
	hostKill  = hostCall(unix.SYS_KILL)
	hostQueue = hostCall(unix.SYS_RT_SIGQUEUEINFO)
)

func sysKill(t *Task, c *Call) (uint64, syscall.Errno) {
	pid, sig := c.Int(0), c.Int(1)
	if sig == int(unix.SIGSTOP) && pid > 0 && tracedByAnyone(pid) && trap.SendStop(pid) == 0 {
		return 0, 0
	}
	if t.getsOwn(pid, sig) {
		return 0, trap.SendSelf(sig)
	}
	return hostKill(t, c)
}

func sysRtSigqueueinfo(t *Task, c *Call) (uint64, syscall.Errno) {
	if t.getsOwn(c.Int(0), c.Int(1)) {
		const rtTgsigqueueinfo = 240
		c = &Call{Row: t.P.row(rtTgsigqueueinfo), Args: [6]uint64{c.Args[0], uint64(t.TID), c.Args[1], c.Args[2]}}
		return c.Row.Do(t, c)
	}
	return hostQueue(t, c)
}

// getsOwn reports whether a signal that the task sends to process pid is for itself, at once, and must not get into the queue
// of the process: none of the six is blocked by threads of Go's runtime, so one of these might take it, and pass it on too late.
func (t *Task) getsOwn(pid, sig int) bool {
	if pid != os.Getpid() || sig < 1 || sig > numSignals || trap.Unmaskable&sigbit(sig) == 0 {
		return false
	}
	if t.TID == pid && t.blocked()&sigbit(sig) == 0 { // Linux prefers the first thread
		return true
	}
	t.P.mu.Lock()
	defer t.P.mu.Unlock()
	return len(t.P.tasks) == 1
}

func sysRtSigreturn(t *Task, _ *Call) (uint64, syscall.Errno) {
	if !t.host.Freeze() {
		return 0, ERESTARTNOINTR // the signal that has just arrived comes first
	}
	t.restart = restartBlock{} // what a handler interrupted is not continued
	mask, stack, err := t.CPU.PopSignal()
	if err != nil {
		info := kernelInfo(int(unix.SIGSEGV), siKernel, 0)
		t.forceSignal(&info)
		return 0, errNoResult
	}
	_ = uapi.SetAltStack(&t.sig.stack, t.CPU.SP(), stack) // Linux does not mind either what the frame holds
	t.setMask(mask)
	return 0, errNoResult
}
