// Package testcmd builds the command for tests as make does.
package testcmd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// LinkFlags place the executable above the addresses of a guest, so that the direct mapping
// has all of them: see RATIONALE.md.
const LinkFlags = "-T=0x600000001000"

// Build builds the command as the file out.
func Build(out string) error {
	cmd := exec.Command("go", "build", "-ldflags="+LinkFlags, "-o", out, "github.com/hospes-vm/hospes/cmd/hospes")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building hospes: %w\n%s", err, msg)
	}
	return nil
}

// Run runs the tests of a package, and returns their status, as m.Run does. It sets hospes to the command, which is
// in a directory of its own that anybody may read, until the tests have ended, and has programs inherit nothing from who has
// started the tests.
func Run(m *testing.M, hospes *string) int {
	inheritNothing()
	dir, err := os.MkdirTemp("", "hospes-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		*hospes = filepath.Join(dir, "hospes")
		err = Build(*hospes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
