//go:build linux

package hospes_test

import (
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/hospes-vm/hospes"
)

// libraries is a root directory for programs that are linked to the C library of the cross compiler.
func libraries(t testing.TB) hospes.Mount {
	const dir = "/usr/riscv64-linux-gnu"
	if _, err := os.Stat(dir + "/lib/ld-linux-riscv64-lp64d.so.1"); err != nil {
		t.Skip(err)
	}
	return hospes.Mount{Target: "/", Dir: dir}
}

const self = `
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
	char exe[100] = "";
	readlink("/proc/self/exe", exe, sizeof exe - 1);
	printf("%s %s %s\n", argv[0], exe, access(exe, R_OK) ? "gone" : "there");
	fflush(stdout);
	if (argc > 1) execl(argv[1], "again", NULL);
	return 0;
}`

// TestDynamicProgram: a module needs its libraries only where it is instantiated.
func TestDynamicProgram(t *testing.T) {
	root := libraries(t)
	m := build(t, self, "-pie", "-fPIE")
	if got, err := output(t, m, hospes.Options{Mounts: []hospes.Mount{root}}); got != "guest /guest there\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err := m.Instantiate(hospes.Options{})
	var load *hospes.LoadError
	if !errors.As(err, &load) || !errors.Is(err, syscall.ENOENT) || load.ExitStatus != 127 || !strings.HasSuffix(err.Error(), "ld-linux-riscv64-lp64d.so.1 not found") {
		t.Errorf("without libraries: %v", err)
	}
}

// TestProgramPath: a program finds itself, and executes itself again, by the name that it has; what is mounted there comes first.
func TestProgramPath(t *testing.T) {
	m := build(t, self)
	for _, c := range []struct {
		name, want string
		o          hospes.Options
	}{
		{"default", "guest /guest there\nagain /guest there\n", hospes.Options{Args: []string{"guest", "/proc/self/exe"}}},
		{"path", "x /opt/bin/x there\nagain /opt/bin/x there\n", hospes.Options{Path: "/opt/bin/x", Args: []string{"x", "/opt/bin/x"}}},
		{"mount", "x /opt/x there\nagain /opt/x there\n", hospes.Options{Path: "/opt/x", Args: []string{"x", "/opt/x"}, Mounts: []hospes.Mount{{Target: "/opt"}}}},
	} {
		if got, err := output(t, m, c.o); got != c.want || err != nil {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	other := hospes.Options{Path: "/a/file", Args: []string{"guest", "/a/file"}, Mounts: []hospes.Mount{{Target: "/a", FS: fstest.MapFS{"file": {Data: []byte("#!/guest\n"), Mode: 0o755}}}}}
	if got, err := output(t, m, other); got != "guest /a/file there\n" || err != nil {
		t.Errorf("what is mounted: %q, %v", got, err)
	}
	if _, err := m.Instantiate(hospes.Options{Path: "relative"}); err == nil {
		t.Error("a relative path")
	}
}

// TestScriptModule: a script is a program whose interpreter is in the mounts.
func TestScriptModule(t *testing.T) {
	const interpreter = `
		#include <stdio.h>
		int main(int argc, char **argv) {
			printf("%s %s %s\n", argv[1], argv[2], argv[3]);
			FILE *f = fopen(argv[2], "r");
			for (int c; (c = getc(f)) != EOF;) putchar(c);
		}`
	build(t, interpreter)
	image, _ := built.Load(interpreter)
	m, err := hospes.NewModule("script", []byte("#!/bin/show -n\ntext\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	o := hospes.Options{Args: []string{"script", "argument"}, Mounts: []hospes.Mount{{Target: "/bin", FS: fstest.MapFS{"show": {Data: image.([]byte), Mode: 0o755}}}}}
	if got, err := output(t, m, o); got != "-n /script argument\n#!/bin/show -n\ntext\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestBadLimits: those that make no sense, that are too small for anything, and that nobody reaches.
func TestBadLimits(t *testing.T) {
	m := build(t, hello)
	for _, l := range []hospes.Limits{{Threads: -1}, {Files: -1}, {Output: -1}, {Time: -1}} {
		if _, err := m.Instantiate(hospes.Options{Limits: l}); err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for limit, l := range map[hospes.Limit]hospes.Limits{hospes.MemoryLimit: {Memory: 1}, hospes.FileLimit: {Files: 2}} {
		if _, err := m.Instantiate(hospes.Options{Limits: l}); !errors.Is(err, &hospes.LimitError{Limit: limit}) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	o := hospes.Options{Env: []string{"NAME=x"}, Limits: hospes.Limits{Instructions: math.MaxUint64, Memory: math.MaxUint64, Threads: math.MaxInt, Files: math.MaxInt, Output: math.MaxInt64, Time: math.MaxInt64}}
	if got, err := output(t, m, o); got != "guest\nx\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// funcIO is a reader and writer.
type funcIO func([]byte) (int, error)

func (f funcIO) Read(b []byte) (int, error)  { return f(b) }
func (f funcIO) Write(b []byte) (int, error) { return f(b) }

// TestBadStdio: readers and writers that fail, or do what they must not, are the guest's I/O errors.
func TestBadStdio(t *testing.T) {
	m := build(t, `
		#include <errno.h>
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		int main(void) {
			char b[10];
			errno = 0;
			dprintf(2, "read %zd %s, ", read(0, b, sizeof b), strerror(errno));
			errno = 0;
			dprintf(2, "write %zd %s\n", write(1, "0123456789", 10), strerror(errno));
		}`)
	full := errors.New("full")
	for _, c := range []struct {
		want string
		io   funcIO
	}{
		{"read -1 Input/output error, write -1 Input/output error", func(b []byte) (int, error) { return 0, full }},
		{"read 3 Success, write 10 Success", func(b []byte) (int, error) { return min(3, len(b)), nil }},
		{"read 3 Success, write 10 Success", func(b []byte) (int, error) { return min(3, len(b)), full }}, // the end of what is there
		{"read -1 Input/output error, write -1 Input/output error", func(b []byte) (int, error) { return len(b) + 1, nil }},
		{"read -1 Input/output error, write -1 Input/output error", func(b []byte) (int, error) { return -1, nil }},
	} {
		var report strings.Builder
		i := instantiate(t, m, hospes.Options{Stdin: c.io, Stdout: c.io, Stderr: &report})
		if err := i.Run(within(t)); err != nil || report.String() != c.want+"\n" {
			t.Errorf("%v: %s, want %s", err, report.String(), c.want)
		}
	}
}
