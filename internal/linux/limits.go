//go:build linux && amd64

package linux

import (
	"math"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/inherited"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Resource limits (getrlimit(2)). Most are the host's own and really set. Those
// that count hospes's memory rather than the guest's are kept here and enforced
// by mem.Space; what is inherited from the host is where they start.

// keptLimits are the resources whose limits never reach the host.
var keptLimits = [...]int{unix.RLIMIT_DATA, unix.RLIMIT_STACK, unix.RLIMIT_AS}

// rlimit is struct rlimit64. RLIM_INFINITY is the largest value.
type rlimit struct{ Cur, Max uint64 }

// limits are the resource limits that hospes keeps for the guest.
type limits struct {
	mu        sync.Mutex // guards the following
	kept      [len(keptLimits)]rlimit
	nofileMax uint64 // the hard limit of RLIMIT_NOFILE: the host's may be higher
}

// init takes over what the process has inherited.
func (l *limits) init() {
	for i, resource := range keptLimits {
		if old, ok := inherited.Limit(resource); ok {
			l.kept[i] = rlimit(old)
		} else if e := hostLimit(0, resource, nil, &l.kept[i]); e != 0 {
			l.kept[i] = rlimit{math.MaxUint64, math.MaxUint64}
		}
	}
	l.nofileMax = math.MaxUint64
}

// keptIndex is the position of resource in keptLimits.
func keptIndex(resource int) (int, bool) {
	for i, r := range keptLimits {
		if r == resource {
			return i, true
		}
	}
	return 0, false
}

// Limit returns the soft limit of a resource (RLIMIT_STACK and the like), in the
// unit that getrlimit(2) gives for it.
func (p *Process) Limit(resource int) uint64 {
	var l rlimit
	if e := p.prlimit(resource, nil, &l); e != 0 {
		return math.MaxUint64
	}
	return l.Cur
}

// EnforceLimits tells the address space which limits it has.
func (p *Process) EnforceLimits() {
	p.Mem.SetLimits(mem.Limits{AS: p.Limit(unix.RLIMIT_AS), Data: p.Limit(unix.RLIMIT_DATA), Stack: p.Limit(unix.RLIMIT_STACK)})
}

// prlimit reads and sets a limit of this process; set and get may be nil.
func (p *Process) prlimit(resource int, set, get *rlimit) syscall.Errno {
	if resource == unix.RLIMIT_NOFILE {
		return p.limits.nofile(set, get)
	}
	i, kept := keptIndex(resource)
	if !kept {
		return hostLimit(0, resource, set, get)
	}
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	old := p.limits.kept[i]
	if set != nil {
		switch {
		case set.Cur > set.Max:
			return syscall.EINVAL
		case set.Max > old.Max && !capable(unix.CAP_SYS_RESOURCE):
			return syscall.EPERM
		}
		p.limits.kept[i] = *set
	}
	if get != nil {
		*get = old
	}
	return 0
}

// nofile is prlimit for RLIMIT_NOFILE. The soft limit is the host's. The hard one is
// not lowered there, so that descriptors of hospes can always be placed above the
// guest's.
func (l *limits) nofile(set, get *rlimit) syscall.Errno {
	l.mu.Lock()
	defer l.mu.Unlock()
	var host rlimit
	if e := hostLimit(0, unix.RLIMIT_NOFILE, nil, &host); e != 0 {
		return e
	}
	old := rlimit{host.Cur, min(host.Max, l.nofileMax)}
	if set != nil {
		switch {
		case set.Cur > set.Max:
			return syscall.EINVAL
		case set.Max > old.Max && !capable(unix.CAP_SYS_RESOURCE):
			return syscall.EPERM
		}
		if e := hostLimit(0, unix.RLIMIT_NOFILE, &rlimit{set.Cur, max(set.Max, host.Max)}, nil); e != 0 {
			return e
		}
		l.nofileMax = set.Max
	}
	if get != nil {
		*get = old
	}
	return 0
}

// hostLimit is prlimit64(2) of the host.
func hostLimit(pid, resource int, set, get *rlimit) syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_PRLIMIT64, uintptr(pid), uintptr(resource),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(get)), 0, 0)
	return e
}

// capable reports whether this thread has a capability in effect.
func capable(capability int) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}

func sysGetrlimit(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.prlimit(0, c.Int(0), 0, c.Args[1], true)
}

func sysSetrlimit(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Args[1] == 0 {
		return 0, syscall.EFAULT
	}
	return t.prlimit(0, c.Int(0), c.Args[1], 0, false)
}

func sysPrlimit64(t *Task, c *Call) (uint64, syscall.Errno) {
	return t.prlimit(c.Int(0), c.Int(1), c.Args[2], c.Args[3], c.Args[3] != 0)
}

// prlimit sets the limit of a resource from the guest address set, unless that is
// 0, and writes the old one to get if so told.
func (t *Task) prlimit(pid, resource int, set, get uint64, wantOld bool) (uint64, syscall.Errno) {
	var oldLimit, newLimit rlimit
	var newPtr *rlimit
	if set != 0 {
		if f := t.Mem.ReadObject(set, &newLimit); f != nil {
			return 0, syscall.EFAULT
		}
		newPtr = &newLimit
	}
	var e syscall.Errno
	if t.P.isSelf(pid) {
		e = t.P.prlimit(resource, newPtr, &oldLimit)
	} else {
		e = hostLimit(pid, resource, newPtr, &oldLimit)
	}
	if e != 0 {
		return 0, e
	}
	if _, kept := keptIndex(resource); kept && newPtr != nil && t.P.isSelf(pid) {
		t.P.EnforceLimits()
	}
	if wantOld {
		if f := t.Mem.WriteObject(get, &oldLimit); f != nil {
			return 0, syscall.EFAULT
		}
	}
	return 0, 0
}

// isSelf reports whether pid, as system calls take it, means this process: 0, its
// process ID or the ID of one of its threads.
func (p *Process) isSelf(pid int) bool {
	if pid == 0 || pid == p.Pid() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.tasks[pid]
	return ok
}
