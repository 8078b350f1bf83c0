// The runtime must not keep files of the host's control groups open: the guest
// would find two descriptors in use. Nor is it to start a goroutine that follows the number of processors.

//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command hospes runs a Linux program built for another instruction set.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

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
	o, err := options()
	switch {
	case errors.Is(err, errHelp):
		usage(os.Stdout)
		return
	case err != nil:
		fail(exitUsage, err)
	case o.version:
		printVersion(os.Stdout)
		return
	}
	run(o)
}

// options reads the command line, or what execve left instead of one.
func options() (*opts, error) {
	r, ok := hospes.Resumed()
	if !ok {
		if o := runCommand(os.Args[1:]); o != nil {
			return o, nil
		}
		return parse(os.Args[1:], os.Getenv)
	}
	if r.Options == nil {
		answerIdentity()
	}
	getenv := os.Getenv
	if r.Options != nil || r.Secure {
		getenv = func(string) string { return "" } // the guest's, or not to be trusted
	}
	o, err := parse(append(slices.Clip(r.Options), "--", r.Program), getenv)
	if err != nil {
		return o, err
	}
	o.resume, o.translator.CreateStored = r, false
	if len(r.Args) > 0 {
		o.argv0, o.hasArgv0, o.args = r.Args[0], true, r.Args[1:]
	}
	return o, nil
}

// fail writes one line to standard error and exits.
func fail(status int, err error) {
	fmt.Fprintln(os.Stderr, "hospes:", err)
	os.Exit(status)
}

// run runs the guest and ends as it did.
func run(o *opts) {
	paceCollector()
	tracer, err := awaited()
	if err != nil {
		fail(exitFailure, err)
	}
	cfg, err := o.config(os.Environ())
	if err != nil {
		fail(exitFailure, err)
	}
	debug, err := o.debug.listen() // before there is another root
	if err != nil {
		fail(exitFailure, err)
	}
	if o.run != nil {
		if err := o.enter(&cfg); err != nil {
			fail(exitFailure, err)
		}
	}
	cfg.OnFailure = func(err error) { fmt.Fprintln(os.Stderr, "hospes:", err) }
	cfg.OnExit = func(s hospes.Status, st hospes.Stats) {
		if o.stats {
			_, _ = io.WriteString(o.out, st.String())
		}
		endAs(s)
	}
	if cfg.AwaitTracer, err = o.debug.start(debug); err != nil {
		fail(exitFailure, err)
	}
	if tracer != nil {
		cfg.AwaitTracer = tracer
	}
	_, err = hospes.Run(cfg)
	var le *hospes.LoadError
	if errors.As(err, &le) {
		fail(le.ExitStatus, err)
	}
	fail(exitFailure, err)
}
