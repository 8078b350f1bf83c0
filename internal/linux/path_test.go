//go:build linux && amd64

package linux

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// testRoot makes a sysroot with links of all sorts.
func testRoot(t *testing.T) Sysroot {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"bin", "usr/bin", "usr/lib", "run/x", "only-here", "etc/alternatives", "proc", "deep/er"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"usr/bin/vim.basic", "usr/lib/libc.so", "run/x/pid", "etc/passwd", "proc/fake", "deep/er/file"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"lib":                  "usr/lib",                // relative, in the middle of paths
		"var-run":              "/run/x",                 // absolute, in the middle of paths
		"usr/bin/vi":           "/etc/alternatives/vi",   // absolute, last
		"etc/alternatives/vi":  "/usr/bin/vim.basic",     //
		"etc/mtab":             "../proc/self/mounts",    // to what is always the host's
		"etc/self":             "/proc/self/stat",        //
		"loop":                 "/loop",                  //
		"up":                   "../../../../etc/passwd", // above the root
		"dangling":             "/only-here/new",
		"only-here/to-passwd":  "/etc/passwd",
		"only-here/to-sibling": "sibling",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return NewSysroot(dir)
}

func TestSysrootHost(t *testing.T) {
	root := testRoot(t)
	in := func(name string) string { return root.Dir + name }
	for _, c := range []struct{ name, follow, link string }{
		{"/etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/", root.Dir, root.Dir},
		{"/lib/libc.so", in("/usr/lib/libc.so"), in("/usr/lib/libc.so")},
		{"/var-run/pid", in("/run/x/pid"), in("/run/x/pid")},
		{"/usr/bin/vi", in("/usr/bin/vim.basic"), in("/usr/bin/vi")},
		{"/up", in("/etc/passwd"), in("/up")},
		{"/../../etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{"/usr/../var-run/../x/pid", in("/run/x/pid"), in("/run/x/pid")},
		{"/etc/mtab", "/proc/self/mounts", in("/etc/mtab")},
		{"/etc/self", "/proc/self/stat", in("/etc/self")},
		{"/proc/fake", "/proc/fake", "/proc/fake"},
		{"/dev/../proc/fake", "/dev/../proc/fake", "/dev/../proc/fake"},
		{"/nowhere/at/all", "/nowhere/at/all", "/nowhere/at/all"},
		{"/etc/not-in-the-sysroot", "/etc/not-in-the-sysroot", "/etc/not-in-the-sysroot"},
		{"/only-here/new", in("/only-here/new"), in("/only-here/new")},
		{"/dangling", in("/only-here/new"), in("/dangling")},
		{"/loop", "/loop", in("/loop")},
		{"/var-run/", in("/run/x"), in("/run/x")},
		{in("/etc/passwd"), in("/etc/passwd"), in("/etc/passwd")},
		{"relative", "relative", "relative"},
	} {
		if got := root.Host(c.name); got != c.follow {
			t.Errorf("Host(%q) = %q, want %q", c.name, got, c.follow)
		}
		if got := root.resolve(c.name, false); got != c.link {
			t.Errorf("resolve(%q, false) = %q, want %q", c.name, got, c.link)
		}
	}
}

func TestSysrootRelative(t *testing.T) {
	root := testRoot(t)
	in := func(name string) string { return root.Dir + name }
	open := func(dir string) int {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	top, here, outside := open(root.Dir), open(in("/only-here")), open("/")
	for _, c := range []struct {
		dirfd        int
		name         string
		follow, link string
	}{
		{top, "etc", "etc", "etc"},
		{top, "..", root.Dir, root.Dir},
		{top, "../etc/passwd", in("/etc/passwd"), in("/etc/passwd")},
		{top, "var-run/pid", in("/run/x/pid"), in("/run/x/pid")},
		{top, "var-run/new", in("/run/x/new"), in("/run/x/new")},
		{top, "new", "new", "new"},
		{here, "to-passwd", in("/etc/passwd"), "to-passwd"},
		{here, "../etc/self", "/proc/self/stat", in("/etc/self")},
		{here, "", "", ""},
		{outside, "etc/..", "etc/..", "etc/.."},
	} {
		if got := root.relative(c.dirfd, c.name, true); got != c.follow {
			t.Errorf("relative(%s, %q, true) = %q, want %q", fdPath(c.dirfd), c.name, got, c.follow)
		}
		if got := root.relative(c.dirfd, c.name, false); got != c.link {
			t.Errorf("relative(%s, %q, false) = %q, want %q", fdPath(c.dirfd), c.name, got, c.link)
		}
	}
}

func TestSysrootGuest(t *testing.T) {
	root := Sysroot{Dir: "/srv/root"}
	for name, want := range map[string]string{
		"/srv/root":      "/",
		"/srv/root/etc":  "/etc",
		"/srv/root2/etc": "/srv/root2/etc",
		"/etc":           "/etc",
	} {
		if got := root.Guest(name); got != want {
			t.Errorf("Guest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := (Sysroot{}).Guest("/x"); got != "/x" {
		t.Errorf("without a sysroot, Guest(/x) = %q", got)
	}
}

func TestNewSysroot(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(link))
	for name, want := range map[string]string{"": "", "/": "", link: dir, "./link/": dir, "/none/..": ""} {
		if got := NewSysroot(name).Dir; got != want {
			t.Errorf("NewSysroot(%q).Dir = %q, want %q", name, got, want)
		}
	}
}

// TestSysrootWalk compares the walk that does without /proc with the kernel's.
func TestSysrootWalk(t *testing.T) {
	root := testRoot(t)
	for _, name := range []string{
		"/", "//", "/.", "/..", "/etc/passwd", "/etc//./passwd", "/lib", "/lib/", "/lib/libc.so", "/lib/../bin", "/var-run/pid",
		"/usr/bin/vi", "/up", "/../../etc/passwd", "/usr/../var-run/../x/pid", "/only-here/to-passwd", "/only-here/../up",
		"/deep/er/../../lib/../bin/vi", "/dangling", "/loop", "/only-here/to-sibling",
	} {
		for _, follow := range []bool{true, false} {
			want, e := root.inside(name, follow)
			if e != 0 {
				continue // walk is for what is there
			}
			if got := root.walk(name, follow); got != want {
				t.Errorf("walk(%q, %v) = %q, want %q", name, follow, got, want)
			}
		}
	}
}
