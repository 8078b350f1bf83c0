//go:build linux && amd64

package inherited_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hospes-vm/hospes/internal/inherited"
)

const childVar = "HOSPES_TEST_INHERITED"

// TestMain lets the test binary act as the child that a shell with a lower limit starts.
func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	var raised, restored syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &raised)
	l, ok := inherited.Nofile()
	inherited.Restore()
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &restored)
	fmt.Println(ok, l.Cur, raised.Cur > l.Cur, restored.Cur)
}

func TestNofile(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `ulimit -Sn 123 && exec "$0"`, exe)
	cmd.Env = append(os.Environ(), childVar+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	// The third word shows that Go did raise the limit, without which the test would mean nothing.
	if got, want := strings.TrimSpace(string(out)), "true 123 true 123"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
