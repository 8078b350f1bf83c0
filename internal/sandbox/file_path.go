//go:build linux

package sandbox

import (
	"encoding/binary"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// Calls that name files: see package vfs for how names are resolved.

// caller is the task, as file systems know it.
func (t *Task) caller() *vfs.Caller {
	fs := t.files.fs
	fs.mu.Lock()
	c := &vfs.Caller{NS: t.K.files.ns, Root: fs.root, Cwd: fs.cwd, Umask: fs.umask, PID: t.P.Pid, TID: t.TID}
	fs.mu.Unlock()
	t.setCredentials(c)
	return c
}

// dir is what a path is relative to that a call has been given with the descriptor dirfd.
func (t *Task) dir(c *vfs.Caller, dirfd int, path string) (vfs.Path, syscall.Errno) {
	if dirfd == unix.AT_FDCWD || strings.HasPrefix(path, "/") {
		return c.Cwd, 0
	}
	f, e := t.anyFile(dirfd)
	if e != 0 {
		return vfs.Path{}, e
	}
	defer f.Unref()
	if path != "" && !f.Path.IsDir() {
		return vfs.Path{}, syscall.ENOTDIR
	}
	return f.Path, 0
}

// place is a path argument: the directory that it is relative to, and the path.
type place struct {
	c    *vfs.Caller
	at   vfs.Path
	path string
}

// place reads a path argument.
func (t *Task) place(dirfd int, addr uint64) (p place, e syscall.Errno) {
	if p.path, e = t.readPath(addr); e != 0 {
		return p, e
	}
	p.c = t.caller()
	p.at, e = t.dir(p.c, dirfd, p.path)
	return p, e
}

// walk resolves it. The flags are AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.
func (p *place) walk(flags int) (vfs.Path, syscall.Errno) {
	how := vfs.Follow
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		how = 0
	}
	if flags&unix.AT_EMPTY_PATH != 0 {
		how |= vfs.AllowEmpty
	}
	return p.c.Walk(p.at, p.path, how)
}

// resolve reads and resolves a path argument.
func (t *Task) resolve(dirfd int, addr uint64, flags int) (vfs.Path, *vfs.Caller, syscall.Errno) {
	p, e := t.place(dirfd, addr)
	if e != 0 {
		return vfs.Path{}, nil, e
	}
	at, e := p.walk(flags)
	return at, p.c, e
}

func sysOpenat(t *Task, c *Call) (uint64, syscall.Errno) {
	how := vfs.OpenHow{Flags: c.Int(2) | vfs.O_LARGEFILE, Mode: c.Uint(3) & 0o7777}
	return t.open(c.Int(0), c.Args[1], how)
}

// openHow is struct open_how (openat2(2)).
type openHow struct{ Flags, Mode, Resolve uint64 }

func sysOpenat2(t *Task, c *Call) (uint64, syscall.Errno) {
	var how openHow
	if e := t.readVersioned(c.Args[2], c.Args[3], 24, &how); e != 0 {
		return 0, e
	}
	const known = vfs.O_ACCMODE | vfs.O_CREAT | vfs.O_EXCL | vfs.O_NOCTTY | vfs.O_TRUNC | vfs.O_APPEND | vfs.O_NONBLOCK | vfs.O_ASYNC |
		vfs.O_DIRECT | vfs.O_LARGEFILE | vfs.O_DIRECTORY | vfs.O_NOFOLLOW | vfs.O_NOATIME | vfs.O_CLOEXEC | vfs.O_SYNC | vfs.O_PATH | vfs.O_TMPFILE
	const creates = vfs.O_CREAT | vfs.O_TMPFILE&^vfs.O_DIRECTORY
	const withPath = vfs.O_PATH | vfs.O_DIRECTORY | vfs.O_NOFOLLOW | vfs.O_CLOEXEC
	switch {
	case how.Flags&^known != 0, how.Mode&^0o7777 != 0, how.Mode != 0 && how.Flags&creates == 0, how.Resolve>>8 != 0,
		how.Flags&vfs.O_PATH != 0 && how.Flags&^withPath != 0:
		return 0, syscall.EINVAL
	}
	return t.open(c.Int(0), c.Args[1], vfs.OpenHow{Flags: int(how.Flags), Mode: uint32(how.Mode), Resolve: vfs.WalkFlags(how.Resolve)})
}

// readVersioned reads a structure of size bytes, the first version of which had least: what is longer
// than v must be zero, what is missing is taken to be (copy_struct_from_user).
func (t *Task) readVersioned(addr, size, least uint64, v any) syscall.Errno {
	if size < least {
		return syscall.EINVAL
	}
	if size > 4096 {
		return syscall.E2BIG
	}
	b, e := t.copyIn(addr, size)
	if e != 0 {
		return e
	}
	n := binary.Size(v)
	for _, x := range b[min(n, len(b)):] {
		if x != 0 {
			return syscall.E2BIG
		}
	}
	_, err := binary.Decode(append(b, make([]byte, n)...), binary.LittleEndian, v)
	return errnoOf(err)
}

// open is openat2(2) of a path at a guest address.
func (t *Task) open(dirfd int, addr uint64, how vfs.OpenHow) (uint64, syscall.Errno) {
	p, e := t.place(dirfd, addr)
	if e != 0 {
		return 0, e
	}
	f, e := p.c.Open(p.at, p.path, how)
	if e != 0 {
		return 0, e
	}
	if e := t.awaitPeer(f); e != 0 {
		f.Unref()
		return 0, e
	}
	return t.install(f, how.Flags&vfs.O_CLOEXEC != 0)
}

// awaitPeer waits until a FIFO that has been opened is open at the other end, too (fifo(7)). Pipes
// without a name, which /proc/self/fd leads to, are not waited for.
func (t *Task) awaitPeer(f *vfs.File) syscall.Errno {
	h, ok := f.Handle.(*vfs.PipeEnd)
	if !ok || f.Path.Mount == nil || f.Nonblocking() || f.Flags()&vfs.O_ACCMODE == vfs.O_RDWR {
		return 0
	}
	return t.await(f, 0, never, func() syscall.Errno {
		if !h.Met() {
			return syscall.EAGAIN
		}
		return 0
	})
}

func sysMkdirat(t *Task, c *Call) (uint64, syscall.Errno) {
	p, e := t.place(c.Int(0), c.Args[1])
	if e != 0 {
		return 0, e
	}
	return 0, p.c.Mkdir(p.at, p.path, c.Uint(2))
}

func sysMknodat(t *Task, c *Call) (uint64, syscall.Errno) {
	p, e := t.place(c.Int(0), c.Args[1])
	if e != 0 {
		return 0, e
	}
	return 0, p.c.Mknod(p.at, p.path, c.Uint(2), c.Args[3])
}

func sysUnlinkat(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(2)
	if flags&^unix.AT_REMOVEDIR != 0 {
		return 0, syscall.EINVAL
	}
	p, e := t.place(c.Int(0), c.Args[1])
	if e != 0 {
		return 0, e
	}
	if flags != 0 {
		return 0, p.c.Rmdir(p.at, p.path)
	}
	return 0, p.c.Unlink(p.at, p.path)
}

func sysSymlinkat(t *Task, c *Call) (uint64, syscall.Errno) {
	target, e := t.readPath(c.Args[0])
	if e != 0 {
		return 0, e
	}
	p, e := t.place(c.Int(1), c.Args[2])
	if e != 0 {
		return 0, e
	}
	return 0, p.c.Symlink(target, p.at, p.path)
}

func sysLinkat(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(4)
	if flags&^(unix.AT_SYMLINK_FOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, syscall.EINVAL
	}
	if flags&unix.AT_SYMLINK_FOLLOW == 0 {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	from, _, e := t.resolve(c.Int(0), c.Args[1], flags)
	if e != 0 {
		return 0, e
	}
	p, e := t.place(c.Int(2), c.Args[3])
	if e != 0 {
		return 0, e
	}
	return 0, p.c.Link(from, p.at, p.path)
}

func sysRenameat2(t *Task, c *Call) (uint64, syscall.Errno) {
	from, e := t.place(c.Int(0), c.Args[1])
	if e != 0 {
		return 0, e
	}
	to, e := t.place(c.Int(2), c.Args[3])
	if e != 0 {
		return 0, e
	}
	return 0, from.c.Rename(from.at, from.path, to.at, to.path, c.Uint(4))
}

func sysReadlinkat(t *Task, c *Call) (uint64, syscall.Errno) {
	size := c.Int(3)
	if size <= 0 {
		return 0, syscall.EINVAL
	}
	p, e := t.place(c.Int(0), c.Args[1])
	if e != 0 {
		return 0, e
	}
	at, e := p.walk(unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH)
	if e != 0 {
		return 0, e
	}
	target, e := p.c.Readlink(at)
	if e == syscall.EINVAL && p.path == "" {
		e = syscall.ENOENT
	}
	if e != 0 {
		return 0, e
	}
	b := []byte(target)[:min(len(target), size)]
	return uint64(len(b)), t.copyOut(c.Args[2], b)
}

func sysGetcwd(t *Task, c *Call) (uint64, syscall.Errno) {
	cwd, e := t.caller().Getcwd()
	if e != 0 {
		return 0, e
	}
	b := append([]byte(cwd), 0)
	if uint64(len(b)) > c.Args[1] {
		return 0, syscall.ERANGE
	}
	return uint64(len(b)), t.copyOut(c.Args[0], b)
}

// setDir makes p the working directory, or the root.
func (t *Task) setDir(c *vfs.Caller, p vfs.Path, root bool) syscall.Errno {
	if e := c.Chdir(p); e != 0 {
		return e
	}
	if root && c.UID != 0 {
		return syscall.EPERM
	}
	fs := t.files.fs
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if root {
		fs.root = p
	} else {
		fs.cwd = p
	}
	return 0
}

func sysChdir(t *Task, c *Call) (uint64, syscall.Errno) {
	p, caller, e := t.resolve(unix.AT_FDCWD, c.Args[0], 0)
	if e != 0 {
		return 0, e
	}
	return 0, t.setDir(caller, p, false)
}

func sysFchdir(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.anyFile(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	return 0, t.setDir(t.caller(), f.Path, false)
}

func sysChroot(t *Task, c *Call) (uint64, syscall.Errno) {
	p, caller, e := t.resolve(unix.AT_FDCWD, c.Args[0], 0)
	if e != 0 {
		return 0, e
	}
	return 0, t.setDir(caller, p, true)
}

func sysUmask(t *Task, c *Call) (uint64, syscall.Errno) {
	fs := t.files.fs
	fs.mu.Lock()
	defer fs.mu.Unlock()
	old := fs.umask
	fs.umask = c.Uint(0) & 0o777
	return uint64(old), 0
}

// change sets attributes of what a path argument names.
func (t *Task) change(dirfd int, addr uint64, flags int, ch vfs.Change) syscall.Errno {
	p, caller, e := t.resolve(dirfd, addr, flags)
	if e != 0 {
		return e
	}
	if ch.Mode != nil && p.Node().Type() == vfs.S_IFLNK {
		return syscall.EOPNOTSUPP
	}
	return caller.Set(p, ch, false)
}

// changeFile sets attributes of an open file.
func (t *Task) changeFile(fd int, ch vfs.Change) syscall.Errno {
	f, e := t.file(fd)
	if e != 0 {
		return e
	}
	defer f.Unref()
	return f.Set(t.caller(), ch, false)
}

func sysFchmod(t *Task, c *Call) (uint64, syscall.Errno) {
	mode := c.Uint(1) & 0o7777
	return 0, t.changeFile(c.Int(0), vfs.Change{Mode: &mode})
}

func sysFchmodat(t *Task, c *Call) (uint64, syscall.Errno) {
	mode := c.Uint(2) & 0o7777
	return 0, t.change(c.Int(0), c.Args[1], 0, vfs.Change{Mode: &mode})
}

func sysFchmodat2(t *Task, c *Call) (uint64, syscall.Errno) {
	mode, flags := c.Uint(2)&0o7777, c.Int(3)
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, syscall.EINVAL
	}
	return 0, t.change(c.Int(0), c.Args[1], flags, vfs.Change{Mode: &mode})
}

// owners is a change of owner and group; -1 leaves one alone.
func owners(uid, gid uint32) (ch vfs.Change) {
	if int32(uid) != -1 {
		ch.UID = &uid
	}
	if int32(gid) != -1 {
		ch.GID = &gid
	}
	return ch
}

func sysFchown(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.changeFile(c.Int(0), owners(c.Uint(1), c.Uint(2)))
}

func sysFchownat(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(4)
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, syscall.EINVAL
	}
	return 0, t.change(c.Int(0), c.Args[1], flags, owners(c.Uint(2), c.Uint(3)))
}

func sysUtimensat(t *Task, c *Call) (uint64, syscall.Errno) {
	flags := c.Int(3)
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return 0, syscall.EINVAL
	}
	ch, touch, e := t.readTimes(c.Args[2])
	if e != 0 || ch.Atime == nil && ch.Mtime == nil {
		return 0, e
	}
	if c.Args[1] == 0 && c.Int(0) != unix.AT_FDCWD { // futimens
		f, e := t.file(c.Int(0))
		if e != 0 {
			return 0, e
		}
		defer f.Unref()
		return 0, f.Set(t.caller(), ch, touch)
	}
	p, caller, e := t.resolve(c.Int(0), c.Args[1], flags)
	if e != 0 {
		return 0, e
	}
	return 0, caller.Set(p, ch, touch)
}

// readTimes reads the times of utimensat(2). touch says that they are the present one.
func (t *Task) readTimes(addr uint64) (ch vfs.Change, touch bool, e syscall.Errno) {
	now := t.K.realtime()
	if addr == 0 {
		return vfs.Change{Atime: &now, Mtime: &now}, true, 0
	}
	var ts [2]unix.Timespec
	if e := t.readObject(addr, &ts); e != 0 {
		return ch, false, e
	}
	for i, set := range []**time.Time{&ch.Atime, &ch.Mtime} {
		switch ns := ts[i].Nsec; {
		case ns == unix.UTIME_NOW:
			*set = &now
		case ns == unix.UTIME_OMIT:
		case ns < 0 || ns >= 1e9:
			return ch, false, syscall.EINVAL
		default:
			at := time.Unix(ts[i].Sec, ns)
			*set = &at
		}
	}
	return ch, ts[0].Nsec == unix.UTIME_NOW && ts[1].Nsec == unix.UTIME_NOW, 0
}

func sysFaccessat(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.access(c.Int(0), c.Args[1], c.Uint(2), 0)
}

func sysFaccessat2(t *Task, c *Call) (uint64, syscall.Errno) {
	return 0, t.access(c.Int(0), c.Args[1], c.Uint(2), c.Int(3))
}

func (t *Task) access(dirfd int, addr uint64, mode uint32, flags int) syscall.Errno {
	if mode&^7 != 0 || flags&^(unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return syscall.EINVAL
	}
	p, e := t.place(dirfd, addr)
	if e != 0 {
		return e
	}
	if flags&unix.AT_EACCESS == 0 {
		t.setRealCredentials(p.c)
	}
	at, e := p.walk(flags)
	if e != 0 || mode == 0 {
		return e
	}
	return p.c.Access(at, mode)
}

func sysTruncate(t *Task, c *Call) (uint64, syscall.Errno) {
	p, e := t.place(unix.AT_FDCWD, c.Args[0])
	if e != 0 {
		return 0, e
	}
	return 0, p.c.Truncate(p.at, p.path, int64(c.Args[1]))
}

func sysFtruncate(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.anyFile(c.Int(0))
	if e != 0 {
		return 0, e
	}
	defer f.Unref()
	return 0, f.Truncate(t.caller(), int64(c.Args[1]))
}
