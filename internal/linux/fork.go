//go:build linux && amd64

package linux

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/forkall"
	"github.com/hospes-vm/hospes/internal/peer"
)

// Children with memory of their own: fork(2). The host process is copied, with all
// of Go's threads (package forkall) but those of the guest: the other guest threads
// wait at their gates, outside of Go, while the copy is made. A thread at its gate
// is at the head of its run loop, so it holds no lock; and the child, in which these
// threads are not, finds all locks free.

// cloneFork makes a child that has a copy of the memory.
func (t *Task) cloneFork(a *cloneArgs) (uint64, syscall.Errno) {
	p := t.P
	if p.vfork != nil {
		return 0, syscall.EAGAIN // Go's threads are not in this process
	}
	if forkall.Init() != nil {
		return 0, syscall.ENOSYS
	}
	if e := t.checkPidFD(a); e != 0 {
		return 0, e
	}
	if !p.awaitShared(forkPatience) {
		return 0, syscall.EAGAIN // they run in Go's threads, which are about to stop
	}
	parked, ok := p.stopOthers(t)
	if !ok {
		return 0, ERESTARTNOINTR
	}
	defer p.stop.Release()
	if !t.host.Freeze() {
		return 0, ERESTARTNOINTR // the signal that has just arrived comes first
	}
	defer func() { t.setMask(t.sig.mask) }()
	if err := t.Mem.BeforeFork(); err != nil {
		return 0, errnoOf(err)
	}
	const flags = hostCloneFlags&^unix.CLONE_FILES | unix.CLONE_VFORK
	pid, fd, e := forkall.Fork(uintptr(a.Flags&flags|a.ExitSignal), parked)
	if t.Mem.AfterFork(pid == 0 && e == 0) != nil {
		_ = unix.Kill(unix.Getpid(), unix.SIGKILL) // it would go on in its parent's memory
	}
	switch {
	case e != 0:
		return 0, e
	case pid == 0:
		t.becomeForked(a)
		return 0, 0
	}
	if a.Flags&unix.CLONE_PIDFD != 0 {
		_ = t.Mem.Store(a.PidFD, 4, uint64(fd))
	}
	if a.Flags&unix.CLONE_PARENT_SETTID != 0 {
		_ = t.Mem.Store(a.ParentTID, 4, uint64(pid))
	}
	return uint64(pid), 0
}

// stopOthers has all threads but t wait at their gates, until p.stop is released, and
// returns their IDs. It fails if something else comes first: t has to return to its
// run loop then, and comes back.
func (p *Process) stopOthers(t *Task) (parked []int, ok bool) {
	if !p.orderStop(t) {
		return nil, false
	}
	for attempt := 0; ; attempt++ {
		if parked, ok = p.othersParked(t); ok {
			return parked, true
		}
		// A tracer that has stopped one of the others may want t to stop before
		// it has that go on.
		if p.ending.Load() || attempt > 50 && t.traced() && t.host.Pending() {
			p.stop.Release()
			return nil, false
		}
		if attempt < 50 {
			runtime.Gosched()
		} else {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// orderStop orders all threads but t to wait, when no child runs in this process's
// memory. A child may want something of one of these threads, so the order is not
// given before; but no further child is made.
func (p *Process) orderStop(t *Task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forkers++
	defer func() { p.forkers-- }()
	for p.vforks > 0 && !p.stop.Ordered() && !t.host.Pending() {
		p.mu.Unlock()
		time.Sleep(50 * time.Microsecond)
		p.mu.Lock()
	}
	if p.vforks > 0 || p.stop.Ordered() || p.ending.Load() {
		return false
	}
	p.stop.Order()
	for _, other := range p.tasks {
		if other != t {
			other.host.Kick()
		}
	}
	return true
}

// othersParked reports whether all threads but t are at their gates, and returns
// their IDs.
func (p *Process) othersParked(t *Task) (tids []int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for tid, other := range p.tasks {
		switch {
		case other == t:
		case other.gate.Parked():
			tids = append(tids, tid)
		default:
			return nil, false
		}
	}
	return tids, p.leaving == 0
}

// becomeForked makes of t, in the copied process, the only thread of that.
func (t *Task) becomeForked(a *cloneArgs) {
	p := t.P
	t.TID = unix.Gettid()
	t.host.Rebind()
	t.host.SetTraced(false)
	p.tracees.Forked()
	t.seen.Forked(t.TID, p.Pid())
	p.tasks = map[int]*Task{t.TID: t}
	p.cpus = newCPUSet()
	p.cpus.add(t.CPU)
	p.aio = aioContexts{}
	p.setMDWE(p.inheritedMDWE())
	if p.OnFork != nil {
		p.OnFork()
	}
	t.startProfile()
	p.sig.shared.clear()
	t.sig.own.clear()
	t.thr = taskThread{}
	p.childrenElsewhere.Store(false)
	p.lockFuture.Store(0)
	peer.SetUndoes(a.Flags&unix.CLONE_SYSVSEM != 0)
	if a.Stack != 0 {
		t.CPU.SetSP(a.Stack)
	}
	if a.Flags&unix.CLONE_SETTLS != 0 {
		t.CPU.SetTLS(a.TLS)
	}
	t.takeID(a, t.TID)
	if a.Flags&unix.CLONE_CLEAR_SIGHAND != 0 {
		p.sig.clear()
		p.sig.setIntercept(p.sig.intercept)
	}
}
