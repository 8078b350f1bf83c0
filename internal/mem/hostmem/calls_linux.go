package hostmem

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// unused are the flags of pages that cost nothing and belong to nobody yet.
const unused = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE

// LeastSpace is the smallest address space, in bytes, that programs can be expected
// to run in.
const LeastSpace = 1 << 27

// headroom is what a reservation under RLIMIT_AS leaves to hospes itself: two arenas
// of Go's heap.
const headroom = 1 << 27

// Reserve reserves n+extra bytes of addresses, at hint if there is room and hint is
// not 0. If the host grants less, as under RLIMIT_AS, it is content with less, down
// to LeastSpace for n. It returns the address and the n that it got.
func Reserve(hint uintptr, n, extra uint64) (base uintptr, got uint64, err error) {
	if base, err = mmap(hint, n+extra, unix.PROT_NONE, unused, -1, 0); err == nil {
		return base, n, nil
	}
	for got = n / 2; got >= LeastSpace; got /= 2 {
		base, err = mmap(hint, got+extra+headroom, unix.PROT_NONE, unused, -1, 0)
		if err == nil {
			return base, got, Release(base+uintptr(got+extra), headroom)
		}
	}
	return 0, 0, fmt.Errorf("cannot reserve %d bytes of address space: %w", n, syscall.ENOMEM)
}

// Spare reports whether there are addresses left for hospes itself, besides what has been
// reserved.
func Spare() bool {
	p, err := mmap(0, headroom, unix.PROT_NONE, unused, -1, 0)
	return err == nil && Release(p, headroom) == nil
}

// ReserveAt reserves n bytes of addresses from p on. The error is EEXIST if something is
// there, EPERM if the host keeps such addresses free.
func ReserveAt(p uintptr, n uint64) error {
	at, err := mmap(p, n, unix.PROT_NONE, unused|unix.MAP_FIXED_NOREPLACE, -1, 0)
	if err == nil && at != p { // Linux before 4.17 takes the flag for a hint
		_ = Release(at, n)
		return syscall.EEXIST
	}
	return err
}

// Allocate returns n bytes of memory, all zero, which cost nothing until they are used.
func Allocate(n uint64) (uintptr, error) {
	p, err := mmap(0, n, unix.PROT_READ|unix.PROT_WRITE, unused, -1, 0)
	if err != nil {
		return 0, fmt.Errorf("cannot allocate %d bytes: %w", n, err)
	}
	return p, nil
}

// Zero makes allocated pages zero again.
func Zero(p uintptr, n uint64) error { return Forget(p, n) }

// Forget has private pages be again what they were when they were mapped.
func Forget(p uintptr, n uint64) error {
	_, _, e := syscall.Syscall(unix.SYS_MADVISE, p, uintptr(n), unix.MADV_DONTNEED)
	return errno(e)
}

// Discard gives pages back to the reservation that they lie in.
func Discard(p uintptr, n uint64) error {
	_, err := mmap(p, n, unix.PROT_NONE, unused|unix.MAP_FIXED, -1, 0)
	return err
}

// Map puts pages of src at p, in place of what is there.
func Map(p uintptr, n uint64, prot mem.Prot, src mem.Source) error {
	flags := unix.MAP_FIXED | src.HostFlags
	if src.Shared {
		flags |= unix.MAP_SHARED
	} else {
		flags |= unix.MAP_PRIVATE
	}
	if src.FD < 0 {
		flags |= unix.MAP_ANONYMOUS
	}
	_, err := mmap(p, n, hostProt(prot), flags, src.FD, src.Offset)
	return err
}

// Protect sets the permissions of pages.
func Protect(p uintptr, n uint64, prot mem.Prot) error {
	_, _, e := syscall.Syscall(unix.SYS_MPROTECT, p, uintptr(n), uintptr(hostProt(prot)))
	return errno(e)
}

// Move is mremap(2) to a fixed place. With keep (MREMAP_DONTUNMAP) the old range
// stays mapped, empty; without, what is left there is for the caller to Discard. oldLen 0 makes a second
// mapping of shared pages.
//
// What is one mapping to the guest may be several to the host, which moves no more
// than one at a time if it is to grow: then it is done piece by piece.
func Move(from uintptr, oldLen uint64, to uintptr, newLen uint64, keep bool) error {
	err := move(from, oldLen, to, newLen, keep)
	if err != syscall.EFAULT || oldLen <= mem.PageSize {
		return err
	}
	oldLen = min(oldLen, newLen)
	half := oldLen / 2 &^ (mem.PageSize - 1)
	if err := Move(from, half, to, half, keep); err != nil {
		return err
	}
	return Move(from+uintptr(half), oldLen-half, to+uintptr(half), newLen-half, keep)
}

// Flags of mremap(2).
const (
	mayMove   = unix.MREMAP_MAYMOVE
	fixed     = unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED
	dontUnmap = unix.MREMAP_DONTUNMAP
)

// move is Move of what is one mapping to the host. The old range never becomes a hole, which the host
// might give to another thread of ours before it is part of the reservation again. So what grows takes two steps, as
// the host keeps the old range only of what does not.
func move(from uintptr, oldLen uint64, to uintptr, newLen uint64, keep bool) error {
	n := min(oldLen, newLen)
	var err error
	switch {
	case oldLen == 0:
		return place(from, 0, to, newLen)
	case newLen == n:
		_, err = remap(from, n, to, n, fixed|dontUnmap)
	default:
		var by uintptr // on the way
		if by, err = remap(from, n, 0, n, mayMove|dontUnmap); err == nil {
			if err = place(by, n, to, newLen); err != nil {
				_ = place(by, n, from, n)
			}
			return err
		}
	}
	if !keep && (err == syscall.EINVAL || err == syscall.ENOMEM) { // Linux before 5.13, but for private anonymous memory; RLIMIT_AS
		return place(from, oldLen, to, newLen)
	}
	return err
}

// place leaves a hole where the memory was.
func place(from uintptr, oldLen uint64, to uintptr, newLen uint64) error {
	_, err := remap(from, oldLen, to, newLen, fixed)
	return err
}

func remap(from uintptr, oldLen uint64, to uintptr, newLen uint64, flags uintptr) (uintptr, error) {
	p, _, e := syscall.Syscall6(unix.SYS_MREMAP, from, uintptr(oldLen), uintptr(newLen), flags, to, 0)
	return p, errno(e)
}

// Release ends a reservation.
func Release(p uintptr, n uint64) error {
	_, _, e := syscall.Syscall(unix.SYS_MUNMAP, p, uintptr(n), 0)
	return errno(e)
}

// hostProt translates guest permissions: execution is the decoder's matter, which
// reads by Peek what the guest may not read.
func hostProt(p mem.Prot) int {
	switch {
	case p&mem.Write != 0:
		return unix.PROT_READ | unix.PROT_WRITE
	case p&mem.Read != 0:
		return unix.PROT_READ
	}
	return unix.PROT_NONE
}

// Peek reads pages that have no permissions. Nobody may change these meanwhile. Other
// threads can read them for that moment: the host has no other way for private memory.
func Peek(b []byte, p uintptr) error {
	start := p &^ (mem.PageSize - 1)
	n := mem.PageUp(uint64(p-start) + uint64(len(b)))
	if err := Protect(start, n, mem.Read); err != nil {
		return err
	}
	defer func() { _ = Protect(start, n, mem.None) }()
	copy(b, Bytes(p, uint64(len(b)))) // may fault behind the end of a file
	return nil
}

func mmap(p uintptr, n uint64, prot, flags, fd int, off int64) (uintptr, error) {
	p, _, e := syscall.Syscall6(unix.SYS_MMAP, p, uintptr(n), uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off))
	return p, errno(e)
}

// errno makes a nil error of 0.
func errno(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

// Share has n bytes at `to` be the same shared pages as those at from, with the same permissions.
func Share(from, to uintptr, n uint64) error {
	return place(from, 0, to, n)
}

// MoveIn has n bytes of memory that lie in no reservation be at `to`, which does. They are nowhere else afterwards.
func MoveIn(from, to uintptr, n uint64) error { return place(from, n, to, n) }

// Bits of an entry of /proc/pid/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const (
	pageSwapped = 1 << 62
	pagePresent = 1 << 63
)

// Written calls f with the ranges of the private anonymous pages at [p, p+n) that are there: the others
// have never been touched. Where the host does not tell, that is all of them.
func Written(p uintptr, n uint64, f func(p uintptr, n uint64) error) error {
	fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return f(p, n)
	}
	defer unix.Close(fd)
	buf := make([]byte, min(n/mem.PageSize, 4096)*8)
	for end := p + uintptr(n); p < end; {
		want := min(len(buf), int(end-p)/mem.PageSize*8)
		got, err := unix.Pread(fd, buf[:want], int64(p/mem.PageSize*8))
		if err != nil || got < 8 {
			return f(p, uint64(end-p))
		}
		start := p // of a range of pages that are there
		for b := buf[:got&^7]; len(b) > 0; b = b[8:] {
			if binary.NativeEndian.Uint64(b)&(pagePresent|pageSwapped) == 0 {
				if err := some(start, p, f); err != nil {
					return err
				}
				start = p + mem.PageSize
			}
			p += mem.PageSize
		}
		if err := some(start, p, f); err != nil {
			return err
		}
	}
	return nil
}

// some calls f with a range unless it is empty.
func some(start, end uintptr, f func(p uintptr, n uint64) error) error {
	if start == end {
		return nil
	}
	return f(start, uint64(end-start))
}
