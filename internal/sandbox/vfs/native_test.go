//go:build linux

package vfs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// depth is how deep the directory lies in which sequences of calls happen: no path in
// them has more ".." in it, those of links included.
const depth = 45

// world is a file system that calls are made on. Results are text, so that they can be
// compared.
type world interface {
	open(path string, flags int, mode uint32) (int, Errno)
	close(fd int)
	read(fd, n int, off int64) string
	write(fd int, b []byte, off int64) string
	seek(fd int, off int64, whence int) string
	ftruncate(fd int, size int64) Errno
	fallocate(fd int, mode uint32, off, n int64) Errno
	fstat(fd int) string
	list(path string) string

	mkdir(path string, mode uint32) Errno
	mkfifo(path string, mode uint32) Errno
	symlink(target, path string) Errno
	readlink(path string) string
	link(old, path string, follow bool) Errno
	unlink(path string) Errno
	rmdir(path string) Errno
	rename(old, path string, flags uint32) Errno
	truncate(path string, size int64) Errno
	chmod(path string, mode uint32) Errno
	chown(path string, uid, gid uint32) Errno
	utimes(path string, t time.Time, follow bool) Errno
	access(path string, mode uint32) Errno
	stat(path string, follow bool) string
}

// summary is what is compared of a file's attributes.
func summary(a Attr, sizes bool) string {
	if a.Mode&S_IFMT == S_IFDIR && !sizes {
		a.Size = 0
	}
	if !sizes {
		a.Blocks = 0
	}
	return fmt.Sprintf("mode %o nlink %d owner %d:%d size %d blocks %d", a.Mode, a.Nlink, a.UID, a.GID, a.Size, a.Blocks)
}

// kernel is the real one, in a directory of the host.
type kernel struct {
	dir   int
	sizes bool // it is a tmpfs, so sizes of directories are comparable
}

func number2(e error) Errno { return errno(e) }

func (k *kernel) open(path string, flags int, mode uint32) (int, Errno) {
	fd, err := unix.Openat(k.dir, path, flags|unix.O_CLOEXEC, mode)
	return fd, number2(err)
}

func (k *kernel) close(fd int) { unix.Close(fd) }

func (k *kernel) read(fd, n int, off int64) string {
	b := make([]byte, n)
	var err error
	if off < 0 {
		n, err = unix.Read(fd, b)
	} else {
		n, err = unix.Pread(fd, b, off)
	}
	return fmt.Sprintf("%d %q", number2(err), b[:max(n, 0)])
}

func (k *kernel) write(fd int, b []byte, off int64) string {
	var n int
	var err error
	if off < 0 {
		n, err = unix.Write(fd, b)
	} else {
		n, err = unix.Pwrite(fd, b, off)
	}
	return fmt.Sprintf("%d %d", number2(err), max(n, 0))
}

func (k *kernel) seek(fd int, off int64, whence int) string {
	to, err := unix.Seek(fd, off, whence)
	return fmt.Sprintf("%d %d", number2(err), max(to, 0))
}

func (k *kernel) ftruncate(fd int, size int64) Errno { return number2(unix.Ftruncate(fd, size)) }
func (k *kernel) fallocate(fd int, mode uint32, off, n int64) Errno {
	return number2(unix.Fallocate(fd, mode, off, n))
}

func (k *kernel) fstat(fd int) string {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return k.summary(&st, err)
}

func (k *kernel) summary(st *unix.Stat_t, err error) string {
	if err != nil {
		return err.Error()
	}
	return summary(Attr{
		Mode: st.Mode, Nlink: uint32(st.Nlink), UID: st.Uid, GID: st.Gid, Size: st.Size, Blocks: st.Blocks,
	}, k.sizes)
}

func (k *kernel) list(path string) string {
	fd, err := unix.Openat(k.dir, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err.Error()
	}
	defer unix.Close(fd)
	buf := make([]byte, 8192)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		return err.Error()
	}
	_, _, names := unix.ParseDirent(buf[:n], -1, nil)
	slices.Sort(names)
	return fmt.Sprint(names)
}

func (k *kernel) mkdir(path string, mode uint32) Errno {
	return number2(unix.Mkdirat(k.dir, path, mode))
}
func (k *kernel) mkfifo(path string, mode uint32) Errno {
	return number2(unix.Mknodat(k.dir, path, unix.S_IFIFO|mode, 0))
}
func (k *kernel) symlink(target, path string) Errno {
	return number2(unix.Symlinkat(target, k.dir, path))
}

func (k *kernel) readlink(path string) string {
	b := make([]byte, 8192)
	n, err := unix.Readlinkat(k.dir, path, b)
	return fmt.Sprintf("%d %q", number2(err), b[:max(n, 0)])
}

func (k *kernel) link(old, path string, follow bool) Errno {
	flags := 0
	if follow {
		flags = unix.AT_SYMLINK_FOLLOW
	}
	return number2(unix.Linkat(k.dir, old, k.dir, path, flags))
}

func (k *kernel) unlink(path string) Errno { return number2(unix.Unlinkat(k.dir, path, 0)) }
func (k *kernel) rmdir(path string) Errno {
	return number2(unix.Unlinkat(k.dir, path, unix.AT_REMOVEDIR))
}
func (k *kernel) rename(old, path string, flags uint32) Errno {
	return number2(unix.Renameat2(k.dir, old, k.dir, path, uint(flags)))
}

func (k *kernel) truncate(path string, size int64) Errno {
	return number2(unix.Truncate(path, size)) // the working directory is k.dir
}
func (k *kernel) chmod(path string, mode uint32) Errno {
	return number2(unix.Fchmodat(k.dir, path, mode, 0))
}
func (k *kernel) chown(path string, uid, gid uint32) Errno {
	return number2(unix.Fchownat(k.dir, path, int(int32(uid)), int(int32(gid)), 0))
}
func (k *kernel) utimes(path string, t time.Time, follow bool) Errno {
	flags := 0
	if !follow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	ts := unix.NsecToTimespec(t.UnixNano())
	return number2(unix.UtimesNanoAt(k.dir, path, []unix.Timespec{ts, ts}, flags))
}

func (k *kernel) access(path string, mode uint32) Errno {
	_, _, e := unix.Syscall6(unix.SYS_FACCESSAT2, uintptr(k.dir), cstring(path), uintptr(mode), unix.AT_EACCESS, 0, 0)
	return e
}

func (k *kernel) stat(path string, follow bool) string {
	flags := 0
	if !follow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	var st unix.Stat_t
	err := unix.Fstatat(k.dir, path, &st, flags)
	return k.summary(&st, err)
}

// sandboxed is a file system of this package.
type sandboxed struct {
	c     *Caller
	sizes bool
	files map[int]*File
	next  int
}

func (s *sandboxed) walk(path string, follow bool) (Path, Errno) {
	flags := WalkFlags(0)
	if follow {
		flags = Follow
	}
	return s.c.Walk(s.c.Cwd, path, flags)
}

func (s *sandboxed) open(path string, flags int, mode uint32) (int, Errno) {
	f, e := s.c.Open(s.c.Cwd, path, OpenHow{Flags: flags, Mode: mode})
	if e != 0 {
		return -1, e
	}
	s.next++
	s.files[s.next] = f
	return s.next, 0
}

func (s *sandboxed) close(fd int) {
	s.files[fd].Unref()
	delete(s.files, fd)
}

func (s *sandboxed) read(fd, n int, off int64) string {
	b := make([]byte, n)
	var e Errno
	if off < 0 {
		n, e = s.files[fd].Read(b)
	} else {
		n, e = s.files[fd].Pread(b, off)
	}
	return fmt.Sprintf("%d %q", e, b[:n])
}

func (s *sandboxed) write(fd int, b []byte, off int64) string {
	var n int
	var e Errno
	if off < 0 {
		n, e = s.files[fd].Write(b)
	} else {
		n, e = s.files[fd].Pwrite(b, off)
	}
	return fmt.Sprintf("%d %d", e, n)
}

func (s *sandboxed) seek(fd int, off int64, whence int) string {
	to, e := s.files[fd].Lseek(off, whence)
	return fmt.Sprintf("%d %d", e, to)
}

func (s *sandboxed) ftruncate(fd int, size int64) Errno { return s.files[fd].Truncate(s.c, size) }
func (s *sandboxed) fallocate(fd int, mode uint32, off, n int64) Errno {
	return s.files[fd].Allocate(mode, off, n)
}

func (s *sandboxed) fstat(fd int) string { return s.summary(s.files[fd].Attr()) }

func (s *sandboxed) summary(a Attr, e Errno) string {
	if e != 0 {
		return e.Error()
	}
	return summary(a, s.sizes)
}

func (s *sandboxed) list(path string) string {
	f, e := s.c.Open(s.c.Cwd, path, OpenHow{Flags: O_RDONLY | O_DIRECTORY})
	if e != 0 {
		return e.Error()
	}
	defer f.Unref()
	var names []string
	e = f.ReadDir(s.c, func(d *Dirent, _ int64) bool {
		if d.Name != "." && d.Name != ".." {
			names = append(names, d.Name)
		}
		return true
	})
	if e != 0 {
		return e.Error()
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

func (s *sandboxed) mkdir(path string, mode uint32) Errno { return s.c.Mkdir(s.c.Cwd, path, mode) }
func (s *sandboxed) mkfifo(path string, mode uint32) Errno {
	return s.c.Mknod(s.c.Cwd, path, S_IFIFO|mode, 0)
}
func (s *sandboxed) symlink(target, path string) Errno { return s.c.Symlink(target, s.c.Cwd, path) }

func (s *sandboxed) readlink(path string) string {
	p, e := s.walk(path, false)
	if e != 0 {
		return fmt.Sprintf("%d %q", e, "")
	}
	target, e := s.c.Readlink(p)
	return fmt.Sprintf("%d %q", e, target)
}

func (s *sandboxed) link(old, path string, follow bool) Errno {
	p, e := s.walk(old, follow)
	if e != 0 {
		return e
	}
	return s.c.Link(p, s.c.Cwd, path)
}

func (s *sandboxed) unlink(path string) Errno { return s.c.Unlink(s.c.Cwd, path) }
func (s *sandboxed) rmdir(path string) Errno  { return s.c.Rmdir(s.c.Cwd, path) }
func (s *sandboxed) rename(old, path string, flags uint32) Errno {
	return s.c.Rename(s.c.Cwd, old, s.c.Cwd, path, flags)
}

func (s *sandboxed) truncate(path string, size int64) Errno {
	return s.c.Truncate(s.c.Cwd, path, size)
}

func (s *sandboxed) set(path string, ch Change, follow bool) Errno {
	p, e := s.walk(path, follow)
	if e != 0 {
		return e
	}
	return s.c.Set(p, ch, false)
}

func (s *sandboxed) chmod(path string, mode uint32) Errno {
	return s.set(path, Change{Mode: &mode}, true)
}
func (s *sandboxed) chown(path string, uid, gid uint32) Errno {
	return s.set(path, Change{UID: &uid, GID: &gid}, true)
}
func (s *sandboxed) utimes(path string, t time.Time, follow bool) Errno {
	return s.set(path, Change{Atime: &t, Mtime: &t}, follow)
}

func (s *sandboxed) access(path string, mode uint32) Errno {
	p, e := s.walk(path, true)
	if e != 0 {
		return e
	}
	return s.c.Access(p, mode)
}

func (s *sandboxed) stat(path string, follow bool) string {
	p, e := s.walk(path, follow)
	if e != 0 {
		return e.Error()
	}
	return s.summary(p.Attr())
}

// sequence makes random calls on both worlds.
type sequence struct {
	rng  *rand.Rand
	both [2]world
	fds  [][2]int

	noTemp bool // without O_TMPFILE
}

func (q *sequence) path() string {
	if q.rng.IntN(60) == 0 {
		return []string{"", ".", "..", "./", "a/.", "../a", strings.Repeat("n", 255), strings.Repeat("n", 256), "b/" + strings.Repeat("x/", 2040)}[q.rng.IntN(9)]
	}
	var parts []string
	ups := 0
	for range 1 + q.rng.IntN(3) {
		p := []string{"a", "b", "c", "d", "a", "b", "c", ".", ".."}[q.rng.IntN(9)]
		if p == ".." {
			if ups++; ups > 1 {
				p = "a"
			}
		}
		parts = append(parts, p)
	}
	s := strings.Join(parts, "/")
	if q.rng.IntN(8) == 0 {
		s += "/"
	}
	return s
}

func (q *sequence) flags() int {
	f := q.rng.IntN(3) | O_NONBLOCK
	for _, bit := range []int{O_CREAT, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH} {
		if q.rng.IntN(4) == 0 {
			f |= bit
		}
	}
	if q.rng.IntN(20) == 0 && !q.noTemp {
		f |= O_TMPFILE
	}
	return f
}

func (q *sequence) mode() uint32 {
	return []uint32{0o755, 0o644, 0o600, 0o777, 0o500, 0o1777, 0o2770, 0o4711, 0, 0o7777}[q.rng.IntN(10)]
}

// step makes one call on both worlds, and returns what was called and the results.
func (q *sequence) step() (call string, results [2]string) {
	if len(q.fds) > 0 && q.rng.IntN(3) == 0 {
		return q.fileStep()
	}
	r := q.rng
	p, p2, mode, follow := q.path(), q.path(), q.mode(), r.IntN(2) == 0
	size := []int64{0, 5, 4096, 10000, -1}[r.IntN(5)]
	var f func(w world) string
	errno := func(g func(w world) Errno) { f = func(w world) string { return fmt.Sprint(int(g(w))) } }
	switch r.IntN(18) {
	case 0, 1, 2:
		return q.openStep(p, q.flags(), mode)
	case 3, 4:
		call = fmt.Sprintf("mkdir %q %o", p, mode)
		errno(func(w world) Errno { return w.mkdir(p, mode) })
	case 5:
		call = fmt.Sprintf("mkfifo %q %o", p, mode)
		errno(func(w world) Errno { return w.mkfifo(p, mode) })
	case 6, 7:
		call = fmt.Sprintf("symlink %q %q", p2, p)
		errno(func(w world) Errno { return w.symlink(p2, p) })
	case 8:
		call = fmt.Sprintf("readlink %q", p)
		f = func(w world) string { return w.readlink(p) }
	case 9:
		call = fmt.Sprintf("link %q %q %v", p, p2, follow)
		errno(func(w world) Errno { return w.link(p, p2, follow) })
	case 10:
		call = fmt.Sprintf("unlink %q", p)
		errno(func(w world) Errno { return w.unlink(p) })
	case 11:
		call = fmt.Sprintf("rmdir %q", p)
		errno(func(w world) Errno { return w.rmdir(p) })
	case 12, 13:
		flags := []uint32{0, 0, RenameNoReplace, RenameExchange, 3}[r.IntN(5)]
		call = fmt.Sprintf("rename %q %q %d", p, p2, flags)
		errno(func(w world) Errno { return w.rename(p, p2, flags) })
	case 14:
		call = fmt.Sprintf("truncate %q %d", p, size)
		errno(func(w world) Errno { return w.truncate(p, size) })
	case 15:
		call, f = q.attributeStep(p, mode, follow)
	case 16:
		call = fmt.Sprintf("access %q %o", p, mode&7)
		errno(func(w world) Errno { return w.access(p, mode&7) })
	case 17:
		call = fmt.Sprintf("list %q", p)
		f = func(w world) string { return w.list(p) }
	}
	return call, [2]string{f(q.both[0]), f(q.both[1])}
}

func (q *sequence) attributeStep(p string, mode uint32, follow bool) (string, func(w world) string) {
	switch q.rng.IntN(3) {
	case 0:
		return fmt.Sprintf("chmod %q %o", p, mode), func(w world) string { return fmt.Sprint(int(w.chmod(p, mode))) }
	case 1:
		uid, gid := uint32(1000+q.rng.IntN(2)), uint32(1000+q.rng.IntN(2))
		return fmt.Sprintf("chown %q %d %d", p, uid, gid), func(w world) string { return fmt.Sprint(int(w.chown(p, uid, gid))) }
	}
	return fmt.Sprintf("utimes %q", p), func(w world) string { return fmt.Sprint(int(w.utimes(p, time.Unix(1e9, 5), follow))) }
}

func (q *sequence) openStep(p string, flags int, mode uint32) (call string, results [2]string) {
	call = fmt.Sprintf("open %q %#o %o", p, flags, mode)
	var fds [2]int
	var es [2]Errno
	for i, w := range q.both {
		fds[i], es[i] = w.open(p, flags, mode)
		results[i] = fmt.Sprint(int(es[i]))
	}
	switch {
	case es[0] == 0 && es[1] == 0 && len(q.fds) < 8:
		q.fds = append(q.fds, fds)
	default:
		for i, w := range q.both {
			if es[i] == 0 {
				w.close(fds[i])
			}
		}
	}
	return call, results
}

func (q *sequence) fileStep() (call string, results [2]string) {
	r := q.rng
	i := r.IntN(len(q.fds))
	fd := q.fds[i]
	off := int64(-1)
	if r.IntN(2) == 0 {
		off = r.Int64N(10000)
	}
	n, whence, size := r.IntN(6000), r.IntN(6), []int64{0, 7, 5000, -1}[r.IntN(4)]
	var f func(w world, fd int) string
	switch r.IntN(8) {
	case 0:
		call = "close"
		f = func(w world, fd int) string { w.close(fd); return "" }
		q.fds = slices.Delete(q.fds, i, i+1)
	case 1, 2:
		call = fmt.Sprintf("read %d %d", n, off)
		f = func(w world, fd int) string { return w.read(fd, n, off) }
	case 3, 4:
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		call = fmt.Sprintf("write %d %d", n, off)
		f = func(w world, fd int) string { return w.write(fd, b, off) }
	case 5:
		call = fmt.Sprintf("seek %d %d", off, whence)
		f = func(w world, fd int) string { return w.seek(fd, off, whence) }
	case 6:
		call = fmt.Sprintf("ftruncate %d", size)
		f = func(w world, fd int) string { return fmt.Sprint(int(w.ftruncate(fd, size))) }
	case 7:
		mode := []uint32{0, FallocKeepSize, FallocPunchHole | FallocKeepSize, FallocPunchHole}[r.IntN(4)]
		call = fmt.Sprintf("fallocate %d %d %d", mode, off, n)
		f = func(w world, fd int) string { return fmt.Sprint(int(w.fallocate(fd, mode, off, int64(n)))) }
	}
	results = [2]string{f(q.both[0], fd[0]), f(q.both[1], fd[1])}
	if call != "close" {
		for k, w := range q.both {
			results[k] += "; " + w.fstat(fd[k])
		}
	}
	return call, results
}

// check compares the trees.
func (q *sequence) tree(w world, dir string, level int, b *strings.Builder) {
	names := w.list(dir)
	fmt.Fprintf(b, "%s: %s\n", dir, names)
	if level == 5 {
		return
	}
	for _, name := range strings.Fields(strings.Trim(names, "[]")) {
		p := dir + "/" + name
		st := w.stat(p, false)
		fmt.Fprintf(b, "%s %s\n", p, st)
		if strings.HasPrefix(st, "mode 4") {
			q.tree(w, p, level+1, b)
		}
	}
}

// seeds is how many sequences are tried.
func seeds() uint64 {
	if testing.Short() {
		return 10
	}
	return 60
}

// TestAgainstKernel makes the same random calls on a file system in memory and on the
// kernel, and compares results: as root, and as a user.
func TestAgainstKernel(t *testing.T) {
	for _, uid := range []int{0, 1000} {
		t.Run(fmt.Sprint("uid ", uid), func(t *testing.T) {
			if os.Geteuid() != 0 && uid != os.Geteuid() {
				t.Skip("needs root")
			}
			for seed := range seeds() {
				newSequence(t, seed, uid, NewMem(MemOptions{Mode: 0o755})).run(t, seed, 400)
			}
		})
	}
}

// TestHostAgainstKernel does the same with a directory of the host.
func TestHostAgainstKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for seed := range seeds() {
		dir, _ := nativeDir(t)
		fs, err := NewHost(dir, HostOptions{})
		if err != nil {
			t.Fatal(err)
		}
		q := newSequence(t, seed, 0, fs)
		q.noTemp = true
		q.run(t, seed, 400)
	}
}

// newSequence makes the two worlds: the kernel's, and one on what mk makes.
func newSequence(t *testing.T, seed uint64, uid int, fs *FS) *sequence {
	dir, sizes := nativeDir(t)
	deep := strings.Repeat("/e", depth)
	if err := os.MkdirAll(filepath.Join(dir, deep), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	ns := NewNamespace(fs, MountOptions{})
	c := &Caller{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Umask: 0o22}
	for i := 2; i <= len(deep); i += 2 {
		if e := c.Mkdir(c.Cwd, deep[:i], 0o777); e != 0 && e != syscall.EEXIST {
			t.Fatal(e)
		}
	}
	cwd, e := c.Walk(c.Cwd, deep, 0)
	if e != 0 {
		t.Fatal(e)
	}
	owner := uint32(uid)
	if e := c.Set(cwd, Change{UID: &owner, GID: &owner}, false); e != 0 {
		t.Fatal(e)
	}
	if err := os.Chown(filepath.Join(dir, deep), uid, uid); err != nil {
		t.Fatal(err)
	}
	c.Cwd, c.UID, c.GID = cwd, owner, owner
	fd, err := unix.Open(filepath.Join(dir, deep), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &sequence{
		rng: rand.New(rand.NewPCG(seed, 1)), both: [2]world{&kernel{fd, sizes}, &sandboxed{c: c, sizes: sizes, files: map[int]*File{}}},
	}
}

// nativeDir makes a directory of the host: in a tmpfs if there is one, so that sizes can
// be compared, too.
func nativeDir(t *testing.T) (dir string, sizes bool) {
	var s unix.Statfs_t
	if unix.Statfs("/dev/shm", &s) == nil && s.Type == tmpfsMagic {
		if dir, err := os.MkdirTemp("/dev/shm", "vfs"); err == nil {
			t.Cleanup(func() { os.RemoveAll(dir) })
			os.Chmod(dir, 0o755)
			return dir, true
		}
	}
	dir = t.TempDir()
	os.Chmod(filepath.Dir(dir), 0o755)
	os.Chmod(dir, 0o755)
	return dir, false
}

func (q *sequence) run(t *testing.T, seed uint64, steps int) {
	done := make(chan struct{})
	go func() { // on a thread of its own, whose user and working directory change
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			t.Error(err)
			return
		}
		k, s := q.both[0].(*kernel), q.both[1].(*sandboxed)
		if err := unix.Fchdir(k.dir); err != nil {
			t.Error(err)
			return
		}
		unix.Umask(int(s.c.Umask))
		if os.Geteuid() == 0 {
			_ = unix.Setfsgid(int(s.c.GID))
			_ = unix.Setfsuid(int(s.c.UID))
		}
		q.compare(t, seed, steps)
	}()
	<-done
}

func (q *sequence) compare(t *testing.T, seed uint64, steps int) {
	var history []string
	for range steps {
		call, r := q.step()
		history = append(history, fmt.Sprintf("%.100s = %.100s", call, r[0]))
		if r[0] != r[1] {
			t.Errorf("seed %d:\n%s\n%.100s\n  kernel: %.300s\n  vfs:    %.300s", seed, strings.Join(history[max(0, len(history)-12):], "\n"), call, r[0], r[1])
			return
		}
	}
	var trees [2]strings.Builder
	for i, w := range q.both {
		q.tree(w, ".", 0, &trees[i])
	}
	if a, b := trees[0].String(), trees[1].String(); a != b {
		t.Errorf("seed %d: the trees differ:\nkernel:\n%s\nvfs:\n%s", seed, a, b)
	}
	for _, fd := range q.fds {
		q.both[0].close(fd[0])
		q.both[1].close(fd[1])
	}
}
