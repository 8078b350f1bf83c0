//go:build linux

// Command hospes-image reads, pulls and copies images of containers for hospes, which
// starts it when it needs that: what handles networks and compression would make each
// start of hospes slower.
//
//	hospes-image unpack REFERENCE        unpack an image into the cache, and print what it is as JSON
//	hospes-image pull REFERENCE          the same, but ask the registry in any case
//	hospes-image version                 print the version
//	hospes-image copy --for PID DIR      copy a directory, print where, and remove that when the process ends
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/image"
)

// version is what this build is of, if the linker was told (-X).
var version = "(devel)"

// platform is what hospes runs.
var platform = v1.Platform{OS: "linux", Architecture: "riscv64"}

var errUsage = errors.New("usage: hospes-image unpack|pull REFERENCE, or copy --for PID DIR")

func main() {
	// hospes starts this with all signals blocked: it is to end by them all the same.
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- run(os.Args[1:]) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hospes:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == removeAfter {
		return image.RemoveAfter(firstFD, firstFD+1, args[1])
	}
	cache, err := image.UserCache()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 2 && (args[0] == "unpack" || args[0] == "pull"):
		u, err := cache.Unpack(args[1], platform, args[0] == "pull")
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(u)
	case len(args) == 1 && args[0] == "version":
		fmt.Println("hospes-image", version)
		return nil
	case len(args) == 4 && args[0] == "copy" && args[1] == "--for":
		return copyFor(cache, args[2], args[3])
	}
	return errUsage
}

// removeAfter is the command that waits, in the background: it has the pidfd of the process
// as its first descriptor, the directory that holds the copy as its second, and the
// copy itself, so that it counts as in use.
const (
	removeAfter = "remove-after"
	firstFD     = 3
)

// copyFor copies a directory for a process, and leaves a process that removes the copy.
func copyFor(cache image.Cache, process, dir string) error {
	pid, err := strconv.Atoi(process)
	if err != nil {
		return errUsage
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	to, err := cache.Copy(dir)
	if err != nil {
		return err
	}
	runs, err := os.Open(filepath.Dir(to.Name()))
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", removeAfter, filepath.Base(to.Name()))
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(pidfd), "pidfd"), runs, to}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true} // no signals of the terminal
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = fmt.Print(to.Name())
	return err
}
