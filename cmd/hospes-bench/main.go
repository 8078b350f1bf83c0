// Command hospes-bench measures how fast hospes runs guest programs, beside native code and QEMU.
//
// Most figures are user CPU time, as the kernel accounts it to a process and the children it
// waits for. Rounds are interleaved: each program runs on each system in turn, so that
// a machine whose speed drifts is unfair to none. A figure is the median of the rounds. A run
// that fails, or prints something else than the native program, is shown in its row, and makes
// the command end with status 1; the other rows are measured all the same.
//
// What is measured is named GROUP/NAME. integer, float, memory and threads are programs of
// bench/, compiled for both architectures from the same source (set.go).
//
//	go run ./cmd/hospes-bench [-rounds N] [-run REGEXP] [-options "OPTIONS"] [-ab FILE] [-json FILE] [-list]
//
// With -ab another hospes stands in QEMU's place: the effect of a change, on a machine that
// is not quiet.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// config is what the flags say.
type config struct {
	rounds  int
	scale   int
	filter  *regexp.Regexp
	options []string // variables of hospes's environment
	hospes  string
	qemu    string // empty with -ab
	old     string // another hospes, or empty
	build   string
}

func main() {
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "hospes-bench:", err)
		os.Exit(1)
	}
}

func command() error {
	var (
		c        config
		filter   = flag.String("run", ".", "what to measure, a regular `expression` for GROUP/NAME")
		options  = flag.String("options", "", "hospes's `options`, as on its command line, with values")
		jsonFile = flag.String("json", "", "write all samples to a `file`")
		list     = flag.Bool("list", false, "measure nothing; print the names")
	)
	flag.IntVar(&c.rounds, "rounds", 5, "how often each program runs on each system")
	flag.IntVar(&c.scale, "scale", 10, "amount of work: about 30 ms each, native, times this")
	flag.StringVar(&c.hospes, "hospes", "./hospes", "the hospes command")
	flag.StringVar(&c.qemu, "qemu", "", "QEMU's command (default: scripts/fetch-qemu.sh provides it)")
	flag.StringVar(&c.old, "ab", "", "another hospes, a `file`, to measure instead of QEMU")
	flag.StringVar(&c.build, "build", filepath.Join("build", "bench"), "where compiled programs go")
	flag.Parse()
	var err error
	if c.filter, err = regexp.Compile(*filter); err != nil {
		return err
	}
	if c.options, err = variables(*options); err != nil {
		return err
	}
	rows := selected(&c)
	if *list {
		for _, r := range rows {
			fmt.Println(r.fullName())
		}
		return nil
	}
	systems, err := newSystems(&c)
	if err != nil {
		return err
	}
	if err := compile(&c, rows); err != nil {
		return err
	}
	results := measure(&c, systems, rows)
	for _, t := range tables(systems, results) {
		t.text(os.Stdout)
	}
	if *jsonFile != "" {
		b, err := json.MarshalIndent(results, "", "\t")
		if err == nil {
			err = os.WriteFile(*jsonFile, b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return wrong(results)
}

// wrong lists what failed.
func wrong(results []*result) error {
	var errs []error
	for _, r := range results {
		for system, why := range r.Wrong {
			errs = append(errs, fmt.Errorf("%s: %s: %s", r.Name, system, why))
		}
	}
	return errors.Join(errs...)
}
