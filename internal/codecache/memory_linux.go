//go:build linux

package codecache

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// memory is executable memory.
type memory struct {
	write []byte // where it can be written to
	exec  []byte // where it is executed: the same, or another view of it
	data  []byte // behind exec: memory that code can write to, and that is not executable
	all   []byte // exec and data
}

// dataSize is how much data goes with size bytes of code.
func dataSize(size int) int { return max(size/64, pageSize) &^ (pageSize - 1) }

// allocate returns memory that is private, so that a fork has its own.
func allocate(size int) (m memory, err error) {
	const prot = unix.PROT_READ | unix.PROT_WRITE
	mem, err := unix.Mmap(-1, 0, size+dataSize(size), prot, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		err = unix.Mprotect(mem[:size], prot|unix.PROT_EXEC)
	}
	if err != nil {
		return m, fmt.Errorf("no executable memory: %w", err)
	}
	code := mem[:size:size]
	adviseLarge(code)
	return memory{code, code, mem[size:], mem}, nil
}

// largePage is the size of the host's large pages.
const largePage = 2 << 20

// adviseLarge asks for large pages behind the first one, which is all that most programs need. Programs of much code miss
// the host's cache of page table entries for it, and have to wait for each page to be made.
func adviseLarge(code []byte) {
	if skip := firstLarge(code) + largePage; skip < len(code) {
		_ = unix.Madvise(code[skip:], unix.MADV_HUGEPAGE) // a hint
	}
}

// firstLarge is the offset of the first address that may be that of a large page.
func firstLarge(code []byte) int { return int(-address(code) & (largePage - 1)) }

// Wide has all code in large pages, before there is any block: there is going to be much of it. What has been kept stays in a page of its own.
func (c *Cache) Wide() {
	skip := firstLarge(c.mem)
	if skip < c.reserve {
		skip += largePage
	}
	if c.memory.views() || skip+largePage > len(c.mem)/4 || unix.Madvise(c.mem[skip:skip+largePage], unix.MADV_HUGEPAGE) != nil {
		return
	}
	c.begin, c.used = skip, skip
}

// allocateViews returns memory of which no page is both writable and executable, at any
// time: two views of a file. It is shared with the children of a fork, see renew.
func allocateViews(size int) (m memory, err error) {
	fd, err := anonymousFile(size)
	if err != nil {
		return m, err
	}
	defer unix.Close(fd)
	const prot = unix.PROT_READ | unix.PROT_WRITE
	if m.write, err = unix.Mmap(fd, 0, size, prot, unix.MAP_SHARED|unix.MAP_NORESERVE); err != nil {
		return m, fmt.Errorf("no executable memory: %w", err)
	}
	all, err := unix.Mmap(-1, 0, size+dataSize(size), prot, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		_ = unix.Munmap(m.write)
		return m, fmt.Errorf("no executable memory: %w", err)
	}
	m.exec, m.data, m.all = all[:size:size], all[size:], all
	if err = mapOver(m.exec, fd, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		_ = unix.Munmap(all)
		_ = unix.Munmap(m.write)
	}
	return m, err
}

// release gives the memory back to the host.
func (m *memory) release() {
	if m.views() {
		_ = unix.Munmap(m.write)
	}
	_ = unix.Munmap(m.all)
	*m = memory{}
}

// views reports whether the memory has two views.
func (m *memory) views() bool { return address(m.write) != address(m.exec) }

// renew puts other memory in the place of what a fork has left shared with the parent,
// with the first keep bytes of it. After an error it must not be used.
func (m *memory) renew(keep int) error {
	fd, err := anonymousFile(len(m.write))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	kept := bytes.Clone(m.write[:keep])
	if err := mapOver(m.write, fd, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return err
	}
	copy(m.write, kept)
	return mapOver(m.exec, fd, unix.PROT_READ|unix.PROT_EXEC)
}

// anonymousFile returns a file without a name that may be executed.
func anonymousFile(size int) (fd int, err error) {
	const name = "hospes-code"
	fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err == unix.EINVAL { // Linux before 6.3, where all may
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	if err != nil {
		return -1, fmt.Errorf("no executable memory: %w", err)
	}
	if err = truncate(fd, size); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("no executable memory: %w", err)
	}
	return fd, nil
}

// truncate gives a file its size. The limit on the size of files, which is the guest's, does
// not count if that can be avoided: over it there would be a signal, too.
func truncate(fd, size int) error {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if old.Max < uint64(size) {
		return unix.EFBIG
	}
	if old.Cur < uint64(size) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(size), Max: old.Max}); err != nil {
			return err
		}
		defer func() { _ = unix.Setrlimit(unix.RLIMIT_FSIZE, &old) }()
	}
	return unix.Ftruncate(fd, int64(size))
}
