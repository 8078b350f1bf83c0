package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// system is a way to run a benchmark.
type system struct {
	name    string
	command []string // what stands before the program
	suffix  string   // of the compiled program
}

const (
	native = ".host"
	guest  = ".riscv64"
)

// systems lists what is compared; the first is the yardstick, the second is hospes.
func systems(c *config) []system {
	s := []system{{"native", nil, native}, {"hospes", []string{c.hospes}, guest}}
	if c.qemu != "" {
		s = append(s, system{"qemu", []string{c.qemu}, guest})
	}
	return s
}

// compile builds each program for the host and for the guest, unless the result is newer
// than the sources.
func compile(c *config, set []benchmark) error {
	if err := os.MkdirAll(c.build, 0o755); err != nil {
		return err
	}
	// Without contraction: the host has no fused multiply-add by default and the guest
	// does; the results are to be the same.
	common := []string{"-O2", "-ffp-contract=off", "-pthread", "-static"}
	for _, b := range set {
		src := filepath.Join(c.src, b.name+".c")
		for _, t := range []struct{ cc, suffix string }{
			{"gcc", native},
			{"riscv64-linux-gnu-gcc", guest},
		} {
			out := filepath.Join(c.build, b.name+t.suffix)
			if fresh(out, src, filepath.Join(c.src, "bench.h")) {
				continue
			}
			args := append(common[:len(common):len(common)], "-o", out, src, "-lm")
			if msg, err := exec.Command(t.cc, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", src, err, msg)
			}
		}
	}
	return nil
}

func fresh(out string, sources ...string) bool {
	o, err := os.Stat(out)
	if err != nil {
		return false
	}
	for _, s := range sources {
		if i, err := os.Stat(s); err != nil || !i.ModTime().Before(o.ModTime()) {
			return false
		}
	}
	return true
}

// result is what one benchmark measured.
type result struct {
	benchmark
	times        [][]time.Duration // user CPU time, by system and round
	instructions float64           // that the guest executed; 0 if hospes does not say
}

// measure runs all programs, round by round.
func measure(c *config, set []benchmark) ([]result, error) {
	sys := systems(c)
	results := make([]result, len(set))
	for i, b := range set {
		results[i] = result{benchmark: b, times: make([][]time.Duration, len(sys))}
	}
	for round := range c.rounds {
		for i := range results {
			r := &results[i]
			fmt.Fprintf(os.Stderr, "round %d of %d: %-12s\r", round+1, c.rounds, r.name)
			if err := r.round(c, sys); err != nil {
				return nil, err
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%40s\r", "")
	return results, nil
}

var instructionsLine = regexp.MustCompile(`(?m)instructions:?\s+(\d+)`)

// round runs one program once on each system.
func (r *result) round(c *config, sys []system) error {
	var want []byte
	for i, s := range sys {
		args := append(s.command[:len(s.command):len(s.command)], filepath.Join(c.build, r.name+s.suffix), strconv.Itoa(c.scale))
		var out, errs bytes.Buffer
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.Env = append(os.Environ(), "HOSPES_STATS=1")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, errs.String())
		}
		if want == nil {
			want = out.Bytes()
		} else if !bytes.Equal(out.Bytes(), want) {
			return fmt.Errorf("%v printed %q, native %q", args, out.String(), want)
		}
		r.times[i] = append(r.times[i], cmd.ProcessState.UserTime())
		if m := instructionsLine.FindSubmatch(errs.Bytes()); m != nil && s.name == "hospes" {
			r.instructions, _ = strconv.ParseFloat(string(m[1]), 64) // digits only
		}
	}
	return nil
}

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems
	if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(info); m != nil {
		model = string(m[1])
	}
	return fmt.Sprintf("%s, %d CPUs, %s/%s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}
