//go:build linux

package hospes_test

import (
	"bytes"
	"errors"
	"io/fs"
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
	for _, mount := range []hospes.Mount{
		{Target: "relative"}, {Target: "/x", Dir: filepath.Join(dir, "nothing")}, {Target: "/x", FS: fstest.MapFS{}, Dir: dir},
		{Target: "/x", FS: fstest.MapFS{}, Writable: true}, {Target: "/x", Size: -1},
	} {
		if i, err := m.Instantiate(hospes.Options{Mounts: []hospes.Mount{mount}}); err == nil {
			i.Close()
			t.Errorf("mounted %+v", mount)
		}
	}
}

// tooLong is a file system whose files claim to have read more than there was room for.
type tooLong struct{ fstest.MapFS }

func (f tooLong) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	return tooLongFile{file}, nil
}

type tooLongFile struct{ fs.File }

func (tooLongFile) Read(b []byte) (int, error) { return len(b) + 1, nil }

// TestBadFS: what an fs.FS must not do is the guest's I/O error.
func TestBadFS(t *testing.T) {
	m := build(t, `
		#include <errno.h>
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/stat.h>
		#include <unistd.h>
		int main(void) {
			char b[10];
			struct stat st;
			printf("%zd ", read(open("/fs/file", O_RDONLY), b, sizeof b));
			printf("%s ", strerror(errno));
			lstat("/fs/link", &st);
			printf("%o\n", st.st_mode);
		}`)
	files := fstest.MapFS{"file": {Data: []byte("text")}, "link": {Data: []byte("file"), Mode: fs.ModeSymlink}}
	if got, err := output(t, m, hospes.Options{Mounts: []hospes.Mount{{Target: "/fs", FS: tooLong{files}}}}); got != "-1 Input/output error 120777\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// panicking is a reader, a writer and file systems that panic: the last one when a file is read.
type panicking struct{ fs.File }

var errPanic = errors.New("cause")

func (panicking) Read([]byte) (int, error)          { panic(errPanic) }
func (panicking) Write([]byte) (int, error)         { panic(errPanic) }
func (panicking) Open(name string) (fs.File, error) { panic(errPanic) }

type panickingFiles struct{ fs.FS }

func (p panickingFiles) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name)
	return panicking{f}, err
}

// TestPanics: what Options has may panic; that ends the guest.
func TestPanics(t *testing.T) {
	m := build(t, `
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(void) {
			char b[10];
			puts("begun"), fflush(stdout);
			read(0, b, 1);
			read(open("/fs/file", O_RDONLY), b, 1);
			pause();
		}`)
	files := fstest.MapFS{"file": {Data: []byte("data")}}
	for what, o := range map[string]hospes.Options{
		"standard input":  {Stdin: panicking{}},
		"standard output": {Stdout: panicking{}},
		"file system":     {Mounts: []hospes.Mount{{Target: "/fs", FS: panicking{}}}},
		"file system ":    {Mounts: []hospes.Mount{{Target: "/fs", FS: panickingFiles{files}}}},
	} {
		err := instantiate(t, m, o).Run(within(t))
		var host *hospes.HostError
		var value *hospes.PanicError
		if !errors.As(err, &host) || host.Function != strings.TrimSpace(what) || !errors.Is(err, errPanic) ||
			!errors.As(err, &value) || !bytes.Contains(value.Stack, []byte("embed_files_test.go")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
