package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWorldOnOverlay has the cache in an overlay, which cannot be the upper layer of another
// one: the script says so, and ends with the status of a skip.
func TestWorldOnOverlay(t *testing.T) {
	script, err := filepath.Abs("../../" + worldScript)
	if err != nil {
		t.Fatal(err)
	}
	// The emulator is never run.
	const setup = `cd "$1" && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m || exit 99
HOSPES_CACHE=$1/m/cache exec "$2" -n -e /bin/true`
	out, err := exec.Command("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", setup, "sh", t.TempDir(), script).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		t.Fatalf("no failure: %s", out)
	case !errors.As(err, &exit), exit.ExitCode() == 1 && strings.Contains(string(out), "unshare"), exit.ExitCode() == 99:
		t.Skipf("cannot mount an overlay: %v: %s", err, out)
	}
	if want := "which cannot be a layer of overlayfs"; exit.ExitCode() != 77 || !strings.Contains(string(out), want) {
		t.Errorf("exit status %d, want 77 and %q: %s", exit.ExitCode(), want, out)
	}
}
