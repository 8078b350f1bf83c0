//go:build linux && amd64

package hospes_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes"
	"github.com/hospes-vm/hospes/internal/demo"
	"github.com/hospes-vm/hospes/internal/testcmd"
)

const manyEnv = "HOSPES_TEST_RUN_MANY"

func init() {
	if os.Getenv(manyEnv) != "" {
		runtime.LockOSThread() // main runs on the main thread, as Run wants it
	}
}

// TestMain is the program of TestRunMany if it is told to.
func TestMain(m *testing.M) {
	if os.Getenv(manyEnv) == "" {
		os.Exit(m.Run())
	}
	for n := range 40 {
		var translated uint64
		status, err := hospes.Run(hospes.Config{Program: "demo", Image: demo.Program(), Stats: true, OnExit: func(_ hospes.Status, s hospes.Stats) {
			translated = s.Translator.Translated
		}})
		maps, _ := os.ReadFile("/proc/self/maps")
		fds, _ := os.ReadDir("/proc/self/fd")
		fmt.Fprintln(os.Stderr, "run", n, status, err, translated > 0, len(fds), strings.Count(string(maps), "\n"))
	}
}

// TestRunMany: one program after the other in one process, each is translated, and nothing of it stays.
func TestRunMany(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := testcmd.Command(t, exe)
	cmd.Env = append(os.Environ(), manyEnv+"=1")
	var report strings.Builder
	cmd.Stderr = &report
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, report.String())
	}
	var fds, maps [40]int
	lines := strings.Split(strings.TrimSpace(report.String()), "\n")
	for n, line := range lines {
		var run, code, signal int
		var translated bool
		if _, err := fmt.Sscanf(line, "run %d {%d %d} <nil> %t %d %d", &run, &code, &signal, &translated, &fds[n], &maps[n]); err != nil || run != n || code != 0 || signal != 0 || !translated {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if last := len(lines) - 1; last != 39 || fds[last] > fds[2] || maps[last] > maps[2]+20 {
		t.Errorf("from run 2 to %d: from %d to %d descriptors, from %d to %d mappings", last, fds[2], fds[last], maps[2], maps[last])
	}
}
