package loader

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInterpreter(t *testing.T) {
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"dynamic":   {dynamic("/lib/ld.so").bytes(t), "/lib/ld.so"},
		"static":    {simple().bytes(t), ""},
		"text":      {[]byte("#!/bin/sh\n"), ""},
		"empty":     {nil, ""},
		"truncated": {dynamic("/lib/ld.so").bytes(t)[:100], ""},
		"no path":   {dynamic("/lib/ld.so").bytes(t)[:0x302], ""},
	} {
		if got := Interpreter(strings.NewReader(string(tt.data))); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestFindSysroot(t *testing.T) {
	const ld = "/lib/ld-test.so.1"
	f := newFiles(t)
	f.write("a/lib/ld-test.so.1", nil, 0o644)
	f.write("a/usr/bin/prog", nil, 0o755)
	f.write("a/nested/lib/ld-test.so.1", nil, 0o644)
	f.write("a/nested/prog", nil, 0o755)
	f.write("home/prog", nil, 0o755)
	f.write("link/prog", nil, 0o755)
	f.write("link/lib/x", nil, 0o755)
	if err := os.Symlink("/lib/there/ld-test.so.1", filepath.Join(f.dir, "link"+ld)); err != nil {
		t.Fatal(err)
	}
	f.write("dir/prog", nil, 0o755)
	f.write("dir/lib/ld-test.so.1/x", nil, 0o755)
	f.write("merged/usr/bin/prog", nil, 0o755)
	f.write("merged/usr/lib/ld-test.so.1", nil, 0o644)
	if err := os.Symlink("usr/lib", filepath.Join(f.dir, "merged/lib")); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(f.dir, name) }
	for _, tt := range []struct{ prog, interp, want string }{
		{"a/usr/bin/prog", ld, in("a")},
		{"a/nested/prog", ld, in("a/nested")},
		{"a/lib/../usr/bin/prog", ld, in("a")},
		{"link/prog", ld, in("link")},             // absolute links count: they are meant inside the sysroot
		{"merged/usr/bin/prog", ld, in("merged")}, // not merged/usr
		{"home/prog", ld, in("a")},                // the second candidate
		{"dir/prog", ld, in("a")},                 // a directory is no interpreter
		{"a/usr/bin/prog", "/lib/ld-none.so.1", ""},
		{"a/usr/bin/prog", "lib/ld-test.so.1", ""},
		{"a/usr/bin/prog", "", ""},
	} {
		if got := FindSysroot(in(tt.prog), tt.interp, in("none"), in("a")); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.prog, tt.interp, got, tt.want)
		}
	}
	t.Chdir(in("a/usr"))
	if got := FindSysroot("bin/prog", ld); got != in("a") {
		t.Errorf("relative: %q", got)
	}
}
