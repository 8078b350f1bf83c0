//go:build linux && amd64

package linux

import (
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// System V shared memory. A segment is attached in two steps: the address space
// gives pages at the guest address, then the host attaches the segment in the place
// of the memory behind them. Whatever the guest does with the pages later (mprotect,
// munmap of a part, mremap) the host sees and counts.

const (
	shmRdonly = 0o10000 // SHM_RDONLY
	shmRnd    = 0o20000 // SHM_RND
	shmRemap  = 0o40000 // SHM_REMAP
	shmExec   = 0o100000
)

// sysvPrefix begins the name of a segment in /proc/pid/maps.
const sysvPrefix = "/SYSV"

// shmid is struct shmid64_ds as far as it matters here.
type shmid struct {
	Key   int32
	_     [ipcPermSize - 4]byte
	Segsz uint64
	_     [shmidSize - ipcPermSize - 8]byte
}

func sysShmat(t *Task, c *Call) (uint64, syscall.Errno) {
	id, addr, flags := c.Int(0), c.Args[1], c.Int(2)
	var info shmid
	if _, _, e := syscall.RawSyscall(unix.SYS_SHMCTL, uintptr(id), ipcStat, uintptr(unsafe.Pointer(&info))); e != 0 {
		return 0, e
	}
	r := mem.Request{
		Len: info.Segsz, Prot: mem.Read, Flags: mem.MapShared,
		// No descriptor: until the host attaches the segment these are empty pages.
		File: &mem.File{FD: -1, Path: fmt.Sprintf("%s%08x (deleted)", sysvPrefix, uint32(info.Key)), Ino: uint64(uint32(id))},
	}
	if flags&shmRdonly == 0 {
		r.Prot |= mem.Write
	}
	if flags&shmExec != 0 {
		r.Prot |= mem.Exec
	}
	if e := placeSegment(&r, addr, t.Mem.PageSize(), flags); e != 0 {
		return 0, e
	}
	at, err := t.Mem.Mmap(r)
	if err != nil {
		if err == syscall.EEXIST {
			err = syscall.EINVAL
		}
		return 0, errnoOf(err)
	}
	if e := t.attach(id, at, t.Mem.PageUp(info.Segsz), flags); e != 0 {
		_ = t.Mem.Munmap(at, info.Segsz)
		return 0, e
	}
	if flags&shmRdonly == 0 {
		t.P.sig.interceptAll()
	}
	return at, 0
}

// placeSegment applies the address argument of shmat(2). SHMLBA is the page size.
func placeSegment(r *mem.Request, addr, shmlba uint64, flags int) syscall.Errno {
	if addr == 0 {
		if flags&shmRemap != 0 {
			return syscall.EINVAL
		}
		return 0
	}
	if addr%shmlba != 0 {
		if flags&shmRnd == 0 {
			return syscall.EINVAL
		}
		if addr -= addr % shmlba; addr == 0 && flags&shmRemap != 0 {
			return syscall.EINVAL
		}
	}
	r.Addr = addr
	if flags&shmRemap != 0 {
		r.Flags |= mem.MapFixed
	} else {
		r.Flags |= mem.MapFixedNoReplace
	}
	return 0
}

// attach puts segment id in the place of the host memory behind [addr, addr+n),
// which has just been mapped and is one piece.
func (t *Task) attach(id int, addr, n uint64, flags int) syscall.Errno {
	e := syscall.ENOMEM
	f := t.Mem.Mapping().Spans(addr, n, mem.Read, func(b []byte) bool {
		if uint64(len(b)) != n {
			return false
		}
		host := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		_, _, e = syscall.RawSyscall(unix.SYS_SHMAT, uintptr(id), host, uintptr(flags&shmRdonly|shmRemap))
		return false
	})
	if f != nil {
		return syscall.ENOMEM
	}
	return e
}

// sysShmdt removes what is left of the attachment that began at the address.
func sysShmdt(t *Task, c *Call) (uint64, syscall.Errno) {
	addr := c.Args[0]
	if addr%t.Mem.PageSize() != 0 {
		return 0, syscall.EINVAL
	}
	first := (*mem.VMA)(nil)
	for _, v := range t.Mem.VMAs() {
		if v.Start < addr || v.File == nil || !strings.HasPrefix(v.File.Path, sysvPrefix) || v.Start-addr != v.Offset {
			continue
		}
		if first == nil {
			first = &v
		} else if v.File.Ino != first.File.Ino {
			continue
		}
		if err := t.Mem.Munmap(v.Start, v.Len()); err != nil {
			return 0, errnoOf(err)
		}
	}
	if first == nil {
		return 0, syscall.EINVAL
	}
	return 0, 0
}
