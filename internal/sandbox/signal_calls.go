//go:build linux

package sandbox

import (
	"encoding/binary"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
)

// sigsetSize is the size of a sigset_t in bytes.
const sigsetSize = uapi.SigsetSize

func sysRtSigaction(t *Task, c *Call) (uint64, syscall.Errno) {
	sig := c.Int(0)
	if c.Args[3] != sigsetSize {
		return 0, syscall.EINVAL
	}
	var act sigaction
	if c.Args[1] != 0 {
		if e := t.readObject(c.Args[1], &act); e != 0 {
			return 0, e
		}
	}
	if sig < 1 || sig > numSignals || c.Args[1] != 0 && unblockable&sigbit(sig) != 0 {
		return 0, syscall.EINVAL
	}
	t.K.mu.Lock()
	old := t.P.actions[sig]
	if c.Args[1] != 0 {
		act.Flags &= saKnown
		act.Mask &^= unblockable
		t.P.actions[sig] = act
		if act.ignored(sig) {
			t.P.drop(sigbit(sig))
		}
	}
	t.K.mu.Unlock()
	if c.Args[2] != 0 {
		return 0, t.writeObject(c.Args[2], &old)
	}
	return 0, 0
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
		t.setMask(set)
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
	t.K.mu.Lock()
	set := (t.sig.pending.set | t.P.pending.set) & t.sig.mask
	t.K.mu.Unlock()
	return 0, t.copyOut(c.Args[0], binary.LittleEndian.AppendUint64(nil, set)[:size])
}

func sysRtSigsuspend(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] != sigsetSize {
		return 0, syscall.EINVAL
	}
	mask, f := t.Mem.Load(c.Args[0], sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	t.setTempMask(mask)
	for t.sleep(never) == 0 {
	}
	return 0, ERESTARTNOHAND
}

func sysRtSigtimedwait(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[3] != sigsetSize {
		return 0, syscall.EINVAL
	}
	set, f := t.Mem.Load(c.Args[0], sigsetSize)
	if f != nil {
		return 0, syscall.EFAULT
	}
	until := int64(never)
	if c.Args[2] != 0 {
		d, e := t.readTimespec(c.Args[2])
		if e != 0 {
			return 0, e
		}
		until = t.K.after(d)
	}
	info, e := t.waitSignal(set&^unblockable, until)
	if e != 0 {
		return 0, e
	}
	if c.Args[1] != 0 && t.copyOut(c.Args[1], info[:]) != 0 {
		return 0, syscall.EFAULT
	}
	return uint64(info.Signal()), 0
}

// waitSignal takes a signal of set; one that is delivered meanwhile interrupts it.
func (t *Task) waitSignal(set uint64, until int64) (info sigInfo, e syscall.Errno) {
	for {
		t.K.mu.Lock()
		t.sig.waiting = 0
		info, ok := t.takeSignal(set)
		switch {
		case ok:
			t.K.mu.Unlock()
			return info, 0
		case e == syscall.ETIMEDOUT:
			t.K.mu.Unlock()
			return info, syscall.EAGAIN
		case e != 0 && (t.deliverable() || t.P.stopped || t.P.ending || t.P.execing != nil):
			t.K.mu.Unlock()
			return info, syscall.EINTR
		}
		// What has been notified is what somebody else has taken, or one of set.
		t.sleeper.attention.Store(false)
		t.sig.waiting = set
		t.K.mu.Unlock()
		if until <= t.K.clock.Monotonic() {
			e = syscall.ETIMEDOUT
			continue
		}
		e = t.sleep(until)
	}
}

// takeSignal takes a signal of set that waits for the task or its process, with Kernel.mu held.
func (t *Task) takeSignal(set uint64) (info sigInfo, ok bool) {
	if info, ok = t.sig.pending.take(set); !ok {
		info, ok = t.P.pending.take(set)
	}
	if ok {
		t.P.noteSignals()
	}
	return info, ok
}

func sysRtSigreturn(t *Task, _ *Call) (uint64, syscall.Errno) {
	t.restart = restartBlock{} // what a handler interrupted is not continued
	mask, stack, err := t.CPU.PopSignal()
	if err != nil {
		info := newInfo(int(unix.SIGSEGV), siKernel)
		t.force(&info)
		return 0, errNoResult
	}
	_ = uapi.SetAltStack(&t.sig.stack, t.CPU.SP(), stack) // Linux does not mind either what the frame holds
	t.setMask(mask)
	return 0, errNoResult
}

func sysSigaltstack(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, uapi.Sigaltstack(t.Mem, &t.sig.stack, t.CPU.SP(), c.Args[0], c.Args[1])
}

func sysKill(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.kill(c.Int(0), c.Int(1), t.sentInfo(c.Int(1), siUser))
}

// kill sends a signal to one process or to several, as kill(2) takes pid. Signal 0 is to none.
func (t *Task) kill(pid, sig int, info sigInfo) syscall.Errno {
	if sig < 0 || sig > numSignals {
		return syscall.EINVAL
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	var to []*Process
	switch {
	case pid > 0:
		to = append(to, t.K.processes[pid])
		if to[0] == nil {
			if other := t.K.tasks[pid]; other != nil { // kill(2) takes any thread's ID
				to[0] = other.P
			}
		}
	case pid == -1:
		for _, p := range t.K.processes {
			if p != t.P {
				to = append(to, p)
			}
		}
	default:
		group := -pid
		if pid == 0 {
			group = t.P.group
		}
		for _, p := range t.K.processes {
			if p.group == group {
				to = append(to, p)
			}
		}
	}
	to = slices.DeleteFunc(to, func(p *Process) bool { return p == nil })
	if len(to) == 0 {
		if pid == firstID-1 {
			return syscall.EPERM
		}
		return syscall.ESRCH
	}
	slices.SortFunc(to, func(a, b *Process) int { return a.Pid - b.Pid })
	var e syscall.Errno
	for _, p := range to {
		if sig != 0 {
			e = p.send(nil, &info)
		}
	}
	if len(to) == 1 {
		return e
	}
	return 0
}

func sysTkill(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Int(0) <= 0 {
		return 0, syscall.EINVAL
	}
	return 0, t.killTask(-1, c.Int(0), c.Int(1), t.sentInfo(c.Int(1), siTKill))
}

func sysTgkill(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Int(0) <= 0 || c.Int(1) <= 0 {
		return 0, syscall.EINVAL
	}
	return 0, t.killTask(c.Int(0), c.Int(1), c.Int(2), t.sentInfo(c.Int(2), siTKill))
}

// killTask sends a signal to a task, of process pid unless that is -1.
func (t *Task) killTask(pid, tid, sig int, info sigInfo) syscall.Errno {
	if sig < 0 || sig > numSignals {
		return syscall.EINVAL
	}
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	to := t.K.tasks[tid]
	if to == nil && t.K.processes[tid] != nil && (pid == -1 || pid == tid) {
		return 0 // to a first thread that has ended before the others
	}
	if to == nil || pid != -1 && to.P.Pid != pid {
		return syscall.ESRCH
	}
	if sig == 0 {
		return 0
	}
	return to.P.send(to, &info)
}

func sysRtSigqueueinfo(t *Task, c *Call) (uint64, syscall.Errno) {
	info, e := t.readInfo(c.Args[2], c.Int(1), c.Int(0))
	if e != 0 {
		return 0, e
	}
	return 0, t.kill(c.Int(0), c.Int(1), info)
}

func sysRtTgsigqueueinfo(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Int(0) <= 0 || c.Int(1) <= 0 {
		return 0, syscall.EINVAL
	}
	info, e := t.readInfo(c.Args[3], c.Int(2), c.Int(0))
	if e != 0 {
		return 0, e
	}
	return 0, t.killTask(c.Int(0), c.Int(1), c.Int(2), info)
}

// readInfo reads the siginfo_t of a signal for process pid. What only the kernel may say, nobody may
// tell others.
func (t *Task) readInfo(addr uint64, sig, pid int) (info sigInfo, e syscall.Errno) {
	if t.Mem.CopyIn(info[:], addr) != nil {
		return info, syscall.EFAULT
	}
	info.setWord(0, uint32(sig))
	if code := info.Code(); (code >= 0 || code == siTKill) && pid != t.P.Pid {
		return info, syscall.EPERM
	}
	return info, 0
}
