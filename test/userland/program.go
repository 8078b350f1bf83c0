package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// program is a row: a command of the Debian root and what it must do.
type program struct {
	name   string
	argv   []string // argv[0] is a path in the root
	stdin  string
	want   string // standard output
	host   bool   // want is what the host's command of the same name prints, instead
	status int
	quick  bool // part of the short run
	execs  bool // runs other programs of the root by itself

	packages string // beyond scripts/debian-rootfs.sh's own list
	slow     bool   // takes too long for CI
	known    string // why it is known to fail
}

func programTests() []test {
	var tests []test
	for _, p := range programs {
		tests = append(tests, test{name: p.name, about: commandCell(p.argv), packages: p.packages, quick: p.quick, slow: p.slow, known: p.known, limit: 2 * time.Minute, run: p.run})
	}
	for _, s := range scenarios {
		tests = append(tests, test{name: s.name, about: s.about, packages: s.packages, quick: s.quick, slow: s.slow, known: s.known, limit: 2 * time.Minute, run: s.run})
	}
	return tests
}

// cacheVariable names the directory where hospes keeps translations: programs that are run more than once find theirs.
const cacheVariable = "HOSPES_TRANSLATION_CACHE"

// guest is a command that runs a program of the root under the emulator.
func (c *config) guest(ctx context.Context, dir string, argv ...string) *exec.Cmd {
	args := append(c.emulator[1:len(c.emulator):len(c.emulator)], "-L", c.root, filepath.Join(c.root, argv[0]))
	cmd := exec.CommandContext(ctx, c.emulator[0], append(args, argv[1:]...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8", "TZ=UTC", "TMPDIR=" + dir, cacheVariable + "=" + os.Getenv(cacheVariable)}
	cmd.WaitDelay = 5 * time.Second // a grandchild may hold the pipes
	return cmd
}

func (p *program) run(ctx context.Context, c *config) (verdict, string) {
	if c.root == "" {
		return skipped, "no Debian root"
	}
	if p.execs && !c.execs {
		return skipped, "the emulator does not run guests that a guest executes"
	}
	dir, err := c.workDir(p.name)
	if err != nil {
		return failed, err.Error()
	}
	want := p.want
	if p.host {
		if want, err = p.native(ctx, dir); err != nil {
			return skipped, fmt.Sprintf("the host cannot tell: %v", err)
		}
	}
	out, status, err := outcome(c.guest(ctx, dir, p.argv...), p.stdin)
	switch {
	case err != nil:
		return failed, err.Error()
	case out.stdout != want:
		return failed, fmt.Sprintf("printed %s\nwant %s\n%s", excerpt(out.stdout), excerpt(want), out.stderr)
	case status != p.status:
		return failed, fmt.Sprintf("exit status %d, want %d\n%s", status, p.status, out.stderr)
	}
	return passed, ""
}

// native runs the same command on the host, in a directory of its own.
func (p *program) native(ctx context.Context, dir string) (string, error) {
	path, err := exec.LookPath(filepath.Base(p.argv[0]))
	if err != nil {
		return "", err
	}
	dir += ".host"
	if err := fill(dir); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, p.argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	out, status, err := outcome(cmd, p.stdin)
	if err == nil && status != p.status {
		err = fmt.Errorf("%s: exit status %d: %s", path, status, out.stderr)
	}
	return out.stdout, err
}

type output struct{ stdout, stderr string }

// outcome runs a command to its end; only a failure to run it is an error.
func outcome(cmd *exec.Cmd, stdin string) (output, int, error) {
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); ok {
		err = nil
	}
	status := -1
	if cmd.ProcessState != nil {
		if status = cmd.ProcessState.ExitCode(); status < 0 {
			errs.WriteString(cmd.ProcessState.String())
		}
	}
	return output{out.String(), errs.String()}, status, err
}

// excerpt quotes the beginning of a text.
func excerpt(s string) string {
	const limit = 400
	if len(s) > limit {
		return fmt.Sprintf("%q... (%d bytes)", s[:limit], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// workDir makes a directory for one row, with the files that rows work on.
func (c *config) workDir(name string) (string, error) {
	dir := filepath.Join(c.dir, strings.ReplaceAll(name, "/", "-"))
	return dir, fill(dir)
}

// fill creates dir with words.txt, 5000 lines of an unordered number, its square and a
// word, and empty.txt.
func fill(dir string) error {
	var words bytes.Buffer
	n := uint32(1)
	for range 5000 {
		n = n*1664525 + 1013904223
		k := uint64(n >> 20)
		fmt.Fprintf(&words, "%d %d w%03x\n", k, k*k, k%511)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "empty.txt"), nil, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "words.txt"), words.Bytes(), 0o644)
}
