//go:build linux && amd64

package gdb

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// wantCrash is what GDB says of a dump of crash.c.
var wantCrash = []string{
	`terminated with signal SIGSEGV`, `^#0 .*inner \(p=0x8, depth=3\)`, `^#4 .*outer`, `^#5 .*main`, `^\* 1 +.*inner`, `^  2 +.*pause`,
	`^\$1 = "static text"`, `^\$2 = 6.25`, `^\$3 = 0x.* "abcdefghij`, `^\$4 = .*0x8$`, `/crash$`,
}

const crashCommands = "bt\ninfo threads\nprint text\nprint number\nframe 5\nprint heap\nprint $_siginfo._sifields._sigfault.si_addr\ninfo proc mappings"

// TestCore has guests crash, and GDB read what they leave.
func TestCore(t *testing.T) {
	for name, flags := range map[string][]string{"static": {"-O1", "-static", "-fno-omit-frame-pointer"}, "dynamic": {"-O1"}} {
		t.Run(name, func(t *testing.T) {
			guest := build(t, "crash.c", flags...)
			for how, options := range configurations {
				core := filepath.Join(t.TempDir(), "core")
				cmd, out := start(t, hospes, append(options, "--core", core+".%%.%s", guest)...)
				_ = cmd.Wait()
				if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGSEGV {
					t.Fatalf("%s: %v\n%s", how, cmd.ProcessState, out)
				}
				commands := crashCommands
				if name == "dynamic" {
					commands = "set sysroot /usr/riscv64-linux-gnu\n" + commands
				}
				said := script(t, guest, append([]string{"core-file " + core + ".%.11"}, strings.Split(commands, "\n")...)...)
				expect(t, said, wantCrash)
				if t.Failed() {
					t.Fatalf("%s:\n%s", how, said)
				}
			}
		})
	}
}

// TestGenerateCore has GDB write a dump of a guest that has crashed, and read it. Of registers there is nothing in
// it: GDB 13 writes those of another machine as if they were of this one, with QEMU, too.
func TestGenerateCore(t *testing.T) {
	guest := build(t, "crash.c", static...)
	core, socket := filepath.Join(t.TempDir(), "core"), filepath.Join(t.TempDir(), "gdb")
	cmd, _ := start(t, hospes, "-g", socket, guest)
	said := script(t, guest, connect(t, socket), "continue", "generate-core-file "+core, "kill")
	_ = cmd.Wait()
	expect(t, said, []string{`received signal SIGSEGV`, `^Saved corefile`})
	said = script(t, guest, "core-file "+core, "info threads", "print text", "print number", "x/s 0x3ffffffff8-6", "info auxv")
	expect(t, said, []string{`terminated with signal SIGSEGV`, `^  2 +.*Thread`, `^\$1 = "static text"`, `^\$2 = 6.25`, `"crash"$`, `AT_PHDR`})
	if t.Failed() {
		t.Log(said)
	}
}

// TestCoreLimit: a dump is written if the limit allows it, and cut off by it.
func TestCoreLimit(t *testing.T) {
	guest := build(t, "crash.c", static...)
	for limit, want := range map[string]bool{"0": false, "3": false, "20": true, "unlimited": true} {
		cmd, out := start(t, "sh", "-c", "ulimit -c "+limit+" && exec "+hospes+" "+guest+" abort")
		_ = cmd.Wait()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGABRT {
			t.Fatalf("%v\n%s", cmd.ProcessState, out)
		}
		pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
		if p := strings.TrimSpace(string(pattern)); p != "core" && !strings.HasPrefix(p, "|") {
			t.Skip("dumps have other names here")
		}
		st, err := os.Stat(filepath.Join(cmd.Dir, "core"))
		if (err == nil) != want {
			t.Errorf("limit %s: %v", limit, err)
		}
		if limit == "20" && err == nil && st.Size() != 20*512 && st.Size() != 20*1024 {
			t.Errorf("limit %s: %d bytes", limit, st.Size())
		}
	}
}
