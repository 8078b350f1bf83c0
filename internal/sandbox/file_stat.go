//go:build linux

package sandbox

import (
	"encoding/binary"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// stat is struct stat of asm-generic, 128 bytes.
type stat struct {
	Dev, Ino              uint64
	Mode, Nlink, UID, GID uint32
	Rdev, _               uint64
	Size                  int64
	Blksize, _            int32
	Blocks                int64
	Atime, Mtime, Ctime   timespec
	_                     [2]uint32
}

// timespec is struct timespec.
type timespec struct{ Sec, Nsec int64 }

func timespecOf(t time.Time) timespec {
	if t.IsZero() {
		return timespec{}
	}
	return timespec{t.Unix(), int64(t.Nanosecond())}
}

func statOf(a *vfs.Attr) *stat {
	return &stat{
		Dev: a.Dev, Ino: a.Ino, Mode: a.Mode, Nlink: a.Nlink, UID: a.UID, GID: a.GID, Rdev: a.Rdev, Size: a.Size,
		Blksize: int32(a.Blksize), Blocks: a.Blocks, Atime: timespecOf(a.Atime), Mtime: timespecOf(a.Mtime), Ctime: timespecOf(a.Ctime),
	}
}

// attr is the attributes of what a path argument names.
func (t *Task) attr(dirfd int, addr uint64, flags int) (a vfs.Attr, e syscall.Errno) {
	p, e := t.place(dirfd, addr)
	if e != 0 {
		return a, e
	}
	if p.path == "" && flags&unix.AT_EMPTY_PATH != 0 && dirfd != unix.AT_FDCWD {
		return t.fileAttr(dirfd)
	}
	at, e := p.walk(flags)
	if e != 0 {
		return a, e
	}
	return at.Attr()
}

// fileAttr is the attributes of an open file.
func (t *Task) fileAttr(fd int) (a vfs.Attr, e syscall.Errno) {
	f, e := t.anyFile(fd)
	if e != 0 {
		return a, e
	}
	defer f.Unref()
	return f.Attr()
}

const statFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT

func sysNewfstatat(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(3)
	if flags&^statFlags != 0 {
		return 0, syscall.EINVAL
	}
	a, e := t.attr(c.Int(0), c.Args[1], flags)
	if e != 0 {
		return 0, e
	}
	return 0, t.writeObject(c.Args[2], statOf(&a))
}

func sysFstat(t *Task, c *Call) (uint64, syscall.Errno) {
	a, e := t.fileAttr(c.Int(0))
	if e != 0 {
		return 0, e
	}
	return 0, t.writeObject(c.Args[1], statOf(&a))
}

// statx is struct statx, 256 bytes.
type statx struct {
	Mask, Blksize               uint32
	Attributes                  uint64
	Nlink, UID, GID             uint32
	Mode, _                     uint16
	Ino, Size, Blocks, AttrMask uint64
	Atime, Btime, Ctime, Mtime  statxTime
	RdevMajor, RdevMinor        uint32
	DevMajor, DevMinor          uint32
	_                           [14]uint64
}

type statxTime struct {
	Sec     int64
	Nsec, _ uint32
}

func statxTimeOf(t time.Time) statxTime {
	ts := timespecOf(t)
	return statxTime{Sec: ts.Sec, Nsec: uint32(ts.Nsec)}
}

func sysStatx(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(2)
	const syncType = unix.AT_STATX_FORCE_SYNC | unix.AT_STATX_DONT_SYNC
	if c.Uint(3)&unix.STATX__RESERVED != 0 || flags&^(statFlags|syncType) != 0 || flags&syncType == syncType {
		return 0, syscall.EINVAL
	}
	if c.Args[1] == 0 && flags&unix.AT_EMPTY_PATH == 0 {
		return 0, syscall.EFAULT
	}
	a, e := t.attr(c.Int(0), c.Args[1], flags)
	if e != 0 {
		return 0, e
	}
	x := &statx{
		Mask: unix.STATX_BASIC_STATS, Blksize: uint32(a.Blksize), Nlink: a.Nlink, UID: a.UID, GID: a.GID, Mode: uint16(a.Mode),
		Ino: a.Ino, Size: uint64(a.Size), Blocks: uint64(a.Blocks),
		Atime: statxTimeOf(a.Atime), Ctime: statxTimeOf(a.Ctime), Mtime: statxTimeOf(a.Mtime),
		RdevMajor: unix.Major(a.Rdev), RdevMinor: unix.Minor(a.Rdev), DevMajor: unix.Major(a.Dev), DevMinor: unix.Minor(a.Dev),
	}
	if !a.Btime.IsZero() {
		x.Mask, x.Btime = x.Mask|unix.STATX_BTIME, statxTimeOf(a.Btime)
	}
	return 0, t.writeObject(c.Args[4], x)
}

// statfs is struct statfs, 120 bytes.
type statfs struct {
	Type, Bsize            int64
	Blocks, Bfree, Bavail  uint64
	Files, Ffree           uint64
	Fsid                   int64
	Namelen, Frsize, Flags int64
	_                      [4]int64
}

func (t *Task) writeStatfs(addr uint64, p vfs.Path) syscall.Errno {
	s := p.Statfs()
	return t.writeObject(addr, &statfs{
		Type: s.Type, Bsize: s.Bsize, Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bfree, Files: s.Files, Ffree: s.Ffree,
		Fsid: s.Fsid, Namelen: s.Namelen, Frsize: s.Bsize, Flags: s.Flags,
	})
}

func sysStatfs(t *Task, c *Call) (uint64, syscall.Errno) {
	p, _, e := t.resolve(unix.AT_FDCWD, c.Args[0], 0)
	if e != 0 {
		return 0, e
	}
	return 0, t.writeStatfs(c.Args[1], p)
}

func sysFstatfs(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.anyFile(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	return 0, t.writeStatfs(c.Args[1], f.Path)
}

// sysGetdents64 is getdents64(2): struct linux_dirent64 is d_ino, d_off, d_reclen, d_type, d_name.
func sysGetdents64(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.anyFile(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	size := int(min(c.Uint(2), 64<<10))
	var b []byte
	full := false
	e = f.ReadDir(t.caller(), func(d *vfs.Dirent, next int64) bool {
		n := (19 + len(d.Name) + 1 + 7) &^ 7
		if len(b)+n > size {
			full = true
			return false
		}
		start := len(b)
		b = binary.LittleEndian.AppendUint64(b, d.Ino)
		b = binary.LittleEndian.AppendUint64(b, uint64(next))
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = append(append(b, byte(d.Type>>12)), d.Name...)
		b = append(b, make([]byte, start+n-len(b))...)
		return true
	})
	switch {
	case e != 0:
		return 0, e
	case full && len(b) == 0:
		return 0, syscall.EINVAL
	}
	return uint64(len(b)), t.copyOut(c.Args[1], b)
}
