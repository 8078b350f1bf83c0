//go:build linux

// Command hospes-explore runs a guest and serves a page that shows it. hospes explore starts it:
//
//	hospes-explore PORT STAY HOSPES [OPTIONS] PROGRAM [ARGUMENTS...]
//	hospes-explore version
//
// HOSPES tells of the guest's processes in files of a directory (internal/explore), which this reads. What it
// serves is for this machine's own address only. STAY is how long it serves on when the program has
// ended; empty: until it is interrupted. The exit status is the program's.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// version is what this build is of, if the linker was told (-X).
var version = "(devel)"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("hospes-explore", version)
		return
	}
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "hospes explore:", err)
		os.Exit(125)
	}
	os.Exit(status)
}

var errUsage = errors.New("hospes explore starts this")

// run serves the page until it is no longer wanted.
func run(args []string) (status int, err error) {
	if len(args) < 4 {
		return 0, errUsage
	}
	stay := time.Duration(-1)
	if args[1] != "" {
		if stay, err = time.ParseDuration(args[1]); err != nil {
			return 0, errUsage
		}
	}
	dir, err := os.MkdirTemp("", "hospes-explore-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", args[0]))
	if err != nil {
		return 0, err
	}
	s := &server{dir: dir, host: l.Addr().String(), snapshots: snapshots{good: map[string][]byte{}}}
	s.running.Store(true)
	go func() { _ = (&http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}).Serve(l) }()
	fmt.Fprintf(os.Stderr, "hospes explore: http://%s/\n", l.Addr())

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	cmd := exec.Command(args[2], append([]string{"--explore-dir", dir}, args[3:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	wanted := runs(cmd, signals)
	s.running.Store(false)
	if shown, _ := filepath.Glob(filepath.Join(dir, "*.json")); wanted && shown != nil {
		await(stay, signals)
	}
	return exitStatus(cmd.ProcessState), nil
}

// runs returns when the program has ended, and reports whether the page is wanted any longer. An interrupt the
// terminal sends to the program, too; other signals are handed on.
func runs(cmd *exec.Cmd, signals <-chan os.Signal) (wanted bool) {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	wanted = true
	for {
		select {
		case sig := <-signals:
			if sig != os.Interrupt {
				_ = cmd.Process.Signal(sig)
				wanted = false
			}
		case <-ended:
			return wanted
		}
	}
}

// await waits for a time, for ever if that is negative, or for a signal.
func await(stay time.Duration, signals <-chan os.Signal) {
	var over <-chan time.Time
	if stay >= 0 {
		over = time.After(stay)
	} else {
		fmt.Fprintln(os.Stderr, "hospes explore: the program has ended; Ctrl-C ends this, too")
	}
	select {
	case <-over:
	case <-signals:
	}
}

// exitStatus is a shell's for a process.
func exitStatus(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.ExitCode()
}

// server serves the page.
type server struct {
	dir     string
	host    string
	running atomic.Bool
	snapshots
}

// number is a port or a process in a request.
func number(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 0, 64)
	return n, err == nil
}
