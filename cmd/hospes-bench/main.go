// Command hospes-bench measures how fast hospes runs guest programs, beside the same programs
// compiled for the host and under QEMU.
//
// The programs are in bench/, one C file each. They are compiled at -O2 for the host (with
// gcc) and for riscv64 (with riscv64-linux-gnu-gcc, static). Rounds are interleaved, so
// that a machine whose speed drifts is unfair to none; the figure is the median of the
// user CPU time that the kernel accounts to the process. A run whose output differs from
// the native program's is an error.
//
//	go run ./cmd/hospes-bench [-rounds N] [-scale N] [-run REGEXP] [-hospes FILE] [-qemu FILE]
//
// With -processes it measures instead how long it takes to make processes, in a Debian
// riscv64 root. That needs a kernel whose user namespaces have a binfmt_misc of their own
// (Linux 6.7).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

type config struct {
	rounds int
	scale  int
	filter *regexp.Regexp
	hospes string
	qemu   string
	src    string
	build  string
	root   string // Debian's, for processes; found if empty
}

const defaultQEMU = "qemu-riscv64"

func main() {
	var c config
	var filter string
	flag.IntVar(&c.rounds, "rounds", 3, "how often each program runs on each system")
	flag.IntVar(&c.scale, "scale", 3, "amount of work: about 30 ms each, native, times this")
	flag.StringVar(&filter, "run", ".", "which programs, a regular expression")
	flag.StringVar(&c.hospes, "hospes", "./hospes", "the hospes command")
	flag.StringVar(&c.qemu, "qemu", defaultQEMU, "QEMU's command; empty to leave it out")
	flag.StringVar(&c.src, "src", "bench", "where the sources are")
	flag.StringVar(&c.build, "build", filepath.Join("build", "bench"), "where compiled programs go")
	flag.StringVar(&c.root, "root", "", "the Debian root for -processes (default: scripts/debian-rootfs.sh provides it)")
	processes := flag.Bool("processes", false, "measure how processes are made")
	flag.Parse()
	err := func() (err error) {
		if *processes {
			return runProcesses(&c, os.Stdout)
		}
		if c.filter, err = regexp.Compile(filter); err != nil {
			return err
		}
		return run(&c)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hospes-bench:", err)
		os.Exit(1)
	}
}

// run compiles, measures and reports.
func run(c *config) error {
	var set []benchmark
	for _, b := range benchmarks {
		if c.filter.MatchString(b.name) {
			set = append(set, b)
		}
	}
	if err := compile(c, set); err != nil {
		return err
	}
	results, err := measure(c, set)
	if err != nil {
		return err
	}
	report(os.Stdout, systems(c), results)
	return nil
}
