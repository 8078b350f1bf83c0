package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// worldCommand is this program, in namespaces in which it may mount.
func worldCommand() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}

// enter makes the world. What programs execute is started by the kernel's binfmt_misc, of
// which a user namespace has one of its own: nothing of the machine is changed, and each
// emulator is started in the same way.
func (j *job) enter() error {
	const binfmt = "/proc/sys/fs/binfmt_misc"
	if j.Emulator != "" {
		if err := syscall.Mount("none", binfmt, "binfmt_misc", 0, ""); err != nil {
			return fmt.Errorf("mount of binfmt_misc: %w", err)
		}
		if err := os.WriteFile(binfmt+"/register", []byte(magic(j.Emulator)), 0); err != nil {
			return err
		}
	}
	for dir, source := range map[string]string{"tmp": j.Files, "dev": "/dev", "proc": "/proc"} {
		if err := syscall.Mount(source, filepath.Join(j.Root, dir), "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("mount of %s: %w", source, err)
		}
	}
	return nil
}

// command is the job's.
func (j *job) command() *exec.Cmd {
	cmd := exec.Command(j.Argv[0], j.Argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: j.Root}
	cmd.Dir = "/tmp"
	cmd.Env = j.Env
	return cmd
}

// monotonic is CLOCK_MONOTONIC in nanoseconds, which is the same for all processes.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // the clock exists
	}
	return t.Nano()
}

// interrupt sends what bench/system/latency.c waits for.
func interrupt(p *os.Process) error { return p.Signal(syscall.SIGUSR1) }
