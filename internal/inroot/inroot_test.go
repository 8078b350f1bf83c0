//go:build linux

package inroot

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUmask: other users get to what is made, whatever the umask.
func TestUmask(t *testing.T) {
	dir := t.TempDir()
	root, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	defer unix.Umask(unix.Umask(0o077))
	fd, err := Place(root, "/a/b/file", false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for name, want := range map[string]os.FileMode{"a": 0o755, "a/b": 0o755, "a/b/file": 0o644} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

// TestPlace makes what is missing, inside, whatever links say.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	root, outside := filepath.Join(dir, "root"), filepath.Join(dir, "outside")
	for _, d := range []string{root + "/etc", root + "/usr/lib", outside} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"/lib": "usr/lib", "/etc/resolv.conf": "../run/resolve/stub", "/etc/absolute": "/run/there", "/out": outside + "/new",
		"/up": "../../../../outside/new", "/loop": "loop", "/a": "b", "/b": "a",
	} {
		if err := os.Symlink(target, root+name); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, c := range []struct {
		name string
		dir  bool
		want string // path below root of what is there then; "" for an error
	}{
		{"/", true, ""}, {"/etc", true, "/etc"}, {"/dev/pts", true, "/dev/pts"}, {"/lib/new", false, "/usr/lib/new"},
		{"/etc/resolv.conf", false, "/run/resolve/stub"}, {"/etc/absolute", true, "/run/there"},
		{"/out", false, outside + "/new"}, {"/up", true, "/outside/new"}, {"/../../x/../y", true, "/y"},
		{"/loop", true, "error"}, {"/a/x", true, "error"}, {"/usr/lib/new/below", true, "error"},
	} {
		got, err := Place(fd, c.name, c.dir)
		if c.want == "error" {
			if err == nil {
				t.Errorf("%s has been placed", c.name)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if path, err := os.Readlink(Path(got)); err != nil || path != root+c.want || IsDir(got) != c.dir {
			t.Errorf("%s is %s, %v, a directory: %v; want %s", c.name, path, err, IsDir(got), root+c.want)
		}
		_ = unix.Close(got)
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("outside there is %v", left)
	}
}

// TestRemoveAll removes what is closed to others, and nothing that links lead to.
func TestRemoveAll(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"gone/closed/deep", "stays"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"gone/closed/deep/file", "stays/file"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../stays", dir+"/gone/link"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"gone/closed/deep", "gone/closed", "gone"} {
		if err := os.Chmod(filepath.Join(dir, d), 0); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, name := range []string{"gone", "gone", "none"} {
		if err := RemoveAll(fd, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Lstat(dir + "/gone"); err == nil {
		t.Error("it is still there")
	}
	if _, err := os.Stat(dir + "/stays/file"); err != nil {
		t.Error(err)
	}
}
