//go:build linux && amd64

package machine

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// TestLow: programs that are linked below the lowest address that mmap(2) gives do what they
// do with QEMU, except with the direct mapping, which says so.
func TestLow(t *testing.T) {
	if _, err := exec.LookPath(guestCC); err != nil {
		t.Skip(guestCC, "is missing")
	}
	for name, link := range map[string]string{"code": "-Wl,-Ttext-segment=0x2000", "data": "-Wl,-Tdata=0x2000"} {
		t.Run(name, func(t *testing.T) {
			guest := filepath.Join(t.TempDir(), "guest")
			cmd := exec.Command(guestCC, "-static", "-O1", "-Wall", "-Werror", link, "-o", guest, "testdata/low/low.c")
			if msg, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, msg)
			}
			want := ""
			if reference, err := qemu(); err == nil {
				want = execute(t, reference, guest)
			}
			for _, c := range configurations {
				t.Run(c.name, func(t *testing.T) {
					if strings.Contains(c.name, "direct") {
						out, err := testcmd.Command(t, hospes, append(slices.Clone(c.options), guest)...).CombinedOutput()
						if err == nil || !strings.Contains(string(out), "--mapping offset has") {
							t.Errorf("%v\n%s", err, out)
						}
						return
					}
					got := execute(t, append(append([]string{hospes}, c.options...), guest)...)
					if !strings.Contains(got, "low") || want != "" && got != want {
						t.Errorf("got:\n%swant:\n%s", got, want)
					}
				})
			}
		})
	}
}
