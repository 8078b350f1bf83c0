// Command hospes-bench measures how fast hospes runs guest programs, beside native code and QEMU.
//
// Most figures are user CPU time, as the kernel accounts it to a process and the children it
// waits for. Rounds are interleaved: each program runs on each system in turn, so that
// a machine whose speed drifts is unfair to none. A figure is the median of the rounds. A run
// that fails, or prints something else than the native program, is shown in its row, and makes
// the command end with status 1; the other rows are measured all the same.
//
// hospes keeps translations for later runs. Each row runs once on each system before it is measured, so what is measured
// are later runs; special/cache shows first ones beside them.
//
// What is measured is named GROUP/NAME (set.go, special.go):
//
//   - integer, float, memory and threads are programs of bench/, compiled for both architectures
//     from the same source.
//   - real, shallow and processes are programs that Debian has for both, in the same version.
//     They need user namespaces that have a binfmt_misc of their own (Linux 6.7), and are left
//     out where there are none.
//   - special: memory in use, the latency of signals, the cost of being interruptible, the
//     speed of translating, first and later runs, the memory mappings and isolation, what host code for functions of
//     the C library gains.
//
// Usage:
//
//	go run ./cmd/hospes-bench [-rounds N] [-run REGEXP] [-options "OPTIONS"] [-ab FILE] [-json FILE] [-doc] [-list]
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
	"runtime"
	"slices"
)

// config is what the flags say.
type config struct {
	rounds  int
	scale   int
	filter  *regexp.Regexp
	options []string // variables of hospes's environment
	hospes  string
	qemu    string
	old     string // another hospes, or empty
	build   string
	json    string // file for the samples, or empty
	doc     bool
}

func main() {
	runtime.LockOSThread() // children end with the thread that made them
	job, err := doJob()
	if !job {
		err = command()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hospes-bench:", err)
		os.Exit(1)
	}
}

// command does what the flags say.
func command() error {
	var (
		c       config
		filter  = flag.String("run", ".", "what to measure, a regular `expression` for GROUP/NAME")
		options = flag.String("options", "", "hospes's `options`, as on its command line, with values")
		list    = flag.Bool("list", false, "measure nothing; print the names")
	)
	flag.IntVar(&c.rounds, "rounds", 5, "how often each program runs on each system")
	flag.IntVar(&c.scale, "scale", 10, "amount of work of our programs: about 30 ms each, native, times this")
	flag.StringVar(&c.hospes, "hospes", "./hospes", "the hospes command")
	flag.StringVar(&c.qemu, "qemu", "", "QEMU's command, static (default: scripts/fetch-qemu.sh provides it)")
	flag.StringVar(&c.old, "ab", "", "another hospes, a `file`, to measure instead of QEMU")
	flag.StringVar(&c.build, "build", filepath.Join("build", "bench"), "where compiled programs go")
	flag.StringVar(&c.json, "json", "", "write all samples to a `file`")
	flag.BoolVar(&c.doc, "doc", false, "renew the tables of "+docFile+" whose rows were all measured")
	flag.Parse()
	var err error
	if c.filter, err = regexp.Compile(*filter); err != nil {
		return err
	}
	if c.options, err = variables(*options); err != nil {
		return err
	}
	if *list {
		for _, r := range selected(&c, allRows()) {
			fmt.Println(r.fullName())
		}
		for _, s := range specials {
			if c.filter.MatchString(s.name) {
				fmt.Println(s.name)
			}
		}
		return nil
	}
	return run(&c)
}

// run measures and reports.
func run(c *config) error {
	systems, err := newSystems(c)
	if err != nil {
		return err
	}
	rows := selected(c, allRows())
	if c.build, err = filepath.Abs(c.build); err == nil {
		err = emptyCache(c.build)
	}
	if err != nil {
		return err
	}
	if err := compile(c, slices.Concat(selected(c, programs), helpers)); err != nil {
		return err
	}
	w, err := prepareWorld(c, systems, rows)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hospes-bench: Debian's programs are left out:", err)
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.argv != nil })
	}
	results := measure(c, systems, w, rows)
	tables, failed := measureSpecial(c, systems, w, tablesOf(systems, results))
	return errors.Join(failed, report(c, tables, results), wrong(results))
}

// prepareWorld makes the world, if it is needed.
func prepareWorld(c *config, systems []system, rows []row) (*world, error) {
	special := slices.ContainsFunc(specials, func(s special) bool { return s.world && c.filter.MatchString(s.name) })
	if !special && !slices.ContainsFunc(rows, func(r row) bool { return r.argv != nil }) {
		return nil, nil
	}
	return newWorld(c, systems)
}

// report prints the tables, and writes the files that are asked for.
func report(c *config, tables []table, results []*result) error {
	fmt.Println(conditions(c))
	fmt.Println()
	for _, t := range tables {
		t.text(os.Stdout)
	}
	if c.json != "" {
		b, err := json.MarshalIndent(results, "", "\t")
		if err == nil {
			err = os.WriteFile(c.json, b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if c.doc {
		return updateDoc(conditions(c), tables)
	}
	return nil
}

// wrong lists what failed.
func wrong(results []*result) error {
	var errs []error
	for _, r := range results {
		for system, why := range r.Wrong {
			errs = append(errs, fmt.Errorf("%s/%s: %s: %s", r.Group, r.Name, system, why))
		}
	}
	return errors.Join(errs...)
}
