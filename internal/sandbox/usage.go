//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// usage is what processes have used.
type usage struct {
	user   int64  // processor time, in nanoseconds
	maxRSS uint64 // bytes
}

func (u *usage) add(v *usage) {
	u.user += v.user
	u.maxRSS = max(u.maxRSS, v.maxRSS)
}

// rusage is u as getrusage(2) has it.
func (u *usage) rusage() *unix.Rusage {
	return &unix.Rusage{Utime: unix.NsecToTimeval(u.user), Maxrss: int64(u.maxRSS / 1024)}
}

// began and ended note that guest code runs, and has run. Processor time is the time that passes meanwhile;
// with a fake clock, of which none does, each instruction takes a nanosecond.
func (t *Task) began() {
	if !t.K.fake {
		t.runs.Store(t.K.clock.Monotonic())
	}
}

func (t *Task) ended() {
	if t.K.fake {
		n := t.CPU.Retired()
		t.used.Add(int64(n - t.counted))
		t.counted = n
		return
	}
	t.used.Add(t.K.clock.Monotonic() - t.runs.Swap(0))
}

// cpuTime is the processor time that the task has used. Any goroutine may call it.
func (t *Task) cpuTime() int64 {
	used := t.used.Load()
	if start := t.runs.Load(); start != 0 {
		used += max(t.K.clock.Monotonic()-start, 0)
	}
	return used
}

// cpuTime is that of all tasks there are and have been.
func (p *Process) cpuTime() int64 {
	p.K.mu.Lock()
	defer p.K.mu.Unlock()
	return p.usage().user
}

// usage is what the process has used, with Kernel.mu held.
func (p *Process) usage() usage {
	u := p.used
	for _, t := range p.tasks {
		u.user += t.cpuTime()
	}
	return u
}

func sysGetrusage(t *Task, c *Call) (uint64, syscall.Errno) {
	var u usage
	t.K.mu.Lock()
	switch c.Int(0) {
	case unix.RUSAGE_SELF:
		u = t.P.usage()
		_, u.maxRSS = t.Mem.Size()
	case unix.RUSAGE_CHILDREN:
		u = t.P.reaped
	case unix.RUSAGE_THREAD:
		u.user = t.cpuTime()
	default:
		t.K.mu.Unlock()
		return 0, syscall.EINVAL
	}
	t.K.mu.Unlock()
	return 0, t.writeObject(c.Args[1], u.rusage())
}
