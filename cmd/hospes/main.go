// The runtime must not keep files of the host's control groups open: the guest
// would find two descriptors in use.

//go:debug containermaxprocs=0

// Command hospes runs a Linux program built for another instruction set.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/hospes-vm/hospes"
)

func init() {
	// The guest's main thread is the process's: its ID is the process ID.
	runtime.LockOSThread()
}

// Exit statuses of hospes itself; 126 and 127 are a shell's for programs that
// cannot be run.
const (
	exitUsage   = 2
	exitFailure = 125
)

func main() {
	opts, err := parse(os.Args[1:], os.Getenv)
	switch {
	case errors.Is(err, errHelp):
		usage(os.Stdout)
		return
	case err != nil:
		fail(exitUsage, err)
	case opts.version:
		printVersion(os.Stdout)
		return
	}
	run(opts)
}

// fail writes one line to standard error and exits.
func fail(status int, err error) {
	fmt.Fprintln(os.Stderr, "hospes:", err)
	os.Exit(status)
}

// run runs the guest and ends as it did.
func run(opts *options) {
	start := time.Now()
	cfg, err := opts.config(os.Environ())
	if err != nil {
		fail(exitFailure, err)
	}
	cfg.OnExit = func(s hospes.Status, st hospes.Stats) {
		if opts.stats {
			printStats(os.Stderr, st, time.Since(start))
		}
		endAs(s)
	}
	_, err = hospes.Run(cfg)
	var le *hospes.LoadError
	if errors.As(err, &le) {
		fail(le.ExitStatus, err)
	}
	fail(exitFailure, err)
}

// printStats writes what --stats asks for.
func printStats(w io.Writer, st hospes.Stats, d time.Duration) {
	fmt.Fprintf(w, "instructions: %d\n", st.Instructions)
	fmt.Fprintf(w, "elapsed: %.3f s\n", d.Seconds())
	fmt.Fprintf(w, "rate: %.1f million instructions per second\n", float64(st.Instructions)/d.Seconds()/1e6)
}
