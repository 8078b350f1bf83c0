//go:build linux && amd64

package linux

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// statSize is the size of struct stat of asm-generic/stat.h; the host's is 144.
const statSize = 128

// le64 is the little-endian 64-bit integer at the start of b.
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// putStat stores st at addr in the layout of asm-generic/stat.h.
func (t *Task) putStat(addr uint64, st *unix.Stat_t) syscall.Errno {
	b := t.io.bytes(statSize)
	le := binary.LittleEndian
	le.PutUint64(b[0:], st.Dev)
	le.PutUint64(b[8:], st.Ino)
	le.PutUint32(b[16:], st.Mode)
	le.PutUint32(b[20:], uint32(st.Nlink))
	le.PutUint32(b[24:], st.Uid)
	le.PutUint32(b[28:], st.Gid)
	le.PutUint64(b[32:], st.Rdev)
	le.PutUint64(b[40:], 0)
	le.PutUint64(b[48:], uint64(st.Size))
	le.PutUint64(b[56:], uint64(uint32(st.Blksize)))
	le.PutUint64(b[64:], uint64(st.Blocks))
	for i, ts := range [...]*unix.Timespec{&st.Atim, &st.Mtim, &st.Ctim} {
		le.PutUint64(b[72+16*i:], uint64(ts.Sec))
		le.PutUint64(b[80+16*i:], uint64(ts.Nsec))
	}
	le.PutUint64(b[120:], 0)
	if t.Mem.CopyOut(addr, b) != nil {
		return syscall.EFAULT
	}
	return 0
}

func sysFstat(t *Task, c *Call) (uint64, syscall.Errno) {
	fd := c.Int(0)
	if t.P.reserved.has(fd) {
		return 0, syscall.EBADF
	}
	if _, e := t.Syscall(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(&t.io.stat))); e != 0 {
		return 0, e
	}
	return 0, t.putStat(c.Args[1], &t.io.stat)
}

func sysNewfstatat(t *Task, c *Call) (uint64, syscall.Errno) {
	dirfd, flags := c.Int(0), c.Uint(3)
	if t.P.reserved.has(dirfd) {
		return 0, syscall.EBADF
	}
	m := marshaller{t: t}
	defer m.finish()
	path, e := m.path(dirfd, c.Args[1], flags&unix.AT_SYMLINK_NOFOLLOW == 0)
	if e != 0 {
		return 0, e
	}
	_, e = t.Syscall(unix.SYS_NEWFSTATAT, uintptr(dirfd), path, uintptr(unsafe.Pointer(&t.io.stat)), uintptr(flags))
	if e != 0 {
		return 0, e
	}
	return 0, t.putStat(c.Args[2], &t.io.stat)
}

// sysReadlinkat is readlinkat(2). What a link of /proc tells is a host path; the
// guest gets its own name for it.
func sysReadlinkat(t *Task, c *Call) (uint64, syscall.Errno) {
	dirfd, size := c.Int(0), int(c.Int(3))
	if size <= 0 {
		return 0, syscall.EINVAL
	}
	if t.P.reserved.has(dirfd) {
		return 0, syscall.EBADF
	}
	name, e := t.readPath(c.Args[1])
	if e != 0 {
		return 0, e
	}
	target, e := t.P.readlinkAt(dirfd, name)
	if e != 0 {
		return 0, e
	}
	target = target[:min(len(target), size)]
	if t.Mem.CopyOut(c.Args[2], []byte(target)) != nil {
		return 0, syscall.EFAULT
	}
	return uint64(len(target)), 0
}

// readlinkAt returns what the symbolic link at a guest path says.
func (p *Process) readlinkAt(dirfd int, name string) (string, syscall.Errno) {
	if _, guest, ok := p.exe(dirfd, name); ok {
		return guest, 0
	}
	host := p.hostLinkPath(dirfd, name)
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(dirfd, host, buf[:])
	if err != nil {
		return "", errnoOf(err)
	}
	target := string(buf[:n])
	if name, ok := snapshotName(target); ok {
		return name, 0
	}
	return p.root().linkText(dirfd, host, target), 0
}
