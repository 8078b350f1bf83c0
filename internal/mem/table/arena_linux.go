package table

import (
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

const (
	minArena     = 1 << 30
	inaccessible = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
)

// arena is a reservation of host addresses from which the pages are taken.
type arena struct {
	base uintptr
	size uint64

	mu   sync.Mutex // guards room
	room extents
}

// newArena reserves size bytes, or less if the host (RLIMIT_AS) grants less.
func newArena(size uint64) (*arena, error) {
	for n := size; n >= minArena; n /= 2 {
		p, err := mmap(0, uintptr(n), unix.PROT_NONE, inaccessible, -1, 0)
		if err == nil {
			return &arena{base: p, size: n, room: extents{{p, p + uintptr(n)}}}, nil
		}
	}
	return nil, fmt.Errorf("cannot reserve %d bytes of address space: %w", size, syscall.ENOMEM)
}

func (a *arena) contains(p uintptr) bool { return p-a.base < uintptr(a.size) }

func (a *arena) alloc(n uint64) (uintptr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.room.alloc(uintptr(n))
	if !ok {
		return 0, syscall.ENOMEM
	}
	return p, nil
}

// release makes host memory inaccessible and free for later use.
func (a *arena) release(p uintptr, n uint64) {
	if _, err := mmap(p, uintptr(n), unix.PROT_NONE, inaccessible|unix.MAP_FIXED, -1, 0); err != nil {
		return // out of host VMAs: the range stays in use rather than become stale
	}
	a.mu.Lock()
	a.room.free(p, uintptr(n))
	a.mu.Unlock()
}

// fill maps the source at p. The host's permissions are the guest's: the table
// decides, but a file opened for reading cannot be mapped for more.
func (a *arena) fill(p uintptr, n uint64, prot mem.Prot, src mem.Source) error {
	flags := unix.MAP_FIXED | src.HostFlags
	if src.Shared {
		flags |= unix.MAP_SHARED
	} else {
		flags |= unix.MAP_PRIVATE
	}
	if src.FD < 0 {
		flags |= unix.MAP_ANONYMOUS
	}
	_, err := mmap(p, uintptr(n), hostProt(prot), flags, src.FD, src.Offset)
	return err
}

func (a *arena) protect(p uintptr, n uint64, prot mem.Prot) error {
	_, _, e := syscall.Syscall(unix.SYS_MPROTECT, p, uintptr(n), uintptr(hostProt(prot)))
	return errno(e)
}

// move brings the memory of rs, together oldLen bytes, to p, which has room for
// newLen; what is beyond continues the last run's source.
func (a *arena) move(rs []run, oldLen uint64, p uintptr, newLen uint64, prot mem.Prot, keep bool) error {
	flags := uintptr(unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED)
	if keep {
		flags |= unix.MREMAP_DONTUNMAP
	}
	left := newLen
	for i, r := range rs {
		size := min(r.n, left)
		from := size
		if oldLen == 0 {
			from = 0
		}
		if i == len(rs)-1 {
			size = left
		}
		if size == 0 {
			break
		}
		if _, _, e := syscall.Syscall6(unix.SYS_MREMAP, r.host, uintptr(from), uintptr(size), flags, p, 0); e != 0 {
			return e
		}
		p += uintptr(size)
		left -= size
	}
	return nil
}

func (a *arena) close() error {
	_, _, e := syscall.Syscall(unix.SYS_MUNMAP, a.base, uintptr(a.size), 0)
	return errno(e)
}

func hostProt(p mem.Prot) int {
	switch {
	case p&mem.Write != 0:
		return unix.PROT_READ | unix.PROT_WRITE
	case p&(mem.Read|mem.Exec) != 0:
		return unix.PROT_READ
	}
	return unix.PROT_NONE
}

func mmap(addr, n uintptr, prot, flags, fd int, off int64) (uintptr, error) {
	p, _, e := syscall.Syscall6(unix.SYS_MMAP, addr, n, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off))
	return p, errno(e)
}

func errno(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}
