package loader

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestParseScript follows the cases of the kernel's
// tools/testing/selftests/exec/binfmt_script.py: what is at the border of the
// 256 bytes counts.
func TestParseScript(t *testing.T) {
	path := func(n int) string { return "/" + strings.Repeat("p", n-1) } // n bytes
	for _, tt := range []struct {
		name, head string
		want       script
		err        error
	}{
		{"plain", "#!/bin/sh\n", script{interp: "/bin/sh"}, nil},
		{"argument", "#!/bin/sh -e\n", script{"/bin/sh", "-e", true}, nil},
		{"one argument only", "#! \t/usr/bin/env -S  a b \t \necho", script{"/usr/bin/env", "-S  a b", true}, nil},
		{"trailing blanks", "#!/bin/sh \t\n", script{interp: "/bin/sh"}, nil},
		{"carriage return", "#!/bin/sh\r\n", script{interp: "/bin/sh\r"}, nil},
		{"no newline", "#!/bin/sh", script{interp: "/bin/sh"}, nil},
		{"no newline, argument", "#!/bin/sh -x", script{"/bin/sh", "-x", true}, nil},
		{"no newline, blank", "#!/bin/sh ", script{"/bin/sh", "", true}, nil},
		{"no newline, argument and blank", "#!/bin/sh -x ", script{"/bin/sh", "-x ", true}, nil},
		{"NUL before newline", "#!/bin/sh\x00x\n", script{interp: "/bin/sh"}, nil},
		{"empty", "#!\n", script{}, errScriptEmpty},
		{"blank", "#! \t \n/bin/sh\n", script{}, errScriptEmpty},
		{"all blanks", "#!" + strings.Repeat(" ", 254), script{}, errScriptEmpty},
		{"end after #!", "#!", script{}, nil}, // opening "" fails
		{"path of 252, newline", "#!" + path(252) + "\n", script{interp: path(252)}, nil},
		{"path of 253, newline", "#!" + path(253) + "\n", script{interp: path(253)}, nil},
		{"path of 253, blank", "#!" + path(253) + " ", script{interp: path(253)}, nil},
		{"path of 254", "#!" + path(254), script{}, errScriptLong},
		{"path of 253, end", "#!" + path(253), script{interp: path(253)}, nil},
		{"argument cut off", "#!/bin/sh " + path(400)[:246], script{"/bin/sh", path(400)[:245], true}, nil},
		{"blanks, then cut off", "#!" + strings.Repeat(" ", 200) + path(54), script{}, errScriptLong},
		{"blank last", "#!" + strings.Repeat(" ", 200) + path(53) + " ", script{interp: path(53)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseScript([]byte(tt.head))
			if got != tt.want || err != tt.err {
				t.Errorf("%+v, %v; want %+v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestScripts(t *testing.T) {
	f := newFiles(t)
	f.elf("bin/prog", simple())
	f.write("0", []byte("#!/bin/prog a b\n"), 0o755)
	for i, name := range []string{"1", "2", "3", "4", "5"} {
		f.write(name, []byte("#!/"+string(rune('0'+i))+"\n"), 0o755)
	}
	f.write("none", []byte("#!/bin/none\n"), 0o755)
	f.write("plain", []byte("echo\n"), 0o755)
	f.write("viaplain", []byte("#!/plain\n"), 0o755)
	f.write("blank", []byte("#!  \n"), 0o755)
	f.write("noexec", []byte("#!/bin/prog\n"), 0o644)
	f.write("vianoexec", []byte("#!/noexec\n"), 0o755)
	f.write("self", []byte("#!/self\n"), 0o755)
	for _, tt := range []struct {
		path  string
		argv  []string
		want  []string
		errno syscall.Errno
		msg   string
	}{
		{path: "0", argv: []string{"zero", "x", "y"}, want: []string{"/bin/prog", "a b", "0", "x", "y"}},
		{path: "0", argv: nil, want: []string{"/bin/prog", "a b", "0"}},
		{path: "2", argv: []string{"z", "x"}, want: []string{"/bin/prog", "a b", "/0", "/1", "2", "x"}},
		{path: "4", argv: []string{"z"}, want: []string{"/bin/prog", "a b", "/0", "/1", "/2", "/3", "4"}},
		{path: "5", errno: _ELOOP, msg: "too many levels of #! interpreters"},
		{path: "self", errno: _ELOOP, msg: "too many levels of #! interpreters"},
		{path: "none", errno: _ENOENT, msg: "#! interpreter /bin/none: not found"},
		{path: "viaplain", errno: _ENOEXEC, msg: "interpreter /plain: neither an ELF program nor a #! script"},
		{path: "blank", errno: _ENOEXEC, msg: "#! line without an interpreter"},
		{path: "vianoexec", errno: _EACCES, msg: "interpreter /noexec: no permission to execute it"},
	} {
		cfg := f.config(tt.path)
		cfg.Argv = tt.argv
		if tt.errno != 0 {
			if e := probeError(t, cfg); e.Errno != tt.errno || e.Msg != tt.msg {
				t.Errorf("%s: errno %d, %q", tt.path, e.Errno, e)
			}
			continue
		}
		p := mustProbe(t, cfg)
		if exe, _ := p.Exe(); !slices.Equal(p.Argv(), tt.want) || exe != "/bin/prog" {
			t.Errorf("%s: %q runs %q, want %q", tt.path, exe, p.Argv(), tt.want)
		}
	}
	cfg := f.config("0")
	cfg.Inaccessible = true
	if e := probeError(t, cfg); e.Errno != _ENOENT {
		t.Error(e)
	}
}
