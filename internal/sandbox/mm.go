//go:build linux

package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Memory management calls: mmap(2), mremap(2), brk(2) and their kin. Placement
// and bookkeeping are mem.Space's.

func sysBrk(t *Task, c *Call) (uint64, syscall.Errno) { return t.Mem.Brk(c.Args[0]), 0 }

func sysMmap(t *Task, c *Call) (uint64, syscall.Errno) {
	r, anonymous, e := uapi.Mmap(&c.Args)
	switch {
	case e != 0:
		return 0, e
	case !anonymous:
		f, release, e := t.mappedFile(c.Int(4), r.Prot, r.Flags&mem.MapShared != 0)
		if e != 0 {
			return 0, e
		}
		defer release()
		r.File = f
		if f.FD < 0 && r.Prot&mem.Write == 0 {
			r.Flags &^= mem.MapShared // nobody can write to such a file: a copy is as good
		}
	case r.Flags&mem.MapShared != 0:
		r.File = t.K.sharedMemory()
	}
	addr, err := t.Mem.Mmap(r)
	return addr, errnoOf(err)
}

// sharedMemory is what is mapped by a shared mapping of no file: a file without a name.
func (k *Kernel) sharedMemory() *mem.File {
	return &mem.File{FD: -1, Path: "/dev/zero (deleted)", Dev: 1, Ino: k.sharedCount.Add(1)}
}

func sysMunmap(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, errnoOf(t.Mem.Munmap(c.Args[0], c.Args[1]))
}

func sysMprotect(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, errnoOf(uapi.Mprotect(t.Mem, c.Args[0], c.Args[1], c.Args[2]))
}

// sysPkeyMprotect is mprotect for the one key that a machine without protection
// keys has: none.
func sysPkeyMprotect(t *Task, c *Call) (uint64, syscall.Errno) {
	if c.Int(3) != -1 {
		return 0, syscall.EINVAL
	}
	return sysMprotect(t, c)
}

func sysMremap(t *Task, c *Call) (uint64, syscall.Errno) {
	addr, err := t.Mem.Mremap(c.Args[0], c.Args[1], c.Args[2], mem.RemapFlags(c.Args[3]), c.Args[4])
	return addr, errnoOf(err)
}

// mapped fails as the calls do that are about a range of mapped pages.
func (t *Task) mapped(addr, n uint64) syscall.Errno {
	n = t.Mem.PageUp(n)
	switch {
	case addr%t.Mem.PageSize() != 0, addr+n < addr:
		return syscall.EINVAL
	case !t.Mem.Covered(addr, n):
		return syscall.ENOMEM
	}
	return 0
}

// Advice that x/sys does not name (asm-generic/mman-common.h).
const madvSoftOffline = 101

// sysMadvise discards what is not needed any more. Other advice is about the use of the host's
// memory, which a guest has no say in.
func sysMadvise(t *Task, c *Call) (uint64, syscall.Errno) {
	addr, n := c.Args[0], c.Args[1]
	switch advice := c.Int(2); advice {
	case unix.MADV_DONTNEED, unix.MADV_DONTNEED_LOCKED:
		e := t.mapped(addr, n)
		if e == syscall.EINVAL {
			return 0, e
		}
		if err := t.Mem.Discard(addr, t.Mem.PageUp(n)); err != nil {
			return 0, errnoOf(err)
		}
		return 0, e
	case unix.MADV_FREE:
		return 0, t.advise(addr, n, func(v *mem.VMA) bool { return v.File == nil && !v.Shared })
	case unix.MADV_WIPEONFORK, unix.MADV_KEEPONFORK:
		wipe := advice == unix.MADV_WIPEONFORK
		if e := t.advise(addr, n, func(v *mem.VMA) bool { return !wipe || v.File == nil && !v.Shared }); e != 0 {
			return 0, e
		}
		return 0, errnoOf(t.Mem.WipeInCopies(addr, n, wipe))
	case unix.MADV_POPULATE_READ:
		return 0, t.advise(addr, n, func(v *mem.VMA) bool { return v.Prot&(mem.Read|mem.Write) != 0 })
	case unix.MADV_POPULATE_WRITE:
		return 0, t.advise(addr, n, func(v *mem.VMA) bool { return v.Prot&mem.Write != 0 })
	case unix.MADV_NORMAL, unix.MADV_RANDOM, unix.MADV_SEQUENTIAL, unix.MADV_WILLNEED, unix.MADV_DONTFORK, unix.MADV_DOFORK,
		unix.MADV_MERGEABLE, unix.MADV_UNMERGEABLE, unix.MADV_HUGEPAGE, unix.MADV_NOHUGEPAGE, unix.MADV_DONTDUMP, unix.MADV_DODUMP,
		unix.MADV_COLD, unix.MADV_PAGEOUT, unix.MADV_COLLAPSE:
		return 0, t.mapped(addr, n)
	case unix.MADV_HWPOISON, madvSoftOffline:
		return 0, syscall.EPERM
	}
	return 0, syscall.EINVAL
}

// advise fails with EINVAL if there is memory in a range that advice is not for.
func (t *Task) advise(addr, n uint64, suits func(v *mem.VMA) bool) syscall.Errno {
	e := t.mapped(addr, n)
	if e == syscall.EINVAL {
		return e
	}
	for _, v := range t.Mem.VMAs() {
		if v.Start < addr+n && addr < v.End && !suits(&v) {
			return syscall.EINVAL
		}
	}
	return e
}

func sysMsync(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Uint(2)
	if flags&^(unix.MS_ASYNC|unix.MS_INVALIDATE|unix.MS_SYNC) != 0 || flags&unix.MS_ASYNC != 0 && flags&unix.MS_SYNC != 0 {
		return 0, syscall.EINVAL
	}
	if n := t.Mem.PageUp(c.Args[1]); c.Args[0]%t.Mem.PageSize() == 0 && c.Args[0]+n < n {
		return 0, syscall.ENOMEM // where others say EINVAL
	}
	return 0, t.mapped(c.Args[0], c.Args[1])
}

// sysMlock is for all calls that lock and unlock a range: guest memory is the host's to page.
func sysMlock(t *Task, c *Call) (uint64, syscall.Errno) {
	const onFault = 1 // MLOCK_ONFAULT
	if c.Row.Name == "mlock2" && c.Args[2]&^onFault != 0 {
		return 0, syscall.EINVAL
	}
	page := t.Mem.PageSize()
	start, end := c.Args[0]&^(page-1), t.Mem.PageUp(c.Args[0]+c.Args[1])
	if end < start {
		return 0, syscall.EINVAL
	}
	return 0, t.mapped(start, end-start)
}

func sysMlockall(_ *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Uint(0)
	if flags == 0 || flags&^(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) != 0 || flags == unix.MCL_ONFAULT {
		return 0, syscall.EINVAL
	}
	return 0, 0
}

// sysMincore says that all is there.
func sysMincore(t *Task, c *Call) (uint64, syscall.Errno) {
	if e := t.mapped(c.Args[0], c.Args[1]); e != 0 {
		return 0, e
	}
	vec := make([]byte, min(t.Mem.PageUp(c.Args[1])/t.Mem.PageSize(), 4096))
	for i := range vec {
		vec[i] = 1
	}
	for at, rest := c.Args[2], t.Mem.PageUp(c.Args[1])/t.Mem.PageSize(); rest > 0; {
		n := min(rest, uint64(len(vec)))
		if e := t.copyOut(at, vec[:n]); e != 0 {
			return 0, e
		}
		at, rest = at+n, rest-n
	}
	return 0, 0
}
