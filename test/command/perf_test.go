//go:build linux && amd64

package command

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const perfGuest = `
#include <sys/wait.h>
#include <unistd.h>
volatile unsigned long sink;
__attribute__((noinline)) void hot(int n) { for (int i = 0; i < n; i++) sink += i; }
__attribute__((noinline)) void child(int n) { for (int i = 0; i < n; i++) sink ^= i; }
int main(void)
{
	hot(1000);
	if (fork() == 0) {
		child(1000);
		_exit(0);
	}
	wait(0);
	return 0;
}`

// TestPerf looks at the files for perf of a process and its child: that they have the
// blocks of the guest's functions under their names, the child's also those from before
// the fork, and that the map and the dump agree.
func TestPerf(t *testing.T) {
	dir := t.TempDir()
	hospes, guest, src := filepath.Join(dir, "hospes"), filepath.Join(dir, "guest"), filepath.Join(dir, "guest.c")
	if out, err := exec.Command("go", "build", "-o", hospes, "github.com/hospes-vm/hospes/cmd/hospes").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(src, []byte(perfGuest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("riscv64-linux-gnu-gcc", "-O1", "-static", "-o", guest, src).CombinedOutput(); err != nil {
		t.Skipf("riscv64-linux-gnu-gcc: %v\n%s", err, out)
	}
	out, err := testcmd.Command(t, hospes, "--translate", "on", "--perf", "map,jitdump", "--stats", guest).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pids := regexp.MustCompile(`(?m)^process: (\d+)$`).FindAllStringSubmatch(string(out), -1)
	if len(pids) != 2 {
		t.Fatalf("%d processes, want 2\n%s", len(pids), out)
	}
	child, parent := blocks(t, pids[0][1]), blocks(t, pids[1][1])
	if !child["hot"] || !child["child"] || !parent["hot"] || parent["child"] {
		t.Errorf("hot in child: %v, child in child: %v, hot in parent: %v, child in parent: %v",
			child["hot"], child["child"], parent["hot"], parent["child"])
	}
}

// blocks reads and removes the files of a process, and returns the functions in them.
func blocks(t *testing.T, pid string) map[string]bool {
	t.Helper()
	read := func(format string) []byte {
		name := fmt.Sprintf(format, pid)
		defer os.Remove(name)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	text, dump := read("/tmp/perf-%s.map"), read("/tmp/jit-%s.dump")
	list := regexp.MustCompile(`(?m)^([0-9a-f]+) ([0-9a-f]+) (\[hospes stubs\]|(\S+)\+0x[0-9a-f]+ (?:\[hospes \S+\] )?\[0x[0-9a-f]+\](?: \[exits\])?)$`).FindAllStringSubmatch(string(text), -1)
	if n := strings.Count(string(text), "\n"); n != len(list) || n < 3 {
		t.Fatalf("%d lines in the map, of which %d are right\n%s", n, len(list), text)
	}
	dump = dump[binary.LittleEndian.Uint32(dump[8:]):]
	functions := map[string]bool{}
	for _, m := range list {
		functions[m[4]] = true
		size := binary.LittleEndian.Uint32(dump[4:])
		addr, n := binary.LittleEndian.Uint64(dump[24:]), binary.LittleEndian.Uint64(dump[40:])
		name, code, _ := strings.Cut(string(dump[56:size]), "\x00")
		if got := fmt.Sprintf("%x %x %s", addr, len(code), name); got != m[0] || uint64(len(code)) != n {
			t.Errorf("the dump has %q with %d bytes, the map %q", got, n, m[0])
		}
		dump = dump[size:]
	}
	if len(dump) != 0 {
		t.Errorf("%d bytes are left in the dump", len(dump))
	}
	return functions
}
