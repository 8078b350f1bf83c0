//go:build linux && amd64

package strace

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/linux/abi"
	"github.com/hospes-vm/hospes/internal/testcmd"
)

// TestAgainstStrace compares what is printed about testdata/calls.c with what
// strace(1) prints about the same program on the host.
func TestAgainstStrace(t *testing.T) {
	for _, tool := range []string{"strace", "gcc", "riscv64-linux-gnu-gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool, "is missing")
		}
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run(t, "", "gcc", "-w", "-static", "-O1", "-o", at("native"), "testdata/calls.c")
	run(t, "", "riscv64-linux-gnu-gcc", "-w", "-static", "-O1", "-o", at("guest"), "testdata/calls.c")
	run(t, "", "go", "build", "-o", at("hospes"), "../../cmd/hospes")
	runs := [][]string{
		{"strace", "-o", at("want"), at("native")},
		{at("hospes"), "--strace", "-D", at("got"), at("guest")},
	}
	for i, argv := range runs {
		cwd := at("cwd" + string(rune('0'+i)))
		if err := os.Mkdir(cwd, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := testcmd.Command(t, argv[0], argv[1:]...)
		cmd.Dir = cwd
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 {
			t.Skipf("%v: %v\n%s", argv, err, out) // strace may not be permitted to trace
		}
	}
	want, got := normalized(t, at("want")), normalized(t, at("got"))
	if len(want) < 100 {
		t.Errorf("only %d lines to compare", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-strace +hospes:\n%s", diff)
	}
}

func run(t *testing.T, dir string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

var (
	address = regexp.MustCompile(`0x[0-9a-f]{5,}`)
	process = regexp.MustCompile(`(\bgetpid\(\) += |\bkill\(|\btgkill\(|si_pid=|sigqueueinfo\()\d+(, \d{3,})?`)
	padding = regexp.MustCompile(`\) +=`)
	returns = regexp.MustCompile(`^rt_sigreturn\(.*`)
)

// normalized returns the lines behind the first getppid, without what may differ:
// addresses and process IDs, and with them the padding. A signal that is ignored
// never comes to hospes, and the frame that rt_sigreturn restores is the
// architecture's.
func normalized(t *testing.T, name string) []string {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "getppid()")
	_, text, _ = strings.Cut(text, "\n")
	var lines []string
	for _, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(l, "--- SIGWINCH") || strings.HasPrefix(l, "getppid") {
			continue
		}
		wide := len(address.FindString(l)) == 0
		l = address.ReplaceAllString(l, "ADDR")
		l = process.ReplaceAllString(l, "${1}PID")
		l = returns.ReplaceAllString(l, "rt_sigreturn")
		if !wide || strings.Contains(l, "PID") {
			l = padding.ReplaceAllString(l, ") =")
		}
		lines = append(lines, l)
	}
	return lines
}

// TestTable makes sure that the system call table names nothing that is unknown here.
func TestTable(t *testing.T) {
	calls := map[string]bool{}
	check := func(name, spec string) {
		for _, a := range abi.Parse(spec) {
			calls[name+"."+a.Name] = true
			if a.Kind != "flags" && a.Kind != "enum" {
				continue
			}
			if setOverrides[name+"."+a.Name] == "" && special[name+"."+a.Name] == nil && sets[a.Type] == "" {
				t.Errorf("%s: argument %s has the set %q, which is not in sets.go", name, a.Name, a.Type)
			}
		}
	}
	for _, r := range linux.Rows {
		check(r.Name, r.Args)
	}
	for _, s := range riscv.Arch.Syscalls() {
		check(s.Name, s.Args)
	}
	for name := range special {
		if !calls[name] {
			t.Errorf("special.go has %s, which the table has not", name)
		}
	}
	for name := range hideArgs {
		if !calls[name] {
			t.Errorf("hideArgs has %s, which the table has not", name)
		}
	}
	for name, set := range setOverrides {
		if !calls[name] || sets[set] == "" {
			t.Errorf("setOverrides has %s with set %s", name, set)
		}
	}
}

// TestSets parses all sets.
func TestSets(t *testing.T) {
	for name := range sets {
		if s := lookupSet(name); len(s.names) == 0 || strings.Contains(s.unknown, "=") {
			t.Errorf("set %s: unknown values are %q, names %v", name, s.unknown, s.names)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		set  string
		v    uint64
		want string
	}{
		{"open", 0, "O_RDONLY"},
		{"open", 0o2001, "O_WRONLY|O_APPEND"},
		{"prot", 0, "PROT_NONE"},
		{"prot", 5, "PROT_READ|PROT_EXEC"},
		{"prot", 0x101, "PROT_READ|0x100"},
		{"at", 0, "0"},
		{"at", 1, "0x1 /* AT_??? */"},
		{"mmap", 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"},
		{"socktype", 0o2000001, "SOCK_STREAM|SOCK_CLOEXEC"},
		{"clone", 0x100000000 | 0x100, "CLONE_VM|CLONE_CLEAR_SIGHAND"},
		{"sigstack", 0xffffffff80000000, "SS_AUTODISARM"},
	} {
		if got := lookupSet(c.set).flags(c.v); got != c.want {
			t.Errorf("%s %#x: %s, want %s", c.set, c.v, got, c.want)
		}
	}
	if got := lookupSet("rusage").enum(0xffffffff); got != "RUSAGE_CHILDREN" {
		t.Errorf("RUSAGE_CHILDREN: %s", got)
	}
	if got := lookupSet("whence").enum(9); got != "0x9 /* SEEK_??? */" {
		t.Errorf("unknown whence: %s", got)
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", `"plain"`},
		{"\x01\x011\x7f\"\\\n", `"\1\0011\177\"\\\n"`},
		{"\x00a\xff8", `"\0a\3778"`},
	} {
		var p printer
		p.quote([]byte(c.in), false)
		if string(p.buf) != c.want {
			t.Errorf("%q: %s, want %s", c.in, p.buf, c.want)
		}
	}
}
