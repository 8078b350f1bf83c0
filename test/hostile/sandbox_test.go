//go:build linux && amd64

package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	embed "github.com/hospes-vm/hospes"
	"github.com/hospes-vm/hospes/internal/testcmd"
)

// secret is what no guest is to see.
const secret = "hospes-secret"

// outside makes what lies around the directories that a guest gets: links lead from there to a secret.
func outside(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(dir, "secret"), []byte(secret), 0o600))
	for _, d := range []string{"data", "ro"} {
		must(os.MkdirAll(filepath.Join(dir, d, "dir"), 0o755))
		must(os.WriteFile(filepath.Join(dir, d, "file"), []byte("content"), 0o644))
		must(os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, d, "absolute")))
		must(os.Symlink("../secret", filepath.Join(dir, d, "relative")))
		must(os.Symlink("..", filepath.Join(dir, d, "up")))
	}
	return dir
}

// snapshot is all that is in dir, but in skip.
func snapshot(t *testing.T, dir, skip string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == skip {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case d.Type() == fs.ModeSymlink:
			content, _ = os.Readlink(path)
		case d.Type().IsRegular():
			b, _ := os.ReadFile(path)
			content = string(b)
		}
		fmt.Fprintf(&b, "%s %v %q\n", path, info.Mode(), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// self is what of this process a guest could change.
func self(t *testing.T) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mask := unix.Umask(0)
	unix.Umask(mask)
	var limits []unix.Rlimit
	for r := range 16 {
		var l unix.Rlimit
		_ = unix.Getrlimit(r, &l)
		limits = append(limits, l)
	}
	var ws syscall.WaitStatus
	_, children := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
	return fmt.Sprint(wd, mask, limits, children, os.Geteuid(), os.Environ())
}

// TestSandbox has guests of the sandbox make system calls by chance, with links, names and numbers that could lead out of
// it. Nothing outside may change or be seen, and the program that they are in goes on.
func TestSandbox(t *testing.T) {
	dir := outside(t)
	const cc = "riscv64-linux-gnu-gcc"
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip(cc, "is missing")
	}
	program := filepath.Join(t.TempDir(), "escape")
	cmd := exec.Command(cc, "-O1", "-static", "-w", fmt.Sprintf("-DSECRET=%q", filepath.Join(dir, "secret")), "-o", program, "testdata/escape.c")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	m, err := embed.OpenModule(program)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	signals := make(chan os.Signal, 100)
	signal.Notify(signals)
	signal.Reset(syscall.SIGURG, syscall.SIGPROF)
	defer signal.Stop(signals)

	data := filepath.Join(dir, "data")
	around, process := snapshot(t, dir, data), self(t)
	n := 30
	if *seeds > 0 {
		n = *seeds
	}
	for seed := *first; seed < *first+n; seed++ {
		try(t, m, data, filepath.Join(dir, "ro"), seed)
	}
	if now := snapshot(t, dir, data); now != around {
		t.Errorf("outside was\n%s\nand is\n%s", around, now)
	}
	if now := self(t); now != process {
		t.Errorf("the process was %s and is %s", process, now)
	}
	select {
	case s := <-signals:
		if s != syscall.SIGURG {
			t.Errorf("signal %v", s)
		}
	default:
	}
}

// try runs a guest with a seed. However it ends is right, if it does.
func try(t *testing.T, m *embed.Module, data, ro string, seed int) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), testcmd.Limit)
	defer cancel()
	i, err := m.Instantiate(embed.Options{
		Args: []string{"escape", strconv.Itoa(seed), "3000"}, Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &out,
		Mounts: []embed.Mount{
			{Target: "/data", Dir: data, Writable: true}, {Target: "/ro", Dir: ro}, {Target: "/tmp"},
			{Target: "/fs", FS: fstest.MapFS{"dir/file": {Data: []byte("content")}}},
		},
		Limits:    embed.Limits{Memory: 64 << 20, Threads: 12, Files: 100, Output: 1 << 20, Time: 400 * time.Millisecond},
		Interpret: seed%5 == 0,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	err = i.Run(ctx)
	var limit *embed.LimitError
	var exit *embed.ExitError
	var sig *embed.SignalError
	if err != nil && !errors.As(err, &limit) && !errors.As(err, &exit) && !errors.As(err, &sig) {
		t.Errorf("seed %d: %v", seed, err)
	}
	if strings.Contains(out.String(), secret) {
		t.Errorf("seed %d has seen the secret:\n%s", seed, out.String())
	}
}
