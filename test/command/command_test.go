//go:build linux && amd64

// Package command tests the hospes command. It is apart from the command's package,
// which would block all signals in the test process (trap/early), and so in the
// guests that it starts.
package command

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// What the machine lacks for tests in namespaces, and with binary formats of their own.
var (
	noNamespaces = sync.OnceValue(func() string { return whyNotIsolated("true") })
	noBinfmt     = sync.OnceValue(func() string { return whyNotIsolated(tryBinfmt) })
)

// TestScripts runs testdata/script with the real command in the path, and one whose
// translations are wrong, hospes-wrong: a guest needs a process of its own. The condition
// [riscv-gcc] tells whether guests can be built, [namespaces] and [binfmt] whether the
// command isolated works and can register binary formats.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	build(t, filepath.Join(bin, "hospes"))
	build(t, filepath.Join(bin, "hospes-wrong"), "-tags", "wrong")
	_, noGCC := exec.LookPath("riscv64-linux-gnu-gcc")
	if noGCC != nil {
		t.Log("riscv64-linux-gnu-gcc is not installed: scripts that compile guests are skipped")
	}
	for _, missing := range []string{noNamespaces(), noBinfmt()} {
		if missing != "" {
			t.Log("scripts in namespaces are skipped:", missing)
		}
	}
	s := scripts{t}
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(3 * testcmd.Limit), // for all of them
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "riscv-gcc":
				return noGCC == nil, nil
			case "root":
				return os.Geteuid() == 0, nil
			case "namespaces":
				return noNamespaces() == "", nil
			case "binfmt":
				return noBinfmt() == "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   s.cmdStatus,
			"cc":       cmdCompile,
			"head":     cmdHead,
			"isolated": s.cmdIsolated,
		},
	})
}

// build builds the command into a file.
func build(t *testing.T, file string, flags ...string) {
	args := append([]string{"build", "-o", file}, flags...)
	if out, err := exec.Command("go", append(args, "github.com/hospes-vm/hospes/cmd/hospes")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// scripts have commands of their own.
type scripts struct{ t *testing.T }

// cmdStatus runs a command and compares how it ended: "status 3 hospes ..." or
// "status SIGSEGV hospes ...". Output goes to the files out and err.
func (s scripts) cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	cmd := testcmd.Command(s.t, args[1], args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=/", "HOSPES_TRANSLATION_CACHE=off", "MARK=" + ts.Getenv("MARK")}
	if p, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), ":")[0], args[1])); err == nil {
		cmd.Path, cmd.Err = p, nil
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(out.String()), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(errs.String()), 0o644))
	if cmd.ProcessState == nil {
		ts.Fatalf("%v: %v", args, err)
	}
	if got := endedAs(cmd.ProcessState); (got == args[0]) == neg {
		ts.Fatalf("ended as %s, want %s\nstdout: %s\nstderr: %s", got, args[0], out.String(), errs.String())
	}
}

// cmdCompile compiles a static riscv64 program: "cc prog prog.c [flags]".
func cmdCompile(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command("riscv64-linux-gnu-gcc", append([]string{"-O1", "-static", "-pthread", "-o", ts.MkAbs(args[0]), ts.MkAbs(args[1])}, args[2:]...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}

// cmdHead cuts a file after some bytes: "head 100 from to".
func cmdHead(ts *testscript.TestScript, neg bool, args []string) {
	b := []byte(ts.ReadFile(args[1]))
	n := 0
	for _, c := range args[0] {
		n = n*10 + int(c-'0')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b[:min(n, len(b))], 0o755))
}
