//go:build linux && amd64

package linux

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Locking memory (mlock(2)). The host's lock is that of the guest's pages; what is to
// be locked in future is kept here, since hospes's own memory is to stay as it is.

// pageRange widens [addr, addr+n) to whole pages, as mlock(2) does.
func (t *Task) pageRange(addr, n uint64) (uint64, uint64) {
	start := addr &^ (t.Mem.PageSize() - 1)
	return start, t.Mem.PageUp(addr - start + n)
}

// lockCall returns the handler of mlock, mlock2 or munlock.
func lockCall(nr uintptr) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		addr, n := t.pageRange(c.Args[0], c.Args[1])
		return 0, t.eachMapped(addr, n, func(v *mem.VMA, addr, n uint64) syscall.Errno {
			e := t.hostSpans(addr, n, func(p, n uintptr) syscall.Errno {
				_, _, e := syscall.Syscall(nr, p, n, uintptr(c.Uint(2)))
				return e
			})
			if e == 0 && v.Prot == mem.None && nr == unix.SYS_MLOCK && t.Mem.Divided() {
				e = syscall.ENOMEM // what is apart is accessible to the host
			}
			return e
		})
	}
}

// lock locks memory as mlock2(2), with MCL_ONFAULT among the flags as that is made.
func (t *Task) lock(addr, n uint64, flags uint32) syscall.Errno {
	mlock2 := uintptr(0)
	if flags&unix.MCL_ONFAULT != 0 {
		mlock2 = mlockOnFault
	}
	return t.eachSpan(addr, n, func(p, n uintptr) syscall.Errno {
		_, _, e := syscall.Syscall(unix.SYS_MLOCK2, p, n, mlock2)
		return e
	})
}

const mlockOnFault = 1 // MLOCK_ONFAULT

// mapLocked maps memory, locked after mlockall(2) with MCL_FUTURE.
func (t *Task) mapLocked(r mem.Request) (uint64, error) {
	flags := t.P.lockFuture.Load()
	if flags&(unix.MCL_FUTURE|unix.MCL_ONFAULT) == unix.MCL_FUTURE {
		r.HostFlags |= unix.MAP_LOCKED
	}
	addr, err := t.Mem.Mmap(r)
	if err == nil && flags&unix.MCL_ONFAULT != 0 {
		_ = t.lock(addr, t.Mem.PageUp(r.Len), flags)
	}
	return addr, err
}

// brkLocked is brk(2), whose new memory is locked after mlockall(2) with MCL_FUTURE.
// As in the kernel it is no error if that cannot be done.
func (t *Task) brkLocked(addr uint64) uint64 {
	_, before := t.Mem.BrkRange()
	now := t.Mem.Brk(addr)
	if flags := t.P.lockFuture.Load(); flags != 0 && now > before {
		_ = t.lock(t.Mem.PageUp(before), t.Mem.PageUp(now)-t.Mem.PageUp(before), flags)
	}
	return now
}

func sysMlockall(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Uint(0)
	if flags == 0 || flags&^(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) != 0 || flags == unix.MCL_ONFAULT {
		return 0, syscall.EINVAL
	}
	if t.P.Limit(unix.RLIMIT_MEMLOCK) == 0 && !capable(unix.CAP_IPC_LOCK) {
		return 0, syscall.EPERM
	}
	future := uint32(0)
	if flags&unix.MCL_FUTURE != 0 {
		future = flags
	}
	if flags&unix.MCL_CURRENT != 0 {
		if e := t.lockAll(unix.SYS_MLOCK); e != 0 {
			return 0, e
		}
	}
	t.P.lockFuture.Store(future)
	return 0, 0
}

func sysMunlockall(t *Task, c *Call) (uint64, syscall.Errno) {
	t.P.lockFuture.Store(0)
	return 0, t.lockAll(unix.SYS_MUNLOCK)
}

func (t *Task) lockAll(nr uintptr) syscall.Errno {
	for _, v := range t.Mem.VMAs() {
		e := t.eachSpan(v.Start, v.Len(), func(p, n uintptr) syscall.Errno {
			_, _, e := syscall.Syscall(nr, p, n, 0)
			return e
		})
		if e != 0 && v.Prot != mem.None {
			return e
		}
	}
	return 0
}
