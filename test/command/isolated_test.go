//go:build linux && amd64

package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// isolated puts a command into a user, mount and PID namespace of its own, in which
// it is root. A binfmt_misc that is mounted there holds nowhere else (Linux 6.7).
func isolated(cmd *exec.Cmd) *exec.Cmd {
	ids := func(id int) []syscall.SysProcIDMap {
		if os.Geteuid() == 0 {
			return []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
		}
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:     true, // as testcmd.Command has it
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid()),
		GidMappingsEnableSetgroups: os.Geteuid() == 0,
	}
	return cmd
}

const mountProc = "mount -t proc proc /proc && "

// whyNotIsolated tells why isolated does not work here, with what a shell command
// needs; it is empty if all does.
func whyNotIsolated(command string) string {
	out, err := isolated(exec.Command("sh", "-c", mountProc+command)).CombinedOutput()
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error() + " " + string(out))
}

const tryBinfmt = "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc && test -w /proc/sys/fs/binfmt_misc/register"

// cmdIsolated runs a shell script in namespaces of its own: "isolated script".
// Output goes to the files out and err, with $WORK for the directory; the script is to end with status 0.
func (s scripts) cmdIsolated(ts *testscript.TestScript, neg bool, args []string) {
	cmd := isolated(testcmd.Command(s.t, "sh", "-c", mountProc+`. "$0"`, ts.MkAbs(args[0])))
	cmd.Dir = ts.Getenv("WORK")
	path := ts.Getenv("PATH")
	cmd.Env = []string{"PATH=" + path, "HOME=/", "HOSPES_TRANSLATION_CACHE=off", "HOSPES=" + filepath.Join(strings.Split(path, ":")[0], "hospes")}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	for name, b := range map[string]*strings.Builder{"out": &out, "err": &errs} {
		text := strings.ReplaceAll(b.String(), ts.Getenv("WORK"), "$WORK")
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
	if (err == nil) == neg {
		ts.Fatalf("%v: %v\nstdout: %s\nstderr: %s", args, err, out.String(), errs.String())
	}
}
