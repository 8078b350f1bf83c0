// Package testcmd builds the command for tests as make does.
package testcmd

import (
	"fmt"
	"os"
	"os/exec"
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
