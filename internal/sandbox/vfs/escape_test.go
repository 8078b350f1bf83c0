//go:build linux

package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostTree makes a directory of the host with something beside it that nobody inside may
// see, and a caller whose root is the directory.
func hostTree(t *testing.T, o HostOptions) (c *Caller, inside, outside string) {
	t.Helper()
	top := t.TempDir()
	inside, outside = filepath.Join(top, "in"), filepath.Join(top, "out")
	for _, dir := range []string{inside, outside, filepath.Join(inside, "etc"), filepath.Join(inside, "dir")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(outside, "secret"), "secret")
	write(t, filepath.Join(inside, "etc", "name"), "inside")
	fsys, err := NewHost(inside, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return callerOf(NewNamespace(fsys, MountOptions{})), inside, outside
}

// callerOf is root in a namespace.
func callerOf(ns *Namespace) *Caller {
	return &Caller{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Umask: 0o22, PID: 7, TID: 8}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// contents reads a file of a namespace.
func contents(c *Caller, path string) (string, Errno) {
	f, e := c.Open(c.Cwd, path, OpenHow{})
	if e != 0 {
		return "", e
	}
	defer f.Unref()
	var all []byte
	b := make([]byte, 1000)
	for {
		n, e := f.Read(b)
		if e != 0 || n == 0 {
			return string(all), e
		}
		all = append(all, b[:n]...)
	}
}

// TestHostLinks has links of the host resolved in the guest's namespace.
func TestHostLinks(t *testing.T) {
	c, inside, outside := hostTree(t, HostOptions{})
	for name, target := range map[string]string{
		"absolute": "/etc/name", "up": "../../../../../../../../etc/name", "out": filepath.Join(outside, "secret"),
		"dirout": "../out", "passwd": "/etc/passwd", "loop": "loop", "pr": "/proc/self/root/etc/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(inside, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path, want string
		e          Errno
	}{
		{"absolute", "inside", 0},
		{"up", "inside", 0},
		{"dir/../../../etc/name", "inside", 0},
		{"out", "", syscall.ENOENT},
		{"dirout/secret", "", syscall.ENOENT},
		{"../out/secret", "", syscall.ENOENT},
		{"passwd", "", syscall.ENOENT},
		{"pr", "", syscall.ENOENT},
		{"loop", "", syscall.ELOOP},
		{outside + "/secret", "", syscall.ENOENT},
	} {
		if got, e := contents(c, test.path); got != test.want || e != test.e {
			t.Errorf("%s: %q, %v; want %q, %v", test.path, got, e, test.want, test.e)
		}
	}
}

// TestHostChangesLinks makes changes through links that lead out.
func TestHostChangesLinks(t *testing.T) {
	c, inside, outside := hostTree(t, HostOptions{})
	secret := filepath.Join(outside, "secret")
	if err := os.Symlink(secret, filepath.Join(inside, "l")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(inside, "d")); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(secret)
	if err != nil {
		t.Fatal(err)
	}
	p, e := c.Walk(c.Cwd, "l", 0)
	if e != 0 {
		t.Fatal(e)
	}
	mode, size, now := uint32(0o777), int64(0), time.Now().Add(time.Hour)
	c.Set(p, Change{Mode: &mode}, false)
	c.Set(p, Change{Atime: &now, Mtime: &now}, false)
	p.Node().SetAttr(&Change{Size: &size})
	c.Truncate(c.Cwd, "l", 0)
	c.Open(c.Cwd, "l", OpenHow{Flags: O_WRONLY | O_TRUNC})
	c.Open(c.Cwd, "d/new", OpenHow{Flags: O_WRONLY | O_CREAT, Mode: 0o644})
	c.Mkdir(c.Cwd, "d/dir", 0o777)
	c.Unlink(c.Cwd, "d/secret")
	c.Rename(c.Cwd, "etc/name", c.Cwd, "d/name", 0)
	c.Rename(c.Cwd, "d/secret", c.Cwd, "stolen", 0)
	after, err := os.Stat(secret)
	if err != nil || after.Mode() != before.Mode() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file outside has changed: %v, %v", after, err)
	}
	if list, _ := os.ReadDir(outside); len(list) != 1 {
		t.Errorf("files outside: %v", list)
	}
}

// TestHostRace has somebody of the host swap a directory and a link that leads out, while
// names below are used. Whatever a call does, it does inside.
func TestHostRace(t *testing.T) {
	c, inside, outside := hostTree(t, HostOptions{})
	write(t, filepath.Join(inside, "dir", "secret"), "inside")
	link, dir := filepath.Join(inside, "link"), filepath.Join(inside, "dir")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	})
	seen := map[string]int{}
	for i := range 20000 {
		got, e := contents(c, "dir/secret")
		seen[fmt.Sprint(got, e != 0)]++
		if got == "secret" {
			t.Fatal("the file outside was read")
		}
		name := fmt.Sprint("dir/f", i%10)
		if f, e := c.Open(c.Cwd, name, OpenHow{Flags: O_WRONLY | O_CREAT, Mode: 0o644}); e == 0 {
			f.Write([]byte("x"))
			f.Unref()
		}
		c.Rename(c.Cwd, name, c.Cwd, "dir/g", 0)
		c.Unlink(c.Cwd, "dir/g")
	}
	close(stop)
	wg.Wait()
	if seen["insidefalse"] == 0 || len(seen) < 2 {
		t.Errorf("no race has happened: %v", seen)
	}
	if list, _ := os.ReadDir(outside); len(list) != 1 || list[0].Name() != "secret" {
		t.Errorf("files outside: %v", list)
	}
}

// TestHostByStep is the way for kernels without openat2, and for long paths.
func TestHostByStep(t *testing.T) {
	c, inside, _ := hostTree(t, HostOptions{})
	h := c.Root.Node().(*hostNode).fs
	if err := os.Symlink("etc", filepath.Join(inside, "l")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path string
		e    Errno
	}{{"etc/name", 0}, {"etc", 0}, {"l/name", syscall.ENOTDIR}, {"none/x", syscall.ENOENT}} {
		fd, e := h.openByStep(test.path, unix.O_PATH)
		if e != test.e {
			t.Errorf("%s: %v, want %v", test.path, e, test.e)
		}
		if e == 0 {
			unix.Close(fd)
		}
	}
	name := strings.Repeat("n", 200)
	dir := c.Cwd
	for range 30 { // longer than a path may be
		if e := c.Mkdir(dir, name, 0o755); e != 0 {
			t.Fatal(e)
		}
		next, e := c.Walk(dir, name, 0)
		if e != 0 {
			t.Fatal(e)
		}
		dir = next
	}
	if _, e := c.Open(dir, "file", OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600}); e != 0 {
		t.Error(e)
	}
}

// TestHostReadOnly tries all changes of a read-only directory.
func TestHostReadOnly(t *testing.T) {
	c, _, _ := hostTree(t, HostOptions{ReadOnly: true})
	mode, size := uint32(0o777), int64(0)
	p, _ := c.Walk(c.Cwd, "etc/name", 0)
	_, open := c.Open(c.Cwd, "etc/name", OpenHow{Flags: O_RDWR})
	_, create := c.Open(c.Cwd, "new", OpenHow{Flags: O_RDWR | O_CREAT})
	for name, e := range map[string]Errno{
		"open": open, "create": create, "mkdir": c.Mkdir(c.Cwd, "x", 0), "unlink": c.Unlink(c.Cwd, "etc/name"),
		"rmdir": c.Rmdir(c.Cwd, "dir"), "rename": c.Rename(c.Cwd, "dir", c.Cwd, "d", 0), "link": c.Link(p, c.Cwd, "x"),
		"symlink": c.Symlink("x", c.Cwd, "y"), "chmod": c.Set(p, Change{Mode: &mode}, false),
		"truncate": p.Node().SetAttr(&Change{Size: &size}),
	} {
		if e != syscall.EROFS {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// TestHostDevices refuses to open what is no regular file of the host's.
func TestHostDevices(t *testing.T) {
	c, inside, _ := hostTree(t, HostOptions{})
	if err := unix.Mknod(filepath.Join(inside, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skip(err)
	}
	if _, e := c.Open(c.Cwd, "null", OpenHow{Flags: O_RDWR}); e != syscall.EACCES {
		t.Error(e)
	}
	if e := c.Mknod(c.Cwd, "dev", S_IFCHR|0o666, Mkdev(1, 3)); e != syscall.EPERM {
		t.Error(e)
	}
}

// TestHostSetID keeps set-id bits and owners from the host.
func TestHostSetID(t *testing.T) {
	c, inside, _ := hostTree(t, HostOptions{})
	if _, e := c.Open(c.Cwd, "program", OpenHow{Flags: O_CREAT | O_WRONLY, Mode: 0o6755}); e != 0 {
		t.Fatal(e)
	}
	p, e := c.Walk(c.Cwd, "program", 0)
	if e != 0 {
		t.Fatal(e)
	}
	uid, gid, mode := uint32(5), uint32(6), uint32(0o6711)
	if e := c.Set(p, Change{UID: &uid, GID: &gid}, false); e != 0 {
		t.Fatal(e)
	}
	if e := c.Set(p, Change{Mode: &mode}, false); e != 0 {
		t.Fatal(e)
	}
	a, _ := p.Attr()
	if a.Mode != S_IFREG|0o6711 || a.UID != 5 || a.GID != 6 {
		t.Errorf("the guest sees %o %d:%d", a.Mode, a.UID, a.GID)
	}
	info, err := os.Stat(filepath.Join(inside, "program"))
	if err != nil || info.Mode() != 0o711 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		t.Errorf("the host sees %v, %v", info.Mode(), err)
	}
}

// TestHostLeaksNothing counts descriptors.
func TestHostLeaksNothing(t *testing.T) {
	before := descriptors(t)
	dir := t.TempDir()
	fsys, err := NewHost(dir, HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := callerOf(NewNamespace(fsys, MountOptions{}))
	for i := range 20 {
		name := fmt.Sprint(i)
		f, e := c.Open(c.Cwd, name, OpenHow{Flags: O_CREAT | O_RDWR, Mode: 0o600})
		if e != 0 {
			t.Fatal(e)
		}
		path, e := c.Open(c.Cwd, name, OpenHow{Flags: O_PATH})
		if e != 0 {
			t.Fatal(e)
		}
		d, e := c.Open(c.Cwd, ".", OpenHow{})
		if e != 0 {
			t.Fatal(e)
		}
		c.Unlink(c.Cwd, name)
		for _, f := range []*File{f, path, d} {
			f.Unref()
		}
	}
	if n := len(fsys.root.node.(*hostNode).fs.inodes); n != 0 {
		t.Errorf("%d inodes are kept", n)
	}
	fsys.Close()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	return len(list)
}
