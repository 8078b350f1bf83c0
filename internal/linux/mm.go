//go:build linux && amd64

package linux

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/peer"
)

// Memory management calls: mmap(2), mremap(2), brk(2) and their kin. Placement
// and bookkeeping are mem.Space's; advice and locking go to the host.

func sysBrk(t *Task, c *Call) (uint64, syscall.Errno) {
	end := t.brkLocked(c.Args[0])
	peer.SetBrk(end)
	return end, 0
}

// mmapHostFlags are the flags that mean the same on the host and change nothing
// in the bookkeeping.
const mmapHostFlags = unix.MAP_NORESERVE | unix.MAP_POPULATE | unix.MAP_NONBLOCK | unix.MAP_LOCKED | unix.MAP_STACK |
	unix.MAP_HUGETLB | unix.MAP_HUGE_MASK<<unix.MAP_HUGE_SHIFT | unix.MAP_SYNC

func sysMmap(t *Task, c *Call) (uint64, syscall.Errno) {
	r, anonymous, e := uapi.Mmap(&c.Args)
	if e != 0 {
		return 0, e
	}
	r.HostFlags = int(c.Uint(3)) & mmapHostFlags
	if !anonymous {
		if r.File, e = t.mappedFile(c.Int(4)); e != 0 {
			return 0, e
		}
	}
	addr, err := t.mapLocked(r)
	if err == nil && r.Flags&mem.MapShared != 0 && r.Prot&mem.Write != 0 {
		t.P.sig.interceptAll()
	}
	return addr, errnoOf(err)
}

// mappedFile describes an open file for a mapping of it.
func (t *Task) mappedFile(fd int) (*mem.File, syscall.Errno) {
	if t.P.reserved.has(fd) {
		return nil, syscall.EBADF
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errnoOf(err)
	}
	return &mem.File{FD: fd, Path: t.P.Root.Guest(fdPath(fd)), Dev: st.Dev, Ino: st.Ino}, 0
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

// sysRemapFilePages has pages of a shared mapping show others of the same file.
func sysRemapFilePages(t *Task, c *Call) (uint64, syscall.Errno) {
	page := t.Mem.PageSize()
	start, size, pgoff := c.Args[0]&^(page-1), c.Args[1]&^(page-1), c.Args[3]
	if c.Args[2] != 0 || start+size <= start || pgoff+size/page < pgoff || pgoff >= 1<<63/page*2 {
		return 0, syscall.EINVAL
	}
	return 0, errnoOf(t.Mem.Remap(start, size, pgoff*page, func(p uintptr) error {
		host := pgoff * (page / mem.PageSize) // the host counts in its own pages
		_, _, e := syscall.Syscall6(unix.SYS_REMAP_FILE_PAGES, p, uintptr(size), 0, uintptr(host), uintptr(c.Args[4]), 0)
		if e != 0 {
			return e
		}
		return nil
	}))
}

// eachSpan applies a host call to the host memory behind [addr, addr+n). Holes
// give ENOMEM after the call has been applied to what is mapped.
func (t *Task) eachSpan(addr, n uint64, call func(p, n uintptr) syscall.Errno) syscall.Errno {
	return t.eachMapped(addr, n, func(v *mem.VMA, addr, n uint64) syscall.Errno { return t.hostSpans(addr, n, call) })
}

// hostSpans applies a host call to the host memory behind [addr, addr+n), which is mapped.
// The result is the first error.
func (t *Task) hostSpans(addr, n uint64, call func(p, n uintptr) syscall.Errno) (first syscall.Errno) {
	f := t.Mem.Mapping().Spans(addr, n, mem.None, func(b []byte) bool {
		e := call(uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if e != 0 && first == 0 {
			first = e
		}
		return true
	})
	if f != nil && first == 0 {
		first = syscall.ENOMEM
	}
	return first
}

// eachMapped is eachSpan for a call that is applied to what each VMA has of the range.
func (t *Task) eachMapped(addr, n uint64, call func(v *mem.VMA, addr, n uint64) syscall.Errno) syscall.Errno {
	if addr%t.Mem.PageSize() != 0 || addr+n < addr {
		return syscall.EINVAL
	}
	n = t.Mem.PageUp(n)
	var first syscall.Errno
	for _, v := range t.Mem.VMAs() {
		start, end := max(v.Start, addr), min(v.End, addr+n)
		if start >= end {
			continue
		}
		if e := call(&v, start, end-start); e != 0 && first == 0 {
			first = e
		}
	}
	if first == 0 && !t.Mem.Covered(addr, n) {
		first = syscall.ENOMEM
	}
	return first
}

const madvSoftOffline = 101 // MADV_SOFT_OFFLINE

// adviceIgnored is advice that would leave host memory in a state that mem.Space
// does not know of. Linux may ignore advice, so these succeed without effect.
func adviceIgnored(advice int) bool {
	switch advice {
	case unix.MADV_DONTFORK, unix.MADV_DOFORK, unix.MADV_HWPOISON, madvSoftOffline:
		return true
	}
	return false
}

func sysMadvise(t *Task, c *Call) (uint64, syscall.Errno) {
	advice := c.Int(2)
	if adviceIgnored(advice) {
		return 0, t.eachSpan(c.Args[0], c.Args[1], func(p, n uintptr) syscall.Errno { return 0 })
	}
	// Unknown advice is refused before anybody looks at the addresses.
	if _, _, e := syscall.Syscall(unix.SYS_MADVISE, 0, 0, uintptr(advice)); e != 0 {
		return 0, e
	}
	return 0, t.advise(c.Args[0], c.Args[1], advice)
}

// advise hands advice on guest memory to the host.
func (t *Task) advise(addr, n uint64, advice int) syscall.Errno {
	return t.eachMapped(addr, n, func(v *mem.VMA, addr, n uint64) (first syscall.Errno) {
		t.Mem.EachApart(addr, n, func(addr, n uint64, apart bool) {
			e := t.adviseVMA(v, addr, n, advice, apart)
			if e != 0 && first == 0 {
				first = e
			}
		})
		return first
	})
}

// adviseVMA is advise for a part of v. What is apart there is shared memory to the host, which
// must not tell.
func (t *Task) adviseVMA(v *mem.VMA, addr, n uint64, advice int, apart bool) syscall.Errno {
	anonymous := v.File == nil && !v.Shared
	host := func(advice int) syscall.Errno {
		return t.hostSpans(addr, n, func(p, n uintptr) syscall.Errno {
			_, _, e := syscall.Syscall(unix.SYS_MADVISE, p, n, uintptr(advice))
			return e
		})
	}
	refused := false
	switch advice {
	case unix.MADV_WIPEONFORK, unix.MADV_KEEPONFORK:
		if t.Mem.Divided() && anonymous {
			return errnoOf(t.Mem.WipeOnFork(addr, n, advice == unix.MADV_WIPEONFORK))
		}
		refused = advice == unix.MADV_WIPEONFORK
	case unix.MADV_DONTNEED, unix.MADV_DONTNEED_LOCKED:
		e := host(advice)
		if apart && e == 0 {
			t.Mem.Empty(addr, n)
		}
		return e
	case unix.MADV_FREE:
		if apart && anonymous {
			return host(unix.MADV_COLD) // which is refused where this is: for memory that is locked
		}
		refused = true
	case unix.MADV_REMOVE:
		if apart && !anonymous {
			return syscall.EACCES
		}
		refused = true
	case unix.MADV_POPULATE_READ:
		refused = v.Prot&(mem.Read|mem.Write) == 0
	case unix.MADV_POPULATE_WRITE:
		refused = v.Prot&mem.Write == 0
	}
	if apart && refused {
		return syscall.EINVAL
	}
	return host(advice)
}

func sysMsync(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := uintptr(c.Uint(2))
	if flags&^(unix.MS_ASYNC|unix.MS_INVALIDATE|unix.MS_SYNC) != 0 || flags&unix.MS_ASYNC != 0 && flags&unix.MS_SYNC != 0 {
		return 0, syscall.EINVAL
	}
	if n := t.Mem.PageUp(c.Args[1]); c.Args[0]%t.Mem.PageSize() == 0 && c.Args[0]+n < n {
		return 0, syscall.ENOMEM // where others say EINVAL
	}
	return 0, t.eachSpan(c.Args[0], c.Args[1], func(p, n uintptr) syscall.Errno {
		_, _, e := syscall.Syscall(unix.SYS_MSYNC, p, n, flags)
		return e
	})
}

func sysMincore(t *Task, c *Call) (uint64, syscall.Errno) {
	addr, n := c.Args[0], t.Mem.PageUp(c.Args[1])
	if addr%t.Mem.PageSize() != 0 {
		return 0, syscall.EINVAL
	}
	if n < c.Args[1] || !t.Mem.Covered(addr, n) {
		return 0, syscall.ENOMEM
	}
	vec := make([]byte, 0, n/mem.PageSize)
	e := t.eachSpan(addr, n, func(p, n uintptr) syscall.Errno {
		b := make([]byte, n/uintptr(mem.PageSize))
		_, _, e := syscall.Syscall(unix.SYS_MINCORE, p, n, uintptr(unsafe.Pointer(unsafe.SliceData(b))))
		vec = append(vec, b...)
		return e
	})
	vec = everyPage(vec, int(t.Mem.PageSize()/mem.PageSize))
	if e == 0 && t.Mem.CopyOut(c.Args[2], vec) != nil {
		e = syscall.EFAULT
	}
	return 0, e
}

// everyPage has one byte for k of vec, of which each must have bit 0.
func everyPage(vec []byte, k int) []byte {
	if k == 1 {
		return vec
	}
	var all []byte
	for ; len(vec) >= k; vec = vec[k:] {
		in := byte(1)
		for _, b := range vec[:k] {
			in &= b
		}
		all = append(all, in)
	}
	return all
}

// sysProcessMadvise is offered for the calling process itself. The host is asked first,
// without any memory, what it says to the other arguments.
func sysProcessMadvise(t *Task, c *Call) (uint64, syscall.Errno) {
	pidfd, count, advice := c.Int(0), c.Args[2], uintptr(c.Int(3))
	if t.P.reserved.has(pidfd) {
		return 0, syscall.EBADF
	}
	if count > maxIovecs {
		return 0, syscall.EINVAL
	}
	iov := make([][2]uint64, count)
	for i := range iov {
		if t.Mem.ReadObject(c.Args[1]+16*uint64(i), &iov[i]) != nil {
			return 0, syscall.EFAULT
		}
	}
	if _, e := t.Syscall(unix.SYS_PROCESS_MADVISE, uintptr(pidfd), 0, 0, advice, uintptr(c.Uint(4))); e != 0 {
		return 0, e
	}
	if !t.P.isPidfdOf(pidfd) {
		return 0, syscall.EPERM
	}
	total := uint64(0)
	for _, v := range iov {
		e := t.advise(v[0], v[1], int(advice))
		if e != 0 && total == 0 {
			return 0, e
		}
		if e != 0 {
			break
		}
		total += v[1]
	}
	return total, 0
}

// isPidfdOf reports whether fd, a pidfd, is one of the process itself.
func (p *Process) isPidfdOf(fd int) bool {
	const selfThread, selfProcess = -10000, -10001 // PIDFD_SELF_THREAD, PIDFD_SELF_THREAD_GROUP
	if fd == selfThread || fd == selfProcess {
		return true
	}
	_, e := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	return e == nil && err == nil && bytes.Contains(info, []byte("\nPid:\t"+strconv.Itoa(p.Pid())+"\n"))
}

// fdPath is the host path of an open file, as the kernel tells it.
func fdPath(fd int) string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
