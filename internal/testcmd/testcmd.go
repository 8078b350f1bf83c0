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

// CacheVariable names the directory where the command keeps translations.
const CacheVariable = "HOSPES_TRANSLATION_CACHE"

// Hermetic has commands of tests keep translations in a directory below dir, unless the variable names another one: those of
// the user are neither used nor added to. In what is run a second time they are found.
func Hermetic(dir string) error {
	if os.Getenv(CacheVariable) != "" {
		return nil
	}
	dir = filepath.Join(dir, "translations")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Setenv(CacheVariable, dir)
}

// RunHermetic runs the tests of a package that builds commands itself, and returns their status.
func RunHermetic(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hospes-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = Hermetic(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Run runs the tests of a package, and returns their status, as m.Run does. It sets hospes to the command, which is
// in a directory of its own that anybody may read, until the tests have ended. Translations are kept there, too.
func Run(m *testing.M, hospes *string) int {
	dir, err := os.MkdirTemp("", "hospes-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		err = Hermetic(dir)
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
