//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// endTogether has the end of a command's context kill its whole process group.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
