//go:build linux

package hospes_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hospes-vm/hospes"
)

// TestMounts: what can be read and written where, and that nothing else is there.
func TestMounts(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"rw", "ro"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, d, "file"), []byte("from "+d+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := build(t, `
		#include <errno.h>
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		static void show(const char *name) {
			char line[100];
			FILE *f = fopen(name, "r");
			printf("%s: %s", name, f && fgets(line, sizeof line, f) ? line : strerror(errno));
			if (!f) puts("");
		}
		static void put(const char *name) {
			FILE *f = fopen(name, "w");
			if (!f) { printf("%s: %s\n", name, strerror(errno)); return; }
			fputs("written\n", f);
			fclose(f);
			show(name);
		}
		int main(void) {
			char line[100];
			printf("stdin: %s", fgets(line, sizeof line, stdin));
			printf("directory: %s\n", getcwd(line, sizeof line));
			show("/fs/a/b"); show("/rw/file"); show("file"); show("/proc/self/comm"); show("/etc/passwd"); show("/fs/../../etc/passwd");
			put("/fs/new"); put("/rw/new"); put("/ro/new"); put("/mem/new"); put("/new");
		}`)
	var out bytes.Buffer
	err := instantiate(t, m, hospes.Options{
		Stdin: strings.NewReader("a line\nmore"), Stdout: &out, Dir: "/ro",
		Mounts: []hospes.Mount{
			{Target: "/fs", FS: fstest.MapFS{"a/b": {Data: []byte("from Go\n")}}},
			{Target: "/rw", Dir: filepath.Join(dir, "rw"), Writable: true},
			{Target: "/ro", Dir: filepath.Join(dir, "ro")},
			{Target: "/mem"},
		},
	}).Run(within(t))
	if err != nil {
		t.Error(err)
	}
	want := `stdin: a line
directory: /ro
/fs/a/b: from Go
/rw/file: from rw
file: from ro
/proc/self/comm: guest
/etc/passwd: No such file or directory
/fs/../../etc/passwd: No such file or directory
/fs/new: Read-only file system
/rw/new: written
/ro/new: Read-only file system
/mem/new: written
/new: Read-only file system
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "rw", "new")); string(b) != "written\n" || err != nil {
		t.Errorf("on the host: %q, %v", b, err)
	}
	for _, mount := range []hospes.Mount{{Target: "relative"}, {Target: "/x", Dir: filepath.Join(dir, "nothing")}} {
		if i, err := m.Instantiate(hospes.Options{Mounts: []hospes.Mount{mount}}); err == nil {
			i.Close()
			t.Errorf("mounted %+v", mount)
		}
	}
}
