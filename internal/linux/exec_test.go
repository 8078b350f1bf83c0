//go:build linux && amd64

package linux

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExec runs testdata/exec.c natively and as a guest.
func TestExec(t *testing.T) {
	host := filepath.Join(t.TempDir(), "exechost")
	build := exec.Command("go", "build", "-o", host, "./testdata/exechost")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	native := runExec(t, "gcc")
	guest := runExec(t, "riscv64-linux-gnu-gcc", host)
	if diff := cmp.Diff(native, guest); diff != "" {
		t.Errorf("output (-native +guest):\n%s", diff)
	}
}

// runExec compiles the program and runs it by way of the given command, if any.
func runExec(t *testing.T, cc string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip(cc, "is missing")
	}
	dir := t.TempDir()
	prog := filepath.Join(dir, "prog")
	if out, err := exec.Command(cc, "-static", "-O1", "-pthread", "-w", "-o", prog, "testdata/exec.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	argv := append(command, prog)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return fmt.Sprintf("%sended with %v\n", out, err)
}

func TestExecState(t *testing.T) {
	s := ExecState{Path: "a \"strange\"\n\xff name", FD: 7, Options: []string{"", "x y"}, mask: 1 << 63, ignored: 5}
	s.limits[1] = rlimit{3, 1<<64 - 1}
	v := s.encode()[len(execVar)+1:]
	got, err := decodeExecState(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got, cmp.AllowUnexported(ExecState{})); diff != "" {
		t.Errorf("decoded differently (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "x", "7 0 0", v + "x", v + ` "x`} {
		if _, err := decodeExecState(bad); err == nil {
			t.Errorf("decodeExecState(%q) found nothing wrong", bad)
		}
	}
}
