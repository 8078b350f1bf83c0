//go:build linux && amd64

package linux

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// testTree makes a tree of testRoot's directory, with a directory and a file of the
// host, /proc, and links that try to get out.
func testTree(t *testing.T) (tree *Tree, host string) {
	t.Helper()
	root, host := testRoot(t).Dir, t.TempDir()
	for name, target := range map[string]string{
		"out": "/../../../../etc", "etc/proc": "/proc/self/root", "only-here/far": "../../../../../../../etc/hostname",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{filepath.Join(host, "sub"), filepath.Join(root, "mnt/host")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(host, "resolv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(host, "link")); err != nil {
		t.Fatal(err)
	}
	return &Tree{root, []Bind{{procDir, procDir}, {host, "/mnt/host"}, {host + "/resolv", "/etc/resolv.conf"}}}, host
}

func TestTreeResolve(t *testing.T) {
	tree, host := testTree(t)
	in := func(name string) string { return tree.Dir + name }
	self, err := os.Readlink("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	self = procDir + "/" + self
	parent := procDir + "/" + strconv.Itoa(os.Getppid())
	outside, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	fd := "/fd/" + filepath.Base(fdName(int(outside.Fd())))
	for _, c := range []struct{ name, follow, link string }{
		{"/", tree.Dir, tree.Dir},
		{"/..", tree.Dir, tree.Dir},
		{"/etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/etc/shadow", in("/etc/shadow"), in("/etc/shadow")}, // the host's is not seen
		{"/tmp/x", in("/tmp/x"), in("/tmp/x")},
		{"/bin/sh", in("/bin/sh"), in("/bin/sh")},
		{"/lib/libc.so", in("/usr/lib/libc.so"), in("/usr/lib/libc.so")},
		{"/usr/bin/vi", in("/usr/bin/vim.basic"), in("/usr/bin/vi")},
		{"/usr/../var-run/../x/pid", in("/run/x/pid"), in("/run/x/pid")},
		{"/up", in("/etc/passwd"), in("/up")},
		{"/out", in("/etc"), in("/out")},
		{"/out/", in("/etc") + "/", in("/etc") + "/"},
		{"/out/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/only-here/far", in("/etc/hostname"), in("/only-here/far")},
		{"/dangling", in("/only-here/new"), in("/dangling")},
		{"/loop", nowhere, in("/loop")},
		{"/etc/passwd/..", in("/etc/passwd") + "/.", in("/etc/passwd") + "/."},
		{"/none/../etc", in("/none") + "/.", in("/none") + "/."},
		{"/proc/self/stat", self + "/stat", self + "/stat"},
		{"/etc/self", self + "/stat", in("/etc/self")},
		{"/etc/mtab", self + "/mounts", in("/etc/mtab")},
		{"/proc/self/root", tree.Dir, self + "/root"},
		{"/proc/self/root/etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{parent + "/root/etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/etc/proc/etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/proc/self" + fd, self + fd, self + fd},
		{"/proc/self" + fd + "/passwd", nowhere, nowhere},
		{"/proc/../proc/self/ns/mnt", self + "/ns/mnt", self + "/ns/mnt"},
		{"/mnt/host", host, host},
		{"/mnt/host/../../etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/mnt/host/sub/../link", in("/etc/passwd"), host + "/link"},
		{"/etc/resolv.conf", host + "/resolv", host + "/resolv"},
		{"/out/resolv.conf", host + "/resolv", host + "/resolv"},
	} {
		if got := tree.resolve("/", c.name, true); got != c.follow {
			t.Errorf("resolve(%q, true) = %q, want %q", c.name, got, c.follow)
		}
		if got := tree.resolve("/", c.name, false); got != c.link {
			t.Errorf("resolve(%q, false) = %q, want %q", c.name, got, c.link)
		}
	}
}

func TestTreeRelative(t *testing.T) {
	tree, host := testTree(t)
	open := func(dir string) int {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	etc, bound, outside := open(tree.Dir+"/etc"), open(host), open("/etc")
	for _, c := range []struct {
		dirfd      int
		name, want string
	}{
		{etc, "passwd", "passwd"},
		{etc, "resolv.conf", host + "/resolv"},
		{etc, "../../../etc/passwd", tree.Dir + "/etc/passwd"},
		{etc, "proc", tree.Dir},
		{bound, "..", tree.Dir + "/mnt"},
		{bound, "link", tree.Dir + "/etc/passwd"},
		{outside, "passwd", "passwd"},
		{outside, "..", nowhere},
		{outside, "../bin/sh", nowhere},
		{outside, "", ""},
	} {
		if got := tree.relative(c.dirfd, c.name, true); got != c.want {
			t.Errorf("relative(%s, %q) = %q, want %q", fdPath(c.dirfd), c.name, got, c.want)
		}
	}
}

func TestTreeNames(t *testing.T) {
	tree := &Tree{"/srv/root", []Bind{{"/proc", "/proc"}, {"/srv/root/a", "/b"}, {"/home/u", "/work"}}}
	for host, want := range map[string]string{
		"/srv/root": "/", "/srv/root/etc": "/etc", "/srv/root2": "(unreachable)/srv/root2", "/proc/1": "/proc/1",
		"/srv/root/a/x": "/b/x", "/home/u": "/work", "/home/u/x": "/work/x", "/home": "(unreachable)/home",
	} {
		if got := tree.name(host); got != want {
			t.Errorf("name(%q) = %q, want %q", host, got, want)
		}
	}
}
