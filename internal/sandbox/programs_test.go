//go:build linux && amd64

package sandbox

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// programs are those of test/syscalls that a sandbox can run; see that directory for what they are.
var programs = strings.Fields(os.Getenv("PROGS") + " fork_storm signal_action signal_die_abort signal_die_blocked signal_queue signal_stack thread thread_exit_group")

func TestPrograms(t *testing.T) {
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("../../test/syscalls", name+".c"))
			if err != nil {
				t.Fatal(err)
			}
			file := compile(t, string(source), "-I../../test/syscalls", "-idirafter", "../../test/syscalls")
			native := filepath.Join(t.TempDir(), name)
			if msg, err := exec.Command("gcc", "-static", "-O1", "-pthread", "-w", "-o", native, filepath.Join("../../test/syscalls", name+".c")).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, msg)
			}
			cmd := exec.Command(native)
			cmd.Dir = t.TempDir()
			var stdout bytes.Buffer
			cmd.Stdout = &stdout
			_ = cmd.Run()
			got := execute(t, file, nil)
			if diff := cmp.Diff(stdout.String(), got.stdout); diff != "" {
				t.Errorf("(-native +sandbox):\n%s\n%s", diff, got.stderr)
			}
		})
	}
}
