package testcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Limit is how long a program that is tested may take: only what hangs takes that long, however busy the machine is.
const Limit = 5 * time.Minute

// limit is Limit, but where this package itself is tested.
var limit = Limit

var errHangs = errors.New("it hangs")

// Command is a program that is tested, native or a guest. If it takes longer than Limit, it fails the
// test, which is told what its threads do then, and it is killed. It is so when the test ends, too, if it still
// runs then. It is the leader of a process group, so that those that it has started are killed with it.
func Command(t testing.TB, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errHangs)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Minute // for others that have its output; no less, as the machine may be busy
	cmd.Cancel = func() error {
		if context.Cause(ctx) == errHangs {
			t.Errorf("%q: not finished after %v\n%s", cmd.Args, limit, threads(cmd.Process.Pid))
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return cmd.Process.Kill() // should it have left its group
	}
	t.Cleanup(cancel)
	return cmd
}

// threads describes the threads of a process, of those in its group, and of all that these have started: a line for each, with
// its name, its state, the function of the kernel that it waits in, and its system call as in proc(5).
func threads(pid int) string {
	var b strings.Builder
	for _, id := range family(pid) {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id))
		fmt.Fprintf(&b, "process %d: %q\n", id, strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00"))
		list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", id))
		for _, dir := range list {
			name, fields := stat(filepath.Join(dir, "stat"))
			if len(fields) == 0 {
				continue
			}
			wchan, _ := os.ReadFile(filepath.Join(dir, "wchan"))
			call, _ := os.ReadFile(filepath.Join(dir, "syscall"))
			fmt.Fprintf(&b, "\tthread %s %s: %s, in %s, system call %s\n", filepath.Base(dir), name, fields[0], wchan, strings.TrimSpace(string(call)))
		}
	}
	return b.String()
}

// family is a process, those in its group, and all that these have started.
func family(pid int) []int {
	all := []int{pid}
	for more := true; more; {
		more = false
		list, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range list {
			id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			_, fields := stat(file)
			if len(fields) < 3 || slices.Contains(all, id) {
				continue
			}
			parent, _ := strconv.Atoi(fields[1])
			if group, _ := strconv.Atoi(fields[2]); group == pid || slices.Contains(all, parent) {
				all, more = append(all, id), true
			}
		}
	}
	return all
}

// stat reads /proc/PID/stat: the name of the thread, and the fields from its state on.
func stat(file string) (name string, fields []string) {
	text, _ := os.ReadFile(file)
	i := strings.LastIndexByte(string(text), ')')
	if i < 0 {
		return "", nil
	}
	_, name, _ = strings.Cut(string(text[:i]), "(")
	return name, strings.Fields(string(text[i+1:]))
}
