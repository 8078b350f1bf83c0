//go:build linux && amd64

package sandbox

import (
	"math"

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

// memory are the limits that mem.Space enforces.
func (l *rlimits) memory() mem.Limits {
	return mem.Limits{AS: l[unix.RLIMIT_AS].Cur, Data: l[unix.RLIMIT_DATA].Cur, Stack: l[unix.RLIMIT_STACK].Cur}
}
