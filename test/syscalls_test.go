//go:build linux && amd64

// Package test runs ordinary Linux programs natively and as guests, and wants
// the same output and end from both.
//
// Each C file in the directory syscalls is a program (Go wants none beside its own
// files). It prints what it finds out about system calls, and nothing that may
// differ between two runs. Lines that begin with these comments direct the test:
//
//	// args: ...                arguments of the program
//	// skip-native: reason      the host cannot run it; it has to end with status 0
//	// skip-table: reason       not for the table mapping
//	// link: ...                further options for the linker
//	// host-pages: yes          as if the host's pages were larger, too, even without -matrix
//	// skip-host-pages: reason  never so
package test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const (
	guestCC = "riscv64-linux-gnu-gcc"
	hostCC  = "gcc"

	maxOutput = 1 << 20 // bytes, of which a program that runs wild would make more
)

var matrix = flag.Bool("matrix", false, "run the programs under each memory mapping, interpreted, translated and optimised at once, and checked, too, and all of them with large pages of the host")

// configuration is what a program runs under.
type configuration struct {
	name    string
	options []string
}

// configurations are those of each program: the memory mappings, translated code in a cache
// that a fork has to replace, optimised code that is left at random places, and large pages of the host.
var configurations = []configuration{
	{"offset", []string{"--mapping", "offset"}},
	{"table", []string{"--mapping", "table"}},
	{"direct", []string{"--mapping", "direct"}},
	{"wx", []string{"--translate", "on", "--threshold", "0", "--wx"}},
	{optimised, []string{"--threshold", "0", "--optimise-threshold", "0", "--optimise-chance", "1"}},
	{"host-16K", []string{"--host-page-size", "16K"}},
	{"host-64K", []string{"--host-page-size", "64K", "--threshold", "0"}},
}

// optimised is the configuration of programs that interrupt others, by signals, forks, futexes and tracing.
const optimised = "optimised"

func interrupts(program string) bool {
	return slices.ContainsFunc([]string{"fork_", "futex", "ptrace_", "signal_", "thread"}, func(s string) bool { return strings.HasPrefix(program, s) })
}

// addMatrix adds the others: optimised code is left at random places.
func addMatrix() {
	configurations = append(configurations, configuration{"check", []string{"--check"}})
	for _, mapping := range []string{"offset", "table", "direct"} {
		configurations = append(configurations,
			configuration{mapping + "-interpreted", []string{"--mapping", mapping, "--translate", "off"}},
			configuration{mapping + "-at-once", []string{"--mapping", mapping, "--threshold", "0"}},
			configuration{mapping + "-optimised", []string{"--mapping", mapping, "--threshold", "0", "--optimise-threshold", "0", "--optimise-chance", "1"}})
	}
}

// hospes is the command under test, built by TestMain.
var hospes string

func TestMain(m *testing.M) {
	flag.Parse()
	if *matrix {
		addMatrix()
	}
	os.Exit(testcmd.Run(m, &hospes))
}

func TestPrograms(t *testing.T) {
	for _, cc := range []string{guestCC, hostCC} {
		if _, err := exec.LookPath(cc); err != nil {
			t.Skip(cc, "is missing")
		}
	}
	sources, err := filepath.Glob("syscalls/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal("no programs:", err)
	}
	for _, src := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(src), ".c"), func(t *testing.T) {
			t.Parallel()
			testProgram(t, src)
		})
	}
}

// testProgram runs one program everywhere.
func testProgram(t *testing.T, src string) {
	d := readDirectives(t, src)
	name := strings.TrimSuffix(filepath.Base(src), ".c")
	guest := filepath.Join(t.TempDir(), name)
	compile(t, guestCC, src, guest, d.link)

	want := outcome{end: "exit status 0"}
	compareOutput := false
	if d.skipNative == "" {
		native := filepath.Join(t.TempDir(), name) // of the same name, which it may print
		compile(t, hostCC, src, native, d.link)
		want, compareOutput = execute(t, append([]string{native}, d.args...)...), true
	}
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "table" && d.skipTable != "" {
				t.Skip(d.skipTable)
			}
			if why := d.notWithHostPages(); why != "" && strings.HasPrefix(c.name, "host-") {
				t.Skip(why)
			}
			if c.name == optimised && !interrupts(name) {
				t.Skip("for programs that interrupt others")
			}
			got := execute(t, slices.Concat([]string{hospes}, c.options, []string{guest}, d.args)...)
			if compareOutput {
				if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
					t.Errorf("standard output (-native +hospes):\n%s", diff)
				}
			}
			if got.end != want.end {
				t.Errorf("ended with %s, want %s", got.end, want.end)
			}
			if t.Failed() && got.stderr != "" {
				t.Logf("standard error:\n%s", got.stderr)
			}
		})
	}
}

// directives are what the comments at the head of a program say.
type directives struct {
	args, link            []string
	skipNative, skipTable string
	skipHostPages         string
	hostPages             bool
}

// notWithHostPages says why the program does not run as if the host's pages were larger.
func (d *directives) notWithHostPages() string {
	if !d.hostPages && !*matrix {
		return "only with -matrix"
	}
	return d.skipHostPages
}

func readDirectives(t *testing.T, src string) (d directives) {
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "// "), ":")
		if !ok || !strings.HasPrefix(line, "// ") {
			continue
		}
		value = strings.TrimSpace(value)
		switch name {
		case "args":
			d.args = strings.Fields(value)
		case "link":
			d.link = strings.Fields(value)
		case "skip-native":
			d.skipNative = value
		case "host-pages":
			d.hostPages = true
		case "skip-host-pages":
			d.skipHostPages = value
		case "skip-table":
			d.skipTable = value
		}
	}
	return d
}

// compile builds a static program, so that it needs no sysroot.
func compile(t *testing.T, cc, src, out string, link []string) {
	t.Helper()
	args := append([]string{"-static", "-O1", "-pthread", "-w", "-o", out, src}, link...)
	if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", cc, src, err, msg)
	}
}

// outcome is what can be seen of a run from outside.
type outcome struct {
	stdout, stderr string
	end            string // "exit status 0", "signal: killed"
}

// output collects what a program prints, up to a limit.
type output struct{ bytes.Buffer }

var errOutput = errors.New("too much output")

func (o *output) Write(b []byte) (int, error) {
	if o.Len()+len(b) > maxOutput {
		return 0, errOutput
	}
	return o.Buffer.Write(b)
}

// execute runs a program in an empty directory of its own.
func execute(t *testing.T, argv ...string) outcome {
	t.Helper()
	var stdout, stderr output
	cmd := testcmd.Command(t, argv[0], argv[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if t.Failed() {
		t.Logf("standard output:\n%s\nstandard error:\n%s", &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", argv, err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.String()}
}
