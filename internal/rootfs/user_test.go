//go:build linux

package rootfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindUser(t *testing.T) {
	changed, root := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		root + "/etc/passwd":    "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/false\n1000:x:5:6::/named:\nbroken:x\nbad:x:a:b:::\n",
		root + "/etc/group":     "root:x:0:\nstaff:x:50:web,other\nwww:x:34:\naudio:x:29:web\n",
		changed + "/etc/passwd": "new:x:7:8::/new:/bin/sh\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for spec, want := range map[string]User{
		"":          {Name: "root", Home: "/root"},
		"root":      {Name: "root", Home: "/root"},
		"0":         {Name: "root", Home: "/root"},
		"web":       {UID: 33, GID: 34, Groups: []int{50, 29}, Name: "web", Home: "/srv"},
		"33":        {UID: 33, GID: 34, Groups: []int{50, 29}, Name: "web", Home: "/srv"},
		"web:staff": {UID: 33, GID: 50, Name: "web", Home: "/srv"},
		"web:7":     {UID: 33, GID: 7, Name: "web", Home: "/srv"},
		"1000":      {UID: 5, GID: 6, Name: "1000", Home: "/named"}, // a name comes before a number
		"4711":      {UID: 4711, Home: "/"},
		"4711:4712": {UID: 4711, GID: 4712, Home: "/"},
	} {
		got, err := FindUser(spec, t.TempDir(), root)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("FindUser(%q): %v (-want +got):\n%s", spec, err, diff)
		}
	}
	if got, err := FindUser("new", changed, root); err != nil || got.UID != 7 {
		t.Errorf("a user of the first directory: %v, %v", got, err)
	}
	for _, spec := range []string{"none", "web:none", "-1", "bad", "99999999999", ":none"} {
		if got, err := FindUser(spec, root); err == nil {
			t.Errorf("FindUser(%q) = %v", spec, got)
		}
	}
}

// TestFindUserLinks: a root's passwd may lead nowhere but into the root.
func TestFindUserLinks(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(root+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/../../../../../../etc/passwd", root+"/etc/passwd"); err != nil {
		t.Fatal(err)
	}
	if got, err := FindUser("daemon", root); err == nil {
		t.Errorf("the host's user was found: %v", got)
	}
}
