//go:build linux

package sandbox

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Values of si_code for SIGCHLD.
const (
	cldExited    = 1
	cldKilled    = 2
	cldStopped   = 5
	cldContinued = 6
)

// changes are what a parent can wait for, besides the end.
type changes struct {
	stoppedBy int // the signal, or 0
	continued bool
}

// childInfo is the siginfo_t of SIGCHLD and waitid(2) about p.
func (p *Process) childInfo(code int32, status int) sigInfo {
	return newInfo(int(unix.SIGCHLD), code, uint32(p.Pid), p.cred.uid.real, uint32(status))
}

// endInfo is childInfo for a process that has ended.
func (p *Process) endInfo() sigInfo {
	if p.status.Signal != 0 {
		return p.childInfo(cldKilled, p.status.Signal)
	}
	return p.childInfo(cldExited, p.status.Code)
}

// report tells the parent that the process has stopped or continued, with Kernel.mu held.
func (p *Process) report(c changes, code int32, status int) {
	p.changed = c
	if p.parent == nil {
		return
	}
	if p.parent.actions[unix.SIGCHLD].Flags&saNoCldStop == 0 {
		info := p.childInfo(code, status)
		_ = p.parent.send(nil, &info)
	}
	p.parent.wakeAll()
}

// wakeAll wakes the tasks, some of which may wait for a child, with Kernel.mu held.
func (p *Process) wakeAll() {
	for _, t := range p.tasks {
		t.Wake()
	}
}

// reportEnd tells the parent that the process has ended, with Kernel.mu held. Nothing is left of it if
// nobody is going to wait.
func (p *Process) reportEnd() {
	parent := p.parent
	if parent == nil {
		delete(p.K.processes, p.Pid)
		return
	}
	if a := &parent.actions[unix.SIGCHLD]; p.exitSignal == int(unix.SIGCHLD) && (a.Handler == sigIgn || a.Flags&saNoCldWait != 0) {
		p.reap()
	}
	if p.exitSignal != 0 && p.exitSignal <= numSignals { // clone(2) takes any, and Linux sends those that there are
		info := p.endInfo()
		info[0] = byte(p.exitSignal)
		_ = parent.send(nil, &info)
	}
	parent.wakeAll()
}

// reap removes a process that has been waited for, with Kernel.mu held.
func (p *Process) reap() {
	if parent := p.parent; parent != nil {
		parent.children = slices.DeleteFunc(parent.children, func(c *Process) bool { return c == p })
		parent.reaped.add(&p.used)
		parent.reaped.add(&p.reaped)
	}
	delete(p.K.processes, p.Pid)
}

// waitFor says which children are waited for, and for what.
type waitFor struct {
	matches func(p *Process) bool
	options int
	again   bool // finding nothing is EAGAIN
}

// found is what a wait has found.
type found struct {
	pid    int
	info   sigInfo
	status int // as wait4(2) has it
	usage  usage
}

// Options of wait4(2) and waitid(2) that are not POSIX's (linux/wait.h).
const (
	wNoThread = 0x20000000 // __WNOTHREAD
	wAll      = 0x40000000 // __WALL
	wClone    = 0x80000000 // __WCLONE
)

// wait waits for a child. It returns nothing found with WNOHANG.
func (t *Task) wait(w waitFor) (f found, e syscall.Errno) {
	for {
		f, any := t.lookForChild(&w)
		switch {
		case f.pid != 0:
			return f, 0
		case !any:
			return f, syscall.ECHILD
		case w.again:
			return f, syscall.EAGAIN
		case w.options&unix.WNOHANG != 0:
			return f, 0
		case e != 0:
			return f, e
		}
		e = t.sleep(never)
	}
}

// lookForChild looks whether there is something to be told of a child, and whether any child could become one.
func (t *Task) lookForChild(w *waitFor) (f found, any bool) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	for _, p := range t.P.children {
		if !w.matches(p) || !w.ofKind(p) || w.options&wNoThread != 0 && p.by != t.TID {
			continue
		}
		any = true
		if p.tell(w.options, &f) {
			return f, true
		}
	}
	return f, any
}

// ofKind reports whether the options let a child be waited for that tells its end by another signal
// than SIGCHLD.
func (w *waitFor) ofKind(p *Process) bool {
	return w.options&wAll != 0 || (w.options&wClone != 0) == (p.exitSignal != int(unix.SIGCHLD))
}

// tell has f be what there is to be told of a process, with Kernel.mu held. It reports false if there is nothing.
func (p *Process) tell(options int, f *found) bool {
	keep := options&unix.WNOWAIT != 0
	switch {
	case p.zombie && options&unix.WEXITED != 0:
		f.info, f.status = p.endInfo(), p.status.Code<<8|p.status.Signal
		if !keep {
			p.reap()
		}
	case p.zombie:
		return false
	case p.changed.stoppedBy != 0 && options&unix.WSTOPPED != 0:
		f.info, f.status = p.childInfo(cldStopped, p.changed.stoppedBy), p.changed.stoppedBy<<8|0x7f
	case p.changed.continued && options&unix.WCONTINUED != 0:
		f.info, f.status = p.childInfo(cldContinued, int(unix.SIGCONT)), 0xffff
	default:
		return false
	}
	if !keep {
		p.changed = changes{}
	}
	f.pid, f.usage = p.Pid, p.used
	f.usage.add(&p.reaped)
	return true
}

func sysWait4(t *Task, c *Call) (uint64, syscall.Errno) {
	pid, options := c.Int(0), int(c.Uint(2))
	if options&^(unix.WNOHANG|unix.WUNTRACED|unix.WCONTINUED|wNoThread|wAll|wClone) != 0 {
		return 0, syscall.EINVAL
	}
	if pid == -1<<31 {
		return 0, syscall.ESRCH
	}
	group := -pid
	if pid == 0 {
		group = t.group()
	}
	f, e := t.wait(waitFor{options: options | unix.WEXITED, matches: func(p *Process) bool {
		return pid == -1 || p.Pid == pid || pid <= 0 && p.group == group
	}})
	if e != 0 || f.pid == 0 {
		return 0, e
	}
	if c.Args[1] != 0 && t.Mem.Store(c.Args[1], 4, uint64(f.status)) != nil {
		return 0, syscall.EFAULT
	}
	if c.Args[3] != 0 {
		return uint64(f.pid), t.writeObject(c.Args[3], f.usage.rusage())
	}
	return uint64(f.pid), 0
}

func sysWaitid(t *Task, c *Call) (uint64, syscall.Errno) {
	which, id, options := c.Int(0), c.Int(1), int(c.Uint(3))
	if options&^(unix.WNOHANG|unix.WNOWAIT|unix.WEXITED|unix.WSTOPPED|unix.WCONTINUED|wNoThread|wAll|wClone) != 0 ||
		options&(unix.WEXITED|unix.WSTOPPED|unix.WCONTINUED) == 0 {
		return 0, syscall.EINVAL
	}
	w := waitFor{options: options}
	switch {
	case which == unix.P_ALL:
		w.matches = func(*Process) bool { return true }
	case which == unix.P_PID && id > 0:
		w.matches = func(p *Process) bool { return p.Pid == id }
	case which == unix.P_PGID && id >= 0:
		if id == 0 {
			id = t.group()
		}
		w.matches = func(p *Process) bool { return p.group == id }
	case which == unix.P_PIDFD && id >= 0:
		if e := t.waitPidFD(id, &w); e != 0 {
			return 0, e
		}
	default:
		return 0, syscall.EINVAL
	}
	f, e := t.wait(w)
	if e != 0 {
		return 0, e
	}
	if c.Args[2] != 0 && t.copyOut(c.Args[2], f.info[:28]) != 0 {
		return 0, syscall.EFAULT
	}
	if f.pid != 0 && c.Args[4] != 0 {
		return 0, t.writeObject(c.Args[4], f.usage.rusage())
	}
	return 0, 0
}

// group is the task's process group.
func (t *Task) group() int {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return t.P.group
}
