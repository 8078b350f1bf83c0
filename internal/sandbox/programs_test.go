//go:build linux && amd64

package sandbox

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
	"github.com/hospes-vm/hospes/internal/trap"
)

// notInSandbox are programs of test/syscalls that are not run, because they look at what a sandbox does not have or has otherwise.
var notInSandbox = map[string]string{
	"dir":            "no inotify, no handles of files",
	"exec_inherit":   "root has all capabilities before, too, so nothing is cleared for gaining some",
	"exec_names":     "no ETXTBSY",
	"exec_unnamed":   "/proc/pid/exe is found by its name",
	"fd_numbers":     "root raises its limits; descriptors are not sent",
	"file":           "no seals, leases, hints and SIGIO",
	"id":             "capset has no effect",
	"ipc":            "no System V IPC, no message queues",
	"ipc_attached":   "no System V IPC",
	"keys":           "no keyrings",
	"landlock":       "no Landlock",
	"limit":          "other limits to begin with",
	"mem":            "all memory is said to be in core; no seals",
	"mem_edges":      "locked memory does not count; no MADV_REMOVE",
	"namespace":      "no namespaces",
	"proc":           "no /proc/pid/mem",
	"proc_other":     "no /proc/pid/mem, no process_vm_readv",
	"seccomp":        "no seccomp",
	"signal_fd":      "a signalfd is of the process that has made it",
	"signal_flags":   "no SIGIO",
	"signal_group":   "no pseudo-terminals",
	"signal_status":  "cores are never dumped",
	"signal_restart": "no System V IPC",
	"socket":         "no socket filters, no ioctls of interfaces",
	"signal_stop":    "no System V IPC, no message queues",
	"time":           "no adjtimex",
	"tty":            "no pseudo-terminals",
}

const syscallPrograms = "../../test/syscalls"

// TestPrograms runs programs of test/syscalls natively and in a sandbox, and wants the same output and end. There is
// a Debian around them, for those that run /bin/sh.
func TestPrograms(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(syscallPrograms, "*.c"))
	if err != nil || len(sources) == 0 {
		t.Fatal("no programs:", err)
	}
	for _, src := range sources {
		name := strings.TrimSuffix(filepath.Base(src), ".c")
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "ptrace_") {
				t.Skip("no ptrace")
			}
			if why := notInSandbox[name]; why != "" {
				t.Skip(why)
			}
			dir := t.TempDir()
			for compiler, out := range map[string]string{"gcc": "native", "riscv64-linux-gnu-gcc": "guest"} {
				out := filepath.Join(dir, out, name)
				if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
					t.Fatal(err)
				}
				args := []string{"-static", "-O1", "-pthread", "-w", "-o", out, src}
				if msg, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
					t.Skipf("%s: %v\n%s", compiler, err, msg)
				}
			}
			want := native(t, filepath.Join(dir, "native", name), arguments(t, name)...)
			got := inSandbox(t, filepath.Join(dir, "guest"), name)
			if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
				t.Errorf("(-native +sandbox):\n%s\n%s", diff, got.stderr)
			}
			if got.exit.Status != want.exit.Status {
				t.Errorf("ended with %+v, want %+v", got.exit, want.exit)
			}
		})
	}
}

// arguments are those that a program's source says it wants.
func arguments(t *testing.T, name string) []string {
	b, err := os.ReadFile(filepath.Join(syscallPrograms, name+".c"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if args, ok := strings.CutPrefix(line, "// args:"); ok {
			return strings.Fields(args)
		}
	}
	return nil
}

// native runs a program on this machine, for a minute at most.
func native(t *testing.T, path string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.TempDir()
	// Not one of an orphaned process group, whose processes do not stop, whatever this test has been started by.
	// All of it is killed: what a child has waited for may never come.
	cmd.SysProcAttr, cmd.WaitDelay = &syscall.SysProcAttr{Setpgid: true}, 10*time.Second
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil { // what this test has been started with
		t.Fatal(err)
	}
	trap.Default(32, 0) // which programs that make(1) has started ignore: posix_spawn of glibc
	err := cmd.Run()
	if ctx.Err() != nil || cmd.ProcessState == nil {
		t.Fatalf("natively: %v\nstandard output:\n%s", err, &stdout)
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	status := Status{Code: max(ws.ExitStatus(), 0)}
	if ws.Signaled() {
		status.Signal = int(ws.Signal())
	}
	return result{stdout: stdout.String(), exit: Exit{Status: status}}
}

// inSandbox runs the program name of a directory.
func inSandbox(t *testing.T, dir, name string) result {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tmp := vfs.NewMem(vfs.MemOptions{Size: 64 << 20})
	defer tmp.Close()
	bin, err := vfs.NewHost(dir, vfs.HostOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	var stdout, stderr bytes.Buffer
	k, err := New(Config{NewMachine: newMachine, CPUs: 2, Files: FileConfig{
		Stdout: &stdout, Stderr: &stderr, Dir: "/tmp",
		Mounts: []Mount{
			{Target: "/", FS: debian(t), MountOptions: vfs.MountOptions{ReadOnly: true}},
			{Target: "/tmp", FS: tmp},
			{Target: "/mnt", FS: bin},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("TRACE") != "" {
		k.cfg.Trace = func(t *Task, c *Call, r int64) {
			println(t.TID, c.Row.Name, int(c.Args[0]), int(c.Args[1]), int(c.Args[2]), r)
		}
	}
	path := "/mnt/" + name
	exit, err := k.Run(ctx, Program{Path: path, Argv: slices.Concat([]string{path}, arguments(t, name)), Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("not finished\nstandard output:\n%s\nstandard error:\n%s", &stdout, &stderr)
	}
	return result{stdout.String(), stderr.String(), exit}
}
