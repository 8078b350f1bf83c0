//go:build linux

package vfs

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// TestMounts resolves names over several file systems.
func TestMounts(t *testing.T) {
	tmp, lib := NewMem(MemOptions{}), NewIO(fstest.MapFS{
		"lib/a.so":  {Data: []byte("library"), Mode: 0o755},
		"lib/empty": {},
	})
	ns := NewNamespace(nil, MountOptions{})
	for target, fs := range map[string]*FS{"/tmp": tmp, "/usr/share/deep": lib} {
		if err := ns.Mount(fs, target, MountOptions{ReadOnly: fs == lib}); err != nil {
			t.Fatal(err)
		}
	}
	c := callerOf(ns)
	if e := c.Symlink("/usr/share/deep/lib", c.Cwd, "/tmp/l"); e != 0 {
		t.Fatal(e)
	}
	for path, want := range map[string]string{
		"/usr/share/deep/lib/a.so":                          "library",
		"tmp/l/a.so":                                        "library",
		"/tmp/../usr/share/deep/lib/../lib/./a.so":          "library",
		"/usr/share/deep/../deep/../../share/deep/lib/a.so": "library",
		"/usr/share/deep/lib/empty":                         "",
	} {
		if got, e := contents(c, path); got != want || e != 0 {
			t.Errorf("%s: %q, %v", path, got, e)
		}
	}
	p, e := c.Walk(c.Cwd, "/tmp/l/../lib", 0)
	if e != 0 || c.Name(p) != "/usr/share/deep/lib" {
		t.Errorf("%s, %v", c.Name(p), e)
	}
	for what, test := range map[string]struct{ got, want Errno }{
		"rmdir of a mount point": {c.Rmdir(c.Cwd, "/tmp"), syscall.EROFS},
		"mkdir over one":         {c.Mkdir(c.Cwd, "/usr", 0), syscall.EEXIST},
		"mkdir in the root":      {c.Mkdir(c.Cwd, "/x", 0), syscall.EROFS},
		"mkdir in io/fs":         {c.Mkdir(c.Cwd, "/usr/share/deep/x", 0), syscall.EROFS},
		"rename across":          {c.Rename(c.Cwd, "/tmp/l", c.Cwd, "/usr/l", 0), syscall.EXDEV},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", what, test.got, test.want)
		}
	}
	if got := names(c, "/"); got != "[. .. tmp usr]" {
		t.Error(got)
	}
	if !strings.Contains(string(ns.Mounts()), "tmpfs /tmp tmpfs rw,nosuid,nodev 0 0\n") {
		t.Errorf("%s", ns.Mounts())
	}
}

// TestMountPoint tries to change a directory that exists only for something to be mounted
// in it.
func TestMountPoint(t *testing.T) {
	ns := NewNamespace(NewMem(MemOptions{}), MountOptions{})
	if err := ns.Mount(NewMem(MemOptions{}), "/a/b", MountOptions{}); err != nil {
		t.Fatal(err)
	}
	c := callerOf(ns)
	f, e := c.Open(c.Cwd, "f", OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600})
	if e != 0 {
		t.Fatal(e)
	}
	for what, test := range map[string]struct{ got, want Errno }{
		"rename into it":   {c.Rename(c.Cwd, "f", c.Cwd, "a/f", 0), syscall.EROFS},
		"rename it":        {c.Rename(c.Cwd, "a", c.Cwd, "c", 0), syscall.EBUSY},
		"rename over it":   {c.Rename(c.Cwd, "f", c.Cwd, "a", 0), syscall.EISDIR},
		"exchange with it": {c.Rename(c.Cwd, "f", c.Cwd, "a", RenameExchange), syscall.EBUSY},
		"link into it":     {c.Link(f.Path, c.Cwd, "a/f"), syscall.EROFS},
		"create in it":     {c.Mkdir(c.Cwd, "a/d", 0o700), syscall.EROFS},
		"remove it":        {c.Rmdir(c.Cwd, "a"), syscall.EBUSY},
		"remove the mount": {c.Rmdir(c.Cwd, "a/b"), syscall.EBUSY},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", what, test.got, test.want)
		}
	}
}

// names lists a directory.
func names(c *Caller, path string) string {
	f, e := c.Open(c.Cwd, path, OpenHow{Flags: O_DIRECTORY})
	if e != 0 {
		return e.Error()
	}
	defer f.Unref()
	var list []string
	f.ReadDir(c, func(d *Dirent, _ int64) bool { list = append(list, d.Name); return true })
	return fmt.Sprint(list)
}

// TestResolve is openat2(2)'s flags.
func TestResolve(t *testing.T) {
	fs, tmp := NewMem(MemOptions{}), NewMem(MemOptions{})
	ns := NewNamespace(fs, MountOptions{})
	c := callerOf(ns)
	c.Mkdir(c.Cwd, "d", 0o755)
	c.Mkdir(c.Cwd, "d/e", 0o755)
	c.Mkdir(c.Cwd, "m", 0o755)
	c.Symlink("/d/e", c.Cwd, "d/abs")
	c.Symlink("e", c.Cwd, "d/rel")
	c.Symlink("../d", c.Cwd, "d/up")
	if err := ns.Mount(tmp, "/d/m", MountOptions{}); err != nil {
		t.Fatal(err)
	}
	d, _ := c.Walk(c.Cwd, "d", 0)
	for _, test := range []struct {
		path  string
		flags WalkFlags
		want  Errno
	}{
		{"rel", ResolveBeneath, 0},
		{"e/..", ResolveBeneath, 0},
		{"e/../..", ResolveBeneath, syscall.EXDEV},
		{"abs", ResolveBeneath, syscall.EXDEV},
		{"/", ResolveBeneath, syscall.EXDEV},
		{"up", ResolveBeneath, syscall.EXDEV},
		{"abs", ResolveInRoot, syscall.ENOENT},
		{"../../e", ResolveInRoot, 0},
		{"/e", ResolveInRoot, 0},
		{"rel", ResolveNoSymlinks, syscall.ELOOP},
		{"e", ResolveNoSymlinks, 0},
		{"m", ResolveNoXdev, syscall.EXDEV},
		{"m", 0, 0},
		{"m/..", 0, 0},
	} {
		if _, e := c.Walk(d, test.path, test.flags|Follow); e != test.want {
			t.Errorf("%s with %#x: %v, want %v", test.path, test.flags, e, test.want)
		}
	}
}

// TestWorkingDirectory follows a directory through renames to its removal.
func TestWorkingDirectory(t *testing.T) {
	ns := NewNamespace(NewMem(MemOptions{}), MountOptions{})
	c := callerOf(ns)
	c.Mkdir(c.Cwd, "a", 0o755)
	c.Mkdir(c.Cwd, "a/b", 0o755)
	top := c.Cwd
	c.Cwd, _ = c.Walk(top, "a/b", 0)
	check := func(want string, wantErrno Errno) {
		t.Helper()
		if got, e := c.Getcwd(); got != want || e != wantErrno {
			t.Errorf("%q, %v; want %q, %v", got, e, want, wantErrno)
		}
	}
	check("/a/b", 0)
	c.Rename(top, "a", top, "x", 0)
	check("/x/b", 0)
	c.Mkdir(top, "y", 0o755)
	c.Rename(top, "x/b", top, "y", RenameExchange)
	check("/y", 0)
	root := c.Root
	c.Root, _ = c.Walk(top, "/x", 0)
	check("(unreachable)/y", 0)
	c.Root = root
	c.Rmdir(top, "y")
	check("", syscall.ENOENT)
	if _, e := c.Open(c.Cwd, "f", OpenHow{Flags: O_CREAT | O_RDWR}); e != syscall.ENOENT {
		t.Error(e)
	}
	if e := c.Mkdir(c.Cwd, "d", 0o755); e != syscall.ENOENT {
		t.Error(e)
	}
	if p, e := c.Walk(c.Cwd, "..", 0); e != 0 || c.Name(p) != "/" {
		t.Error(c.Name(p), e)
	}
}

// TestMemLimit fills a file system in memory, and empties it.
func TestMemLimit(t *testing.T) {
	fs := NewMem(MemOptions{Size: 10 * pageSize})
	c := callerOf(NewNamespace(fs, MountOptions{}))
	open := func(name string) *File {
		t.Helper()
		f, e := c.Open(c.Cwd, name, OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600})
		if e != 0 {
			t.Fatal(e)
		}
		return f
	}
	f, g := open("f"), open("g")
	if n, e := f.Write(make([]byte, 12*pageSize)); n != 10*pageSize || e != 0 {
		t.Errorf("%d, %v", n, e)
	}
	if n, e := g.Write([]byte{1}); n != 0 || e != syscall.ENOSPC {
		t.Errorf("%d, %v", n, e)
	}
	c.Unlink(c.Cwd, "f")
	if _, e := g.Write([]byte{1}); e != syscall.ENOSPC {
		t.Error("an open file has lost its bytes")
	}
	if _, e := f.MapFD(); e != 0 {
		t.Error(e)
	}
	f.Unref()
	if _, e := g.Write([]byte{1}); e != 0 {
		t.Error(e)
	}
	if e := g.Allocate(0, 0, 11*pageSize); e != syscall.ENOSPC {
		t.Error(e)
	}
	if s := c.Root.Statfs(); s.Bfree != 9 || s.Blocks != 10 {
		t.Errorf("%+v", s)
	}
	for i := 0; ; i++ { // names take room, too
		if e := c.Link(g.Path, c.Cwd, fmt.Sprint("l", i)); e != 0 {
			if e != syscall.ENOSPC || i < 40 {
				t.Errorf("link %d: %v", i, e)
			}
			for i > 0 {
				i--
				c.Unlink(c.Cwd, fmt.Sprint("l", i))
			}
			break
		}
	}
	for i := range 100 {
		if _, e := c.Open(c.Cwd, fmt.Sprint("n", i), OpenHow{Flags: O_CREAT | O_RDWR}); e != 0 {
			if e != syscall.ENOSPC || i < 40 {
				t.Errorf("file %d: %v", i, e)
			}
			return
		}
	}
	t.Error("no limit on files")
}

// TestMappedFile keeps the bytes of a file the same when it gets mapped.
func TestMappedFile(t *testing.T) {
	fs := NewMem(MemOptions{Size: 100 * pageSize})
	c := callerOf(NewNamespace(fs, MountOptions{}))
	f, _ := c.Open(c.Cwd, "f", OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600})
	text := strings.Repeat("0123456789", 1000)
	f.Pwrite([]byte(text), 5000)
	before := descriptors(t)
	if _, e := f.MapFD(); e != 0 {
		t.Fatal(e)
	}
	b := make([]byte, 20000)
	n, e := f.Pread(b, 0)
	if want := strings.Repeat("\x00", 5000) + text; string(b[:n]) != want || e != 0 {
		t.Errorf("%d bytes, %v", n, e)
	}
	f.Truncate(c, 6000)
	f.Pwrite([]byte("x"), 6001)
	if a, _ := f.Attr(); a.Size != 6002 {
		t.Errorf("size %d", a.Size)
	}
	if n, e := f.Write(make([]byte, 200*pageSize)); n != 0 || e != syscall.ENOSPC {
		t.Errorf("%d, %v", n, e)
	}
	fs.Close()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// TestDev reads and writes devices.
func TestDev(t *testing.T) {
	ns := NewNamespace(NewDev(func(b []byte) Errno {
		for i := range b {
			b[i] = 'r'
		}
		return 0
	}, time.Time{}), MountOptions{})
	c := callerOf(ns)
	for _, test := range []struct {
		name, read   string
		read0, wrote Errno
	}{
		{"null", "", 0, 0}, {"zero", "\x00\x00\x00", 0, 0}, {"full", "\x00\x00\x00", 0, syscall.ENOSPC}, {"urandom", "rrr", 0, 0},
	} {
		f, e := c.Open(c.Cwd, test.name, OpenHow{Flags: O_RDWR | O_TRUNC | O_CREAT})
		if e != 0 {
			t.Fatal(test.name, e)
		}
		b := make([]byte, 3)
		n, e := f.Read(b)
		if string(b[:n]) != test.read || e != test.read0 {
			t.Errorf("%s: %q, %v", test.name, b[:n], e)
		}
		if _, e := f.Write(b); e != test.wrote {
			t.Errorf("%s: %v", test.name, e)
		}
	}
	if _, e := c.Open(c.Cwd, "tty", OpenHow{}); e != syscall.ENXIO {
		t.Error(e)
	}
}

// fakeProcess is a process with one descriptor.
type fakeProcess struct{ file *File }

func (fakeProcess) Pid() int       { return 7 }
func (fakeProcess) Threads() []int { return []int{7, 8} }
func (fakeProcess) Text(tid int, name string) ([]byte, Errno) {
	return fmt.Appendf(nil, "%s of %d\n", name, tid), 0
}
func (fakeProcess) SetComm(int, []byte) Errno  { return 0 }
func (p fakeProcess) Exe() (Path, Errno)       { return p.file.Path, 0 }
func (p fakeProcess) Cwd() (Path, Errno)       { return Path{}, syscall.ENOENT }
func (p fakeProcess) Root() (Path, Errno)      { return Path{}, syscall.ENOENT }
func (p fakeProcess) FDs() []int               { return []int{3} }
func (p fakeProcess) File(fd int) *File        { return p.file.Ref() }
func (p fakeProcess) Owner() (uid, gid uint32) { return 0, 0 }

type fakeProcesses struct{ p fakeProcess }

func (fakeProcesses) Pids() []int { return []int{7} }
func (f *fakeProcesses) Process(id int) Process {
	if id == 7 || id == 8 {
		return f.p
	}
	return nil
}
func (fakeProcesses) System(name string) []byte { return []byte(name + "\n") }

// TestProc reads what /proc makes of a process.
func TestProc(t *testing.T) {
	src := &fakeProcesses{}
	ns := NewNamespace(NewMem(MemOptions{}), MountOptions{})
	if err := ns.Mount(NewProc(src, time.Time{}), "/proc", MountOptions{}); err != nil {
		t.Fatal(err)
	}
	c := callerOf(ns)
	f, _ := c.Open(c.Cwd, "file", OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600})
	f.Write([]byte("data"))
	src.p.file = f
	for path, want := range map[string]string{
		"/proc/self/status":            "status of 7\n",
		"/proc/thread-self/stat":       "stat of 8\n",
		"/proc/7/task/8/comm":          "comm of 8\n",
		"/proc/8/comm":                 "comm of 7\n",
		"/proc/sys/kernel/random/uuid": "sys/kernel/random/uuid\n",
		"/proc/mounts":                 "tmpfs / tmpfs rw,nosuid,nodev 0 0\nproc /proc proc rw,nosuid,nodev 0 0\n",
		"/proc/self/fd/3":              "data",
		"/proc/self/exe":               "data",
		"/proc/self/fdinfo/3":          fmt.Sprintf("pos:\t4\nflags:\t02\nmnt_id:\t1\nino:\t%d\n", f.Path.Node().Ino()),
	} {
		if got, e := contents(c, path); got != want || e != 0 {
			t.Errorf("%s: %q, %v", path, got, e)
		}
	}
	for path, want := range map[string]Errno{
		"/proc/9": syscall.ENOENT, "/proc/self/fd/4": syscall.ENOENT, "/proc/07": syscall.ENOENT, "/proc/self/cwd": syscall.ENOENT,
		"/proc/7/task/9": syscall.ENOENT, "/proc/self/fd/3/x": syscall.ENOTDIR,
	} {
		if _, e := contents(c, path); e != want {
			t.Errorf("%s: %v, want %v", path, e, want)
		}
	}
	if _, e := c.Open(c.Cwd, "/proc/self/fd/3", OpenHow{Resolve: ResolveNoMagiclinks}); e != syscall.ELOOP {
		t.Error(e)
	}
	c.Unlink(c.Cwd, "file")
	p, _ := c.Walk(c.Cwd, "/proc/self/fd/3", 0)
	if target, e := c.Readlink(p); target != "/file (deleted)" || e != 0 {
		t.Errorf("%q, %v", target, e)
	}
	if got := names(c, "/proc/self/task"); got != "[. .. 7 8]" {
		t.Error(got)
	}
}

// TestPipe fills and drains a pipe.
func TestPipe(t *testing.T) {
	var p Pipe
	r, w := p.Open(O_RDONLY), p.Open(O_WRONLY)
	check := func(what string, n int, e Errno, wantN int, wantErrno Errno) {
		t.Helper()
		if n != wantN || e != wantErrno {
			t.Errorf("%s: %d, %v; want %d, %v", what, n, e, wantN, wantErrno)
		}
	}
	b := make([]byte, 100000)
	n, e := r.Read(b, 0)
	check("empty", n, e, 0, syscall.EAGAIN)
	n, e = w.Write(b[:65530], 0)
	check("much", n, e, 65530, 0)
	n, e = w.Write(b[:10], 0)
	check("in one piece", n, e, 0, syscall.EAGAIN)
	n, e = w.Write(b[:5000], 0)
	check("in pieces", n, e, 6, 0)
	if got := w.Poll(); got != 0 {
		t.Errorf("full: %#x", got)
	}
	n, e = r.Read(b[:50000], 0)
	check("read", n, e, 50000, 0)
	for i := range 100 { // around the ring
		n, e = w.Write([]byte(strings.Repeat(string(rune('a'+i%26)), 4000)), 0)
		check("write", n, e, 4000, 0)
		for n := 0; n < 4000; {
			k, e := r.Read(b[:4000-n], 0)
			if e != 0 {
				t.Fatal(e)
			}
			n += k
		}
	}
	if got := r.Buffered(); got != 65536-50000 {
		t.Errorf("%d bytes", got)
	}
	w.Close()
	if got := r.Poll(); got != POLLIN|POLLHUP {
		t.Errorf("%#x", got)
	}
	r.Read(b, 0)
	n, e = r.Read(b, 0)
	check("end", n, e, 0, 0)
	w = p.Open(O_WRONLY)
	r.Close()
	n, e = w.Write(b, 0)
	check("nobody reads", n, e, 0, syscall.EPIPE)
}

// TestLocks splits and joins ranges.
func TestLocks(t *testing.T) {
	c := callerOf(NewNamespace(NewMem(MemOptions{}), MountOptions{}))
	open := func() *File {
		f, e := c.Open(c.Cwd, "f", OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600})
		if e != 0 {
			t.Fatal(e)
		}
		return f
	}
	f, g := open(), open()
	set := func(owner string, typ int16, start, end int64, want Errno) {
		t.Helper()
		if e := f.SetLock(Lock{Type: typ, Start: start, End: end, Owner: owner}); e != want {
			t.Errorf("%s %d [%d, %d): %v, want %v", owner, typ, start, end, e, want)
		}
	}
	set("a", F_WRLCK, 0, 100, 0)
	set("b", F_RDLCK, 50, 60, syscall.EAGAIN)
	set("a", F_UNLCK, 40, 70, 0)
	set("b", F_RDLCK, 40, 70, 0)
	set("b", F_RDLCK, 39, 70, syscall.EAGAIN)
	set("a", F_RDLCK, 0, 100, 0)
	set("c", F_RDLCK, 0, 100, 0)
	set("c", F_WRLCK, 0, 100, syscall.EAGAIN)
	if l, ok := f.GetLock(Lock{Type: F_WRLCK, Start: 99, End: 100, Owner: "b"}); !ok || l.Owner != "a" || l.Start != 0 || l.End != 100 {
		t.Errorf("%+v", l)
	}
	f.Unlock("a")
	f.Unlock("b")
	set("c", F_WRLCK, 0, 100, 0)
	for _, test := range []struct {
		f    *File
		op   int
		want Errno
	}{
		{f, LOCK_SH, 0}, {g, LOCK_SH, 0}, {f, LOCK_EX, syscall.EAGAIN}, {g, LOCK_EX, 0}, {f, LOCK_SH, syscall.EAGAIN}, {g, LOCK_UN, 0}, {f, LOCK_EX, 0},
	} {
		if e := test.f.Flock(test.op); e != test.want {
			t.Errorf("flock %d: %v, want %v", test.op, e, test.want)
		}
	}
	f.Unref()
	if e := g.Flock(LOCK_EX); e != 0 {
		t.Error(e)
	}
}
