//go:build linux && amd64

// Package hostile runs programs that try to break hospes: whatever a guest does,
// hospes ends with the guest's exit status or signal, in bounded time, and never
// with a failure of its own.
//
// The programs follow from seeds, of which the tests run a few. More are run by
//
//	go test ./test/hostile -seeds 1000 -first 5000
package hostile

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

var (
	seeds = flag.Int("seeds", 0, "how many seeds each test runs, in the place of a few")
	first = flag.Int("first", 1, "the first seed")
)

const (
	nobody  = 65534 // the user that programs run as if the test has privileges
	maxFile = 16 << 20

	// stuck is the exit status of calls.c when a call has not come back.
	stuck = 3
)

// mappings are the options for which the tests run.
var mappings = []string{"--mapping=offset", "--mapping=table", "--mapping=direct", hostPages}

const hostPages = "--host-page-size=64K"

// hospes is the command under test. The programs are beside it, where they cannot write.
var hospes string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testcmd.Run(m, &hospes))
}

// compile makes a program of testdata, and skips the test if there is no compiler.
func compile(t *testing.T, cc, name string) string {
	t.Helper()
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip(cc, "is missing")
	}
	out := filepath.Join(filepath.Dir(hospes), name+"."+cc)
	cmd := exec.Command(cc, "-O1", "-static", "-Wall", "-Werror", "-o", out, filepath.Join("testdata", name+".c"))
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, msg)
	}
	return out
}

// end is how a program ended.
type end struct {
	state          *os.ProcessState
	stdout, stderr bytes.Buffer
}

// execute runs a command in an empty directory, without privileges.
func execute(t *testing.T, argv ...string) *end {
	t.Helper()
	dir := t.TempDir()
	limited := append([]string{"-c", fmt.Sprintf(`ulimit -c 0; ulimit -f %d; exec "$@"`, maxFile/512), "sh"}, argv...)
	cmd := testcmd.Command(t, "sh", limited...)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		// The work directory is the only thing that it owns; it has to get there.
		for d := dir; d != filepath.Dir(os.TempDir()) && d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
			_ = os.Chmod(d, 0o755)
		}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWIPC
	}
	var e end
	cmd.Stdout, cmd.Stderr = &e.stdout, &e.stderr
	cmd.WaitDelay = time.Second // programs may leave others behind
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatal(err)
	}
	e.state = cmd.ProcessState
	return &e
}

// check wants the guest's own end: one of the exit statuses, or a signal.
func (e *end) check(t *testing.T, what string, statuses ...int) {
	t.Helper()
	status := e.state.Sys().(syscall.WaitStatus)
	ok := status.Signaled() && status.Signal() != syscall.SIGKILL
	for _, s := range statuses {
		ok = ok || status.Exited() && status.ExitStatus() == s
	}
	for _, sign := range []string{"goroutine ", "panic: ", "fatal error: ", "runtime: "} {
		ok = ok && !bytes.Contains(e.stderr.Bytes(), []byte(sign))
	}
	if !ok {
		t.Errorf("%s: %v\n%.4000s", what, e.state, e.stderr.Bytes())
	}
}

// eachSeed runs f with n seeds, or as many as the flag says, in all mappings.
func eachSeed(t *testing.T, n int, f func(t *testing.T, mapping, seed string)) {
	if *seeds != 0 {
		n = *seeds
	}
	for _, mapping := range mappings {
		t.Run(mapping, func(t *testing.T) {
			t.Parallel()
			for seed := *first; seed < *first+n; seed++ {
				f(t, mapping, strconv.Itoa(seed))
			}
		})
	}
}

func TestCalls(t *testing.T) {
	guest := compile(t, "riscv64-linux-gnu-gcc", "calls")
	eachSeed(t, 5, func(t *testing.T, mapping, seed string) {
		execute(t, hospes, mapping, guest, seed, "400").check(t, "seed "+seed, 0, stuck)
	})
}

// TestCallsObserved has strace print what makes no sense.
func TestCallsObserved(t *testing.T) {
	guest := compile(t, "riscv64-linux-gnu-gcc", "calls")
	eachSeed(t, 5, func(t *testing.T, mapping, seed string) {
		argv := []string{hospes, mapping, "--strace", "-D", "/dev/null", guest, seed, "400"}
		execute(t, argv...).check(t, "seed "+seed, 0, stuck)
	})
}

// TestMemory compares with the host: the same operations have the same results.
func TestMemory(t *testing.T) {
	guest, native := compile(t, "riscv64-linux-gnu-gcc", "memory"), compile(t, "gcc", "memory")
	eachSeed(t, 8, func(t *testing.T, mapping, seed string) {
		if mapping == hostPages {
			t.Skip("mremap(2) refuses to extend private mappings of files there")
		}
		e := execute(t, hospes, mapping, guest, seed, "300")
		e.check(t, "seed "+seed, 0)
		if want := execute(t, native, seed, "300").stdout.String(); e.stdout.String() != want {
			t.Errorf("seed %s: got %swant %s", seed, &e.stdout, want)
		}
	})
}

// TestMemoryThreads has threads work on memory that others unmap.
func TestMemoryThreads(t *testing.T) {
	guest := compile(t, "riscv64-linux-gnu-gcc", "memory")
	eachSeed(t, 2, func(t *testing.T, mapping, seed string) {
		execute(t, hospes, mapping, guest, seed, "1000", "6").check(t, "seed "+seed, 0)
	})
}

// TestCode executes what is no program.
func TestCode(t *testing.T) {
	guest := compile(t, "riscv64-linux-gnu-gcc", "code")
	eachSeed(t, 1, func(t *testing.T, mapping, seed string) {
		for _, kind := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8"} {
			e := execute(t, hospes, mapping, guest, seed, kind)
			e.check(t, "kind "+kind+" seed "+seed, 0)
		}
	})
}

// TestMutants runs damaged copies of a program.
func TestMutants(t *testing.T) {
	program, err := os.ReadFile(compile(t, "riscv64-linux-gnu-gcc", "code"))
	if err != nil {
		t.Fatal(err)
	}
	eachSeed(t, 30, func(t *testing.T, mapping, seed string) {
		n, _ := strconv.Atoi(seed)
		name := filepath.Join(filepath.Dir(hospes), "mutant-"+mapping)
		if err := os.WriteFile(name, mutate(program, uint64(n)), 0o755); err != nil {
			t.Fatal(err)
		}
		// Without arguments the intact program ends with 2, as Go does when it
		// fails: check finds that out by what Go says then.
		execute(t, hospes, mapping, name).check(t, "seed "+seed, statuses...)
	})
}

// statuses are all that a program can end with.
var statuses = func() (all []int) {
	for s := range 256 {
		all = append(all, s)
	}
	return all
}()

// mutate damages a copy of a program: headers, the code of its start, or its size.
func mutate(program []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := bytes.Clone(program)
	reach := []int{64, 64 + 56*8, 4096, len(b)}[r.IntN(4)]
	for range 1 + r.IntN(6) {
		b[r.IntN(reach)] ^= 1 << r.IntN(8)
	}
	if r.IntN(4) == 0 {
		b = b[:r.IntN(len(b))]
	}
	return b
}
