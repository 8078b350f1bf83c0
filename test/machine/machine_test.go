//go:build linux && amd64

// Package machine tests what makes a RISC-V machine, in programs that run hot: precise traps,
// code that changes, calls and returns, floating-point modes, the memory model, interrupts.
//
// Each C file in testdata is a program for riscv64 only, which checks itself: it says what is
// wrong and ends with status 1. It runs under QEMU, so that the program itself is not what is
// wrong, and under hospes in each configuration. Lines that begin with these comments direct
// the test:
//
//	// skip-qemu: reason        QEMU is known to be wrong there
//	// skip-table: reason       not in this configuration
//	// skip-host-pages: reason  not as if the host's pages were larger
//
// The first argument names what the program runs on: "qemu" or "hospes".
package machine

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const guestCC = "riscv64-linux-gnu-gcc"

// cpu is what QEMU has to be for the programs. Its "max" does not trap where it may not.
const cpu = "rv64,v=false,zfa=true,zfhmin=true,zcb=true,zacas=true,zabha=true,zicboz=true"

var matrix = flag.Bool("matrix", false, "run the programs optimised under each memory mapping, too")

// configuration is a way to execute guest code.
type configuration struct {
	name    string
	options []string
}

// configurations are all of them, but for those that addMatrix adds.
var configurations = []configuration{
	{"default", []string{"--translate=on"}},
	{"at-once", []string{"--translate=on", "--threshold=0"}},
	{"optimised-at-once", []string{"--translate=on", "--threshold=0", "--optimise-threshold=0"}},
	{"optimised", []string{"--translate=on", "--threshold=0", "--optimise-threshold=30"}},
	{"optimised-chance", []string{"--threshold=0", "--optimise-threshold=0", "--optimise-chance=1"}},
	{"small-cache", []string{"--translate=on", "--threshold=0", "--code-cache=256K"}},
	{"wx", []string{"--translate=on", "--threshold=0", "--code-cache=256K", "--wx"}},
	{"no-native-lib", []string{"--translate=on", "--threshold=0", "--native-lib=off"}},
	{"check", []string{"--check"}},
	{"interpreter", []string{"--translate=off"}},
	{"table", []string{"--mapping=table", "--threshold=0"}},
	{"direct", []string{"--mapping=direct", "--threshold=0"}},
	{"direct-interpreter", []string{"--mapping=direct", "--translate=off"}},
	{"table-interpreter", []string{"--mapping=table", "--translate=off"}},
	{"host-pages-16K", []string{"--host-page-size=16K", "--threshold=0"}},
	{"host-pages-64K", []string{"--host-page-size=64K", "--threshold=0"}},
	{"host-pages-64K-interpreter", []string{"--host-page-size=64K", "--translate=off"}},
}

// addMatrix adds optimised code that is left at random places under each mapping.
func addMatrix() {
	for n, more := range [][]string{{"offset"}, {"table"}, {"direct"}, {"offset", "--wx"}, {"offset", "--code-cache=256K"}} {
		options := []string{"--threshold=0", "--optimise-threshold=0", fmt.Sprintf("--optimise-chance=%d", n+2), "--mapping"}
		configurations = append(configurations, configuration{"optimised-" + strings.Join(more, ""), append(options, more...)})
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

// qemu is the reference, if it can be had.
var qemu = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("../../scripts/fetch-qemu.sh").Output()
	return strings.TrimSpace(string(out)), err
})

func TestPrograms(t *testing.T) {
	if _, err := exec.LookPath(guestCC); err != nil {
		t.Skip(guestCC, "is missing")
	}
	sources, err := filepath.Glob("testdata/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal("no programs:", err)
	}
	for _, src := range sources {
		// One after the other: some have threads that wait for each other without sleeping.
		t.Run(strings.TrimSuffix(filepath.Base(src), ".c"), func(t *testing.T) { testProgram(t, src) })
	}
}

// testProgram runs one program everywhere.
func testProgram(t *testing.T, src string) {
	guest := filepath.Join(t.TempDir(), "guest")
	cmd := exec.Command(guestCC, "-static", "-O1", "-pthread", "-Wall", "-Werror", "-o", guest, src)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", src, err, msg)
	}
	t.Run("qemu", func(t *testing.T) {
		if why := directive(t, src, "skip-qemu"); why != "" {
			t.Skip(why)
		}
		reference, err := qemu()
		if err != nil {
			t.Skip("no qemu: ", err)
		}
		execute(t, reference, "-cpu", cpu, guest, "qemu")
	})
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			what := c.name
			if strings.HasPrefix(what, "host-pages") {
				what = "host-pages"
			}
			if why := directive(t, src, "skip-"+what); why != "" {
				t.Skip(why)
			}
			execute(t, append(append([]string{hospes}, c.options...), guest, "hospes")...)
		})
	}
}

// TestLibraryRandom: random calls of the C library's functions, which hospes has host code for, do what they do with QEMU.
func TestLibraryRandom(t *testing.T) {
	if _, err := exec.LookPath(guestCC); err != nil {
		t.Skip(guestCC, "is missing")
	}
	reference, err := qemu()
	if err != nil {
		t.Skip("no qemu: ", err)
	}
	const sysroot = "/usr/riscv64-linux-gnu"
	for _, kind := range []string{"-static", "-pie"} {
		guest := filepath.Join(t.TempDir(), "guest")
		cmd := exec.Command(guestCC, kind, "-O1", "-Wall", "-Werror", "-o", guest, "testdata/random/library.c")
		if msg, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		for seed := range 3 {
			t.Run(fmt.Sprint(kind, seed), func(t *testing.T) {
				call := []string{guest, fmt.Sprint(seed), "4000"}
				with := func(command ...string) string {
					return execute(t, append(append(command, "-L", sysroot), call...)...)
				}
				if with(reference) == with(hospes, "--threshold=0") {
					return
				}
				call = append(call, "all") // a hash is of all calls up to then: the first that differs is the one
				want, got := strings.Split(with(reference), "\n"), strings.Split(with(hospes, "--threshold=0"), "\n")
				for n := range want {
					if got[n] != want[n] {
						t.Fatalf("%s, but with QEMU %s", got[n], want[n])
					}
				}
			})
		}
	}
}

// directive is what a comment at the head of a program says.
func directive(t *testing.T, src, name string) string {
	t.Helper()
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "// "+name+": ")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// execute runs a program, which has to end well, and returns what it writes.
func execute(t *testing.T, argv ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := testcmd.Command(t, argv[0], argv[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	return out.String()
}
