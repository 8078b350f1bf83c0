//go:build linux && amd64

// Package profile tests profiles of guests whose shares of the time are known.
package profile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// hospes is the command under test. The programs are beside it.
var hospes string

func TestMain(m *testing.M) { os.Exit(testcmd.Run(m, &hospes)) }

// command builds a program, once.
func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func in(name string) string { return filepath.Join(filepath.Dir(hospes), name) }

// How C guests are built: what unwinding goes by.
var cFlags = map[string][]string{
	"cfi":     {"-g", "-fasynchronous-unwind-tables", "-fomit-frame-pointer"},
	"frames":  {"-g", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-omit-frame-pointer"},
	"nothing": {"-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fomit-frame-pointer"},
}

var buildC = func() map[string]func() error {
	builds := map[string]func() error{}
	for kind, flags := range cFlags {
		builds[kind] = sync.OnceValue(func() error {
			lib := in("lib" + kind + ".so")
			gcc := func(args ...string) error {
				return command("riscv64-linux-gnu-gcc", append(append([]string{"-O1"}, flags...), args...)...)
			}
			if err := gcc("-shared", "-fPIC", "-o", lib, "testdata/lib.c"); err != nil {
				return err
			}
			return gcc("-pthread", "-o", in(kind), "testdata/shares.c", lib, "-Wl,-rpath,"+filepath.Dir(hospes))
		})
	}
	return builds
}()

// needC has a C guest built, or skips the test if there is no compiler.
func needC(t *testing.T, kind string) {
	t.Helper()
	if err := buildC[kind](); errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// run profiles a C guest.
func run(t *testing.T, kind string, options []string, args ...string) *profile.Profile {
	t.Helper()
	needC(t, kind)
	return profiled(t, options, append([]string{in(kind)}, args...)...)
}

// profiled profiles a program.
func profiled(t *testing.T, options []string, program ...string) *profile.Profile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "profile")
	args := append([]string{"--pprof", file, "--pprof-rate", "250"}, options...)
	cmd := testcmd.Command(t, hospes, append(args, program...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Fatal(err)
	}
	return read(t, file)
}

func read(t *testing.T, file string) *profile.Profile {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

// stack is the names of a sample's functions, the innermost first, without those that are inlined.
func stack(s *profile.Sample) (names []string) {
	for _, l := range s.Location {
		names = append(names, l.Line[len(l.Line)-1].Function.Name)
	}
	return names
}

// total is the samples that match.
func total(p *profile.Profile, match func(*profile.Sample, []string) bool) (n int64) {
	for _, s := range p.Sample {
		if match(s, stack(s)) {
			n += s.Value[0]
		}
	}
	return n
}

// linked matches all but the dynamic linker's work, which takes a moment, however long the program does.
func linked(s *profile.Sample, _ []string) bool {
	return slices.ContainsFunc(s.Location, func(l *profile.Location) bool {
		return l.Mapping == nil || !strings.HasPrefix(filepath.Base(l.Mapping.File), "ld-linux")
	})
}

// begins matches stacks that begin with names.
func begins(names ...string) func(*profile.Sample, []string) bool {
	return func(_ *profile.Sample, stack []string) bool {
		return len(stack) >= len(names) && slices.Equal(stack[:len(names)], names)
	}
}

// checkShare holds the share of what matches, in what comes after the start, against a known one.
func checkShare(t *testing.T, p *profile.Profile, want, tolerance float64, match func(*profile.Sample, []string) bool) {
	t.Helper()
	n, of := total(p, match), total(p, linked)
	if got := float64(n) / float64(of); of < 10 || math.Abs(got-want) > tolerance {
		t.Errorf("%d of %d samples, want a share of %.2f", n, of, want)
		for _, s := range p.Sample {
			t.Log(s.Value[0], s.Label["tier"], stack(s))
		}
	}
}

// tiers are ways to execute the guest.
var tiers = map[string][]string{
	"interpreter": {"--translate", "off"},
	"translated":  {"--optimise", "off"},
	"optimised":   {"--optimise-threshold", "1000"}, // what has been sampled often would be, if there is time
}

// TestShares: two functions that share the time as one to three, with their callers, in each tier and with
// each kind of unwinding.
func TestShares(t *testing.T) {
	for tier, options := range tiers {
		for kind := range cFlags {
			t.Run(tier+"/"+kind, func(t *testing.T) {
				n := "40000000"
				switch tier {
				case "interpreter":
					n = "3000000"
				case "optimised": // by a thread that may have to wait for a processor
					n = "200000000"
				}
				p := run(t, kind, options, "both", n)
				checkShare(t, p, 0.25, 0.1, begins("one", "both", "main"))
				checkShare(t, p, 0.75, 0.1, begins("three", "both", "main"))
				checkShare(t, p, 0.8, 0.25, func(s *profile.Sample, _ []string) bool { return s.Label["tier"][0] == tier })
			})
		}
	}
}

// TestLeaves: functions without accesses to memory, where the state is known seldom.
func TestLeaves(t *testing.T) {
	for tier, options := range tiers {
		t.Run(tier, func(t *testing.T) {
			n := map[string]string{"interpreter": "300000", "translated": "30000000", "optimised": "30000000"}[tier]
			p := run(t, "cfi", options, "leaves", n)
			one, three := begins("leaf_one", "leaves"), begins("leaf_three", "leaves")
			checkShare(t, p, 0.9, 0.1, func(s *profile.Sample, names []string) bool {
				return names[0] == "leaves" || one(s, names) || three(s, names)
			})
			// Three times as many are expected, give or take what chance does.
			if a, b := total(p, one), total(p, three); tier != "interpreter" && (2*b < 3*a || a == 0) {
				t.Errorf("%d samples in the short one, %d in the long one", a, b)
			}
		})
	}
}

// TestRecursion: all frames of a recursion are there.
func TestRecursion(t *testing.T) {
	for kind := range cFlags {
		t.Run(kind, func(t *testing.T) {
			p := run(t, kind, nil, "recurse", "300000000")
			want := append(slices.Repeat([]string{"recurse"}, 21), "main")
			checkShare(t, p, 1, 0.05, begins(want...))
		})
	}
}

// TestInlined: a function that the compiler has inlined is there, with its line.
func TestInlined(t *testing.T) {
	p := run(t, "cfi", nil, "both")
	checkShare(t, p, 1, 0.1, func(s *profile.Sample, _ []string) bool {
		lines := s.Location[0].Line
		return len(lines) == 2 && lines[0].Function.Name == "work" && strings.HasSuffix(lines[0].Function.Filename, "shares.c") && lines[0].Line >= 18 && lines[0].Line <= 24
	})
}

// TestLibrary: frames of a shared library and of a function that it calls back, with mappings.
func TestLibrary(t *testing.T) {
	for kind := range cFlags {
		t.Run(kind, func(t *testing.T) {
			p := run(t, kind, nil, "library")
			inLibrary, back := begins("in_library", "main"), begins("called_back", "in_library", "main")
			checkShare(t, p, 1, 0.1, func(s *profile.Sample, n []string) bool { return inLibrary(s, n) || back(s, n) })
			if total(p, inLibrary) == 0 || total(p, back) == 0 {
				t.Error("none of one of both")
			}
			if first := p.Mapping[0].File; first != in(kind) {
				t.Errorf("the profile is of %s, not of the program", first)
			}
			for _, m := range p.Mapping {
				if m.File == "" || m.BuildID == "" && !strings.HasPrefix(m.File, filepath.Dir(hospes)) || m.Limit <= m.Start {
					t.Errorf("a mapping lacks something: %+v", m)
				}
			}
		})
	}
}

// TestThreads: samples have their threads.
func TestThreads(t *testing.T) {
	p := run(t, "cfi", nil, "threads")
	for _, name := range []string{"first", "second"} {
		checkShare(t, p, 0.5, 0.15, func(s *profile.Sample, _ []string) bool {
			return s.Label["thread"][0] == name && s.NumLabel["tid"][0] > 0
		})
	}
	checkShare(t, p, 0.75, 0.15, begins("three", "both", "thread"))
}

// TestCalls: time in system calls has their names, and callers.
func TestCalls(t *testing.T) {
	p := run(t, "cfi", nil, "calls")
	checkShare(t, p, 0.6, 0.4, func(s *profile.Sample, n []string) bool {
		return s.Label["tier"][0] == "system" && s.Label["syscall"][0] == "getppid" && slices.Contains(n, "calls")
	})
}

// TestHandler: what a signal handler has interrupted is below it.
func TestHandler(t *testing.T) {
	p := run(t, "cfi", nil, "handler")
	checkShare(t, p, 1, 0.1, func(_ *profile.Sample, n []string) bool {
		at := slices.Index(n, "handler")
		return at >= 0 && slices.Contains(n[at:], "raise") && n[len(n)-1] == "_start"
	})
}

// TestKilled: a guest that a signal kills leaves a profile.
func TestKilled(t *testing.T) {
	checkShare(t, run(t, "cfi", nil, "killed"), 0.75, 0.1, begins("three", "both", "main"))
}

// TestFork: a child has a file of its own.
func TestFork(t *testing.T) {
	needC(t, "cfi")
	file := filepath.Join(t.TempDir(), "profile")
	if out, err := testcmd.Command(t, hospes, "--pprof", file, in("cfi"), "fork").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	children, err := filepath.Glob(file + ".*")
	if err != nil || len(children) != 1 {
		t.Fatalf("%d files of children, want 1: %v", len(children), err)
	}
	if child := read(t, children[0]); total(child, begins("three", "parent_and_child", "main")) == 0 {
		t.Error("the child's profile lacks what it has done")
	}
	if parent := read(t, file); total(parent, begins("three")) != 0 {
		t.Error("the parent's profile has what the child has done")
	}
}

// TestGo: a Go guest, with and without debug information.
func TestGo(t *testing.T) {
	for _, flags := range []string{"", "-s -w"} {
		t.Run("ldflags="+flags, func(t *testing.T) {
			guest := filepath.Join(t.TempDir(), "guest")
			cmd := exec.Command("go", "build", "-ldflags", flags, "-o", guest, "./testdata/goguest")
			cmd.Env = append(os.Environ(), "GOARCH=riscv64", "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			p := profiled(t, nil, guest, "40000000")
			checkShare(t, p, 0.25, 0.12, begins("main.one", "main.both", "main.main", "runtime.main"))
			checkShare(t, p, 0.75, 0.15, begins("main.three", "main.both", "main.main", "runtime.main"))
		})
	}
}

// TestTool: go tool pprof reads it.
func TestTool(t *testing.T) {
	needC(t, "cfi")
	file := filepath.Join(t.TempDir(), "profile")
	if out, err := testcmd.Command(t, hospes, "--optimise-threshold", "1000", "--pprof", file, in("cfi"), "both", "200000000").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for arg, want := range map[string]string{
		"-top":        `(?m)^ +0 +0% +100% +[0-9.]+m?s (6|7|8)[0-9.]+%  three$`,
		"-peek=three": `(?m)both\n.*three$`,
		"-traces":     `(?s)tier: +optimised.*three\n +both\n +main`,
		"-list=work":  `shares\.c`,
	} {
		out, err := exec.Command("go", "tool", "pprof", arg, file).CombinedOutput()
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s: %v\n%s", arg, err, out)
		}
	}
}
