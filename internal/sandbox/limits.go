//go:build linux

package sandbox

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// rlimit is struct rlimit64. RLIM_INFINITY is the largest value.
type rlimit struct{ Cur, Max uint64 }

// rlimits are those of a process, by resource (getrlimit(2)).
type rlimits [16]rlimit

// firstLimits are those of the first process.
func (k *Kernel) firstLimits() (l rlimits) {
	for i := range l {
		l[i] = rlimit{math.MaxUint64, math.MaxUint64}
	}
	l[unix.RLIMIT_STACK].Cur = k.cfg.Limits.Stack
	l[unix.RLIMIT_CORE].Cur = 0
	l[unix.RLIMIT_NPROC] = rlimit{uint64(k.cfg.Limits.Tasks), uint64(k.cfg.Limits.Tasks)}
	l[unix.RLIMIT_NOFILE] = rlimit{1024, 4096}
	l[unix.RLIMIT_MEMLOCK] = rlimit{8 << 20, 8 << 20}
	l[rlimitSigPending] = rlimit{maxPending, maxPending}
	l[rlimitMsgQueue] = rlimit{819200, 819200}
	l[rlimitNice], l[rlimitRTPrio] = rlimit{}, rlimit{}
	return l
}

// Resources that x/sys does not name (asm-generic/resource.h).
const (
	rlimitSigPending = 11
	rlimitMsgQueue   = 12
	rlimitNice       = 13
	rlimitRTPrio     = 14
)

// stack is the size that a stack may have.
func (l *rlimits) stack() uint64 { return l[unix.RLIMIT_STACK].Cur }

// limitCPU has RLIMIT_CPU enforced, with Kernel.mu held: beyond it there is a SIGXCPU each second, and at the hard
// limit a SIGKILL.
func (p *Process) limitCPU() {
	const second = int64(time.Second)
	l := p.limits[unix.RLIMIT_CPU]
	m := &p.cpuLimit
	if m.k == nil {
		m.k, m.cpu = p.K, func() int64 { u := p.usage(); return u.user }
		m.fire = func(int64) {
			sig := int(unix.SIGXCPU)
			if max := p.limits[unix.RLIMIT_CPU].Max; max < lastSecond && m.now() >= int64(max)*second {
				sig = int(unix.SIGKILL)
			}
			info := newInfo(sig, siKernel)
			_ = p.send(nil, &info)
		}
	}
	if l.Cur >= lastSecond {
		m.set(0, 0)
		return
	}
	m.set(max(int64(l.Cur)*second, 1), second)
}

// memory are the limits that mem.Space enforces.
func (l *rlimits) memory() mem.Limits {
	return mem.Limits{AS: l[unix.RLIMIT_AS].Cur, Data: l[unix.RLIMIT_DATA].Cur, Stack: l[unix.RLIMIT_STACK].Cur}
}

func sysPrlimit64(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.prlimit(c.Int(0), c.Int(1), c.Args[2], c.Args[3])
}

func sysGetrlimit(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] == 0 {
		return 0, syscall.EFAULT
	}
	return 0, t.prlimit(0, c.Int(0), 0, c.Args[1])
}

func sysSetrlimit(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] == 0 {
		return 0, syscall.EFAULT
	}
	return 0, t.prlimit(0, c.Int(0), c.Args[1], 0)
}

// prlimit sets the limit of a resource from the guest address set, unless that is
// 0, and writes the old one to get, unless that is 0.
func (t *Task) prlimit(pid, resource int, set, get uint64) syscall.Errno {
	if resource < 0 || resource >= len(rlimits{}) {
		return syscall.EINVAL
	}
	var next rlimit
	if set != 0 {
		if e := t.readObject(set, &next); e != 0 {
			return e
		}
		if next.Cur > next.Max {
			return syscall.EINVAL
		}
	}
	old, e := t.changeLimit(pid, resource, next, set != 0)
	if e != 0 || get == 0 {
		return e
	}
	return t.writeObject(get, &old)
}

// changeLimit returns a limit of a process, and sets it if so told.
func (t *Task) changeLimit(pid, resource int, next rlimit, set bool) (old rlimit, e syscall.Errno) {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	p := t.process(pid)
	if p == nil {
		if other := t.K.tasks[pid]; other != nil {
			p = other.P
		} else {
			return old, syscall.ESRCH
		}
	}
	l := &p.limits[resource]
	old = *l
	if !set {
		return old, 0
	}
	if next.Max > l.Max && t.P.cred.uid.effective != 0 {
		return old, syscall.EPERM
	}
	*l = next
	if resource == unix.RLIMIT_CPU {
		p.limitCPU()
	}
	if p.mm != nil {
		p.mm.SetLimits(p.limits.memory())
	}
	return old, 0
}
