//go:build linux && amd64

// Package coverage holds the coverage of guests against what gcov says of the same programs on the host.
package coverage

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const name = "lines.c"

// run runs a command in a directory, and returns its standard output.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := testcmd.Command(t, args[0], args[1:]...)
	cmd.Dir = dir
	var out, bad bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() > 1 {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &bad)
	}
	return out.String()
}

// setUp builds hospes and the guest in a directory that also has the source text.
func setUp(t *testing.T) (dir string) {
	t.Helper()
	for _, tool := range []string{"riscv64-linux-gnu-gcc", "gcc", "gcov"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir = t.TempDir()
	source, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), source, 0o666); err != nil {
		t.Fatal(err)
	}
	run(t, "", "go", "build", "-o", filepath.Join(dir, "hospes"), "github.com/hospes-vm/hospes/cmd/hospes")
	run(t, dir, "riscv64-linux-gnu-gcc", "-g", "-static", name, "-o", "guest", "-lm")
	return dir
}

// counts are those of lines.
type counts map[int]int

// native is what gcov says.
func native(t *testing.T, dir string) counts {
	t.Helper()
	run(t, dir, "gcc", "--coverage", name, "-o", "native", "-lm")
	run(t, dir, "./native")
	n := counts{}
	for line := range strings.Lines(run(t, dir, "gcov", "-t", "native-lines.gcda")) {
		fields := strings.SplitN(line, ":", 3)
		at, err := strconv.Atoi(strings.TrimSpace(fields[1]))
		if err != nil || at == 0 {
			continue
		}
		switch count := strings.TrimSuffix(strings.TrimSpace(fields[0]), "*"); count {
		case "-":
		case "#####":
			n[at] = 0
		default:
			if n[at], err = strconv.Atoi(count); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// tracefile reads what hospes has written: lines, and functions, of which there may be several records.
func tracefile(t *testing.T, file string) (lines counts, functions map[string]int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, functions = counts{}, map[string]int{}
	ours := false
	for scan := bufio.NewScanner(f); scan.Scan(); {
		kind, value, _ := strings.Cut(scan.Text(), ":")
		a, b, _ := strings.Cut(value, ",")
		switch kind {
		case "SF":
			ours = filepath.Base(value) == name
		case "DA", "FNDA":
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			switch {
			case !ours:
			case kind == "DA":
				lines[x] += y
			default:
				functions[b] += x
			}
		}
	}
	return lines, functions
}

// better are counts of lines of which gcov does not say what is so: it counts a block as a whole, also where that
// is left by a fault, and a call that returns twice once.
var better = map[string]int{
	"after = 1;":                0,
	"return after;":             0,
	"if (sigsetjmp(back, 1)) {": 6,
	"if (fork() == 0)":          2,
}

// TestGcov: each line is hit, or not, as gcov says, and as often, where it has one statement.
func TestGcov(t *testing.T) {
	dir := setUp(t)
	want := native(t, dir)
	source := strings.Split(run(t, dir, "cat", name), "\n")
	for _, options := range [][]string{nil, {"--mapping", "table"}, {"--code-cache", "128K"}} {
		run(t, dir, append(append([]string{"./hospes", "--coverage", "trace"}, options...), "./guest")...)
		got, functions := tracefile(t, filepath.Join(dir, "trace"))
		both := 0
		for line, n := range want {
			m, ok := got[line]
			if !ok {
				continue
			}
			both++
			text := strings.TrimSpace(source[line-1])
			loops := strings.HasPrefix(text, "for") || strings.HasPrefix(text, "while")
			if right, ok := better[text]; ok {
				n = right
			}
			if (n > 0) != (m > 0) || !loops && n != m {
				t.Errorf("%v: line %d, %s: %d times, gcov says %d", options, line, text, m, n)
			}
		}
		if both < 50 {
			t.Errorf("%v: only %d lines of %d compared", options, both, len(want))
		}
		for line := range got {
			text := strings.TrimSpace(source[line-1])
			if _, ok := want[line]; !ok && text != "{" && text != "}" { // gcov knows no code of these
				t.Errorf("%v: line %d, %s: there is no code by gcov", options, line, text)
			}
		}
		calls := map[string]int{"handler": 3, "classify": 1000, "never": 0, "faults": 3, "floats": 1, "recurse": 51, "child": 1, "main": 1}
		if diff := cmp.Diff(calls, functions); diff != "" {
			t.Errorf("%v: functions (-want +got)\n%s", options, diff)
		}
	}
}

// TestKilled: a signal that kills the guest leaves what was executed until then.
func TestKilled(t *testing.T) {
	dir := setUp(t)
	cmd := testcmd.Command(t, "./hospes", "--coverage", "trace", "./guest", "die")
	cmd.Dir = dir
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("ended with %v", err)
	}
	lines, _ := tracefile(t, filepath.Join(dir, "trace"))
	source := strings.Split(run(t, dir, "cat", name), "\n")
	for line, n := range lines {
		switch strings.TrimSpace(source[line-1]) {
		case "raise(SIGTERM);":
			if n != 1 {
				t.Errorf("line %d was executed %d times", line, n)
			}
		case "return sum == 0;":
			if n != 0 {
				t.Errorf("line %d was executed %d times", line, n)
			}
		}
	}
}

// TestFilter: only files that are asked for count.
func TestFilter(t *testing.T) {
	dir := setUp(t)
	for filter, want := range map[string]bool{".": true, "./lines.c": true, "./other": false, "lines.c": true, filepath.Base(dir): true, "other.c": false, "ines.c": false} {
		run(t, dir, "./hospes", "--coverage", "trace", "--coverage-source", filter, "./guest")
		if lines, _ := tracefile(t, filepath.Join(dir, "trace")); (len(lines) > 0) != want {
			t.Errorf("%s: %d lines", filter, len(lines))
		}
	}
}

// TestGenhtml: lcov's own programs read the file.
func TestGenhtml(t *testing.T) {
	if _, err := exec.LookPath("genhtml"); err != nil {
		t.Skip(err)
	}
	dir := setUp(t)
	run(t, dir, "./hospes", "--coverage", "trace", "--coverage-source", name, "./guest")
	run(t, dir, "genhtml", "-o", "page", "trace")
	if found, _ := filepath.Glob(filepath.Join(dir, "page/*/"+name+".gcov.html")); found == nil {
		if found, _ = filepath.Glob(filepath.Join(dir, "page/"+name+".gcov.html")); found == nil {
			t.Error("no page of the source text")
		}
	}
}

// TestGo: genhtml reads what there is of a Go program.
func TestGo(t *testing.T) {
	dir := setUp(t)
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "goguest"), "../profile/testdata/goguest")
	cmd.Env = append(os.Environ(), "GOARCH=riscv64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run(t, dir, "./hospes", "--coverage", "trace", "./goguest", "1000")
	text, err := os.ReadFile(filepath.Join(dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, is := strings.CutPrefix(strings.TrimSpace(line), "SF:")
		if _, err := os.Stat(name); is && err != nil {
			t.Errorf("a file that genhtml cannot read: %v", err)
		}
	}
	if want := "testdata/goguest/main.go\n"; !strings.Contains(string(text), want) {
		t.Errorf("%s is not in it", want)
	}
}

// TestMix: all instructions are counted, as many as the interpreter executes, also where blocks are left by faults.
func TestMix(t *testing.T) {
	dir := setUp(t)
	number := func(text, prefix string) (n uint64) {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				n, _ = strconv.ParseUint(strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' })[0], 10, 64)
			}
		}
		return n
	}
	stats := func(options ...string) string {
		args := append([]string{"./hospes", "-D", "log"}, options...)
		run(t, dir, append(args, "./guest", "1", "2", "3", "4", "5", "6")...)
		defer os.Remove(filepath.Join(dir, "log"))
		return run(t, dir, "cat", "log")
	}
	want := number(stats("--translate", "off", "--stats"), "instructions: ")
	for _, options := range [][]string{nil, {"--mapping", "table"}, {"--code-cache", "128K"}} {
		text := stats(append(options, "--stats=mix,blocks:3")...)
		if got := number(text, "executed: "); got != want || want < 50000 {
			t.Errorf("%v: %d instructions, the interpreter has executed %d\n%s", options, got, want, text)
		}
		sum := uint64(0)
		for _, kind := range []string{"integer", "load", "store", "branch", "jump", "float", "atomic", "system", "multiply, divide"} {
			n := number(text, "mix "+kind+":")
			if n == 0 {
				t.Errorf("%v: no %s", options, kind)
			}
			sum += n
		}
		if sum != want {
			t.Errorf("%v: kinds are %d in all, not %d", options, sum, want)
		}
		if blocks := strings.Count(text, "\nblock 0x"); blocks != 2*3 {
			t.Errorf("%v: %d blocks, not 3 of each process", options, blocks)
		}
	}
}
