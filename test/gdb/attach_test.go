//go:build linux && amd64

package gdb

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// TestAttach debugs a guest that knows nothing of it until it runs hot code, lets it go, comes back, and
// has it end.
func TestAttach(t *testing.T) {
	guest := build(t, "loop.c", static...)
	cmd, out := start(t, hospes, guest)
	pid := strconv.Itoa(cmd.Process.Pid)
	for turn, last := range []string{"detach", "set var stop = 1"} {
		socket := filepath.Join(t.TempDir(), "gdb"+strconv.Itoa(turn))
		stub, _ := start(t, hospes, "attach", "-g", socket, pid)
		said := script(t, guest, connect(t, socket), "bt 1", "print turns > 0", "tbreak tick", "continue", "print n == turns", "print n % 65536", "finish", last)
		expect(t, said, []string{`^#0 .*main`, `^\$1 = 1`, `tick \(n=`, `^\$2 = 1`, `^\$3 = 0`, `^main|in main`})
		if err := stub.Wait(); err != nil {
			t.Errorf("hospes attach: %v", err)
		}
		if t.Failed() {
			t.Fatal(said)
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 || out.String() != "running\nended\n" {
		t.Errorf("status %d, %q", code, out)
	}
}

// TestComing lets GDB come and go, once through a pipe.
func TestComing(t *testing.T) {
	guest := build(t, "loop.c", static...)
	socket := filepath.Join(t.TempDir(), "gdb")
	cmd, out := start(t, hospes, "-g", socket+",suspend=n", guest)
	for range 2 {
		said := script(t, guest, connect(t, socket), "tbreak tick", "continue", "print n == turns")
		expect(t, said, []string{`tick \(n=`, `^\$1 = 1`})
	}
	pipe := "target remote | " + hospes + " attach " + strconv.Itoa(cmd.Process.Pid)
	said := script(t, guest, pipe, "set var stop = 1", "break puts", "continue", "continue")
	expect(t, said, []string{`puts`, `exited with code 05`})
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 || out.String() != "running\nended\n" {
		t.Errorf("status %d, %q; GDB:\n%s", code, out, said)
	}
}

// TestExtended stays when the program has ended, and goes on with another one, and starts the first one again.
func TestExtended(t *testing.T) {
	guest, other := build(t, "hot.c", static...), build(t, "loop.c", static...)
	socket := filepath.Join(t.TempDir(), "gdb")
	cmd, _ := start(t, hospes, "-g", socket, guest)
	running, out := start(t, hospes, other)
	extended := strings.Replace(connect(t, socket), "remote", "extended-remote", 1)
	said := script(t, guest, extended, "continue", "info inferiors", "file "+other, "attach "+strconv.Itoa(running.Process.Pid),
		"tbreak tick", "continue", "set var stop = 1", "detach", "info inferiors", "file "+guest, "tbreak main", "run", "continue")
	expect(t, said, []string{`exited with code 07`, `<null>`, `tick \(n=`, `<null>`, `breakpoint \d, main`, `exited with code 07`})
	_ = cmd.Wait()
	_ = running.Wait()
	if a, b := cmd.ProcessState.ExitCode(), running.ProcessState.ExitCode(); a != 7 || b != 5 || t.Failed() {
		t.Errorf("status %d and %d, %q; GDB:\n%s", a, b, out, said)
	}
}

// TestRun: GDB starts guests, and ends the server.
func TestRun(t *testing.T) {
	guest := build(t, "run.c", static...)
	socket := filepath.Join(t.TempDir(), "gdb")
	cmd, out := start(t, hospes, "attach", "-g", socket)
	extended := strings.Replace(connect(t, socket), "remote", "extended-remote", 1)
	said := script(t, guest, extended, "info inferiors", "set remote exec-file /nowhere", "run", "set remote exec-file "+guest,
		"set environment NAME = its value", "unset environment PATH", "set args 'a b' c", "set cwd /tmp", "break main", "run", "print argc", "continue",
		"set args", "run", "print argc", "kill", "set remote exec-file", "run", "continue", "monitor exit")
	expect(t, said, []string{`<null>`, `failed`, `hit Breakpoint 1, main|^Breakpoint 1, main`, `^\$1 = 3`, `exited with code 03`,
		`^Breakpoint 1, main`, `^\$2 = 1`, `^Breakpoint 1, main`, `exited with code 01`})
	_ = cmd.Wait()
	want := "hospes: /nowhere: not found\na b, c, in /tmp, NAME=its value, PATH=none\nin /tmp, NAME=its value, PATH=none\n"
	if got := strings.ReplaceAll(out.String(), "\n\n", "\n"); cmd.ProcessState.ExitCode() != 0 || got != want {
		t.Errorf("%v, %q; GDB:\n%s", cmd.ProcessState, got, said)
	}
}

// TestBadAttach: what cannot be debugged gets a line and a status.
func TestBadAttach(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"attach"}, 2, "the ID of a process is wanted"},
		{[]string{"attach", "x"}, 2, "the ID of a process is wanted"},
		{[]string{"attach", "-g", "x", "1"}, 2, "no port"},
		{[]string{"attach", strconv.Itoa(cmdPid(t))}, 1, "not a guest process"},
		{[]string{"attach", "-g", "0", strconv.Itoa(cmdPid(t))}, 1, "not a guest process"},
		{[]string{"attach", "-g", "0", "1073741824"}, 1, "no such process"},
		{[]string{"-g", "/nowhere/socket", "prog"}, 125, "cannot listen at /nowhere/socket"},
		{[]string{"-g", "99999", "prog"}, 2, "no port"},
	} {
		cmd := testcmd.Command(t, hospes, c.args...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.status || !strings.Contains(string(out), c.want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%q: status %d, %q", c.args, code, out)
		}
	}
}

// cmdPid is the ID of a process that is no guest.
func cmdPid(t *testing.T) int {
	cmd := testcmd.Command(t, "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}
