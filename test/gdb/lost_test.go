//go:build linux && amd64

package gdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestLostDebugger: a guest goes on when its debugger has been killed, whatever that has left: a breakpoint in hot code
// and a watchpoint.
func TestLostDebugger(t *testing.T) {
	guest := build(t, "hot.c", static...)
	dir := t.TempDir()
	socket, reached, killed := filepath.Join(dir, "gdb"), filepath.Join(dir, "reached"), filepath.Join(dir, "killed")
	cmd, out := start(t, hospes, "--threshold", "0", "-g", socket, guest)
	done := make(chan string)
	go func() {
		done <- script(t, guest, connect(t, socket), "break twice", "continue", "watch pt.y", "continue",
			"shell touch "+reached+"; until [ -e "+killed+" ]; do sleep 0.1; done", "continue")
	}()
	await(t, reached)
	stub := debuggerOf(cmd.Process.Pid)
	if stub == 0 {
		t.Error("no debugger")
	} else {
		_ = syscall.Kill(stub, syscall.SIGKILL)
	}
	if err := os.WriteFile(killed, nil, 0o666); err != nil {
		t.Error(err)
	}
	said := <-done
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 || out.String() != "counter 600\n" {
		t.Errorf("status %d, %q; GDB:\n%s", code, out, said)
	}
}

// debuggerOf is the process that debugs another, or 0.
func debuggerOf(pid int) int {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range list {
		if b, _ := os.ReadFile(name); string(b) == fmt.Sprintf("hospes\x00attach\x00%d\x00", pid) {
			n, _ := strconv.Atoi(strings.Split(name, "/")[2])
			return n
		}
	}
	return 0
}
