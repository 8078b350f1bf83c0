// Command userland runs real riscv64 programs under hospes and compares what they print
// with what is known from elsewhere: a fixed truth, or the same command run by the host.
//
// The programs are Debian's, unpacked by scripts/debian-rootfs.sh, and the tests of Go's
// standard library, cross-compiled here. Each is a row in a table: rows.go, gostd.go.
//
//	go run ./test/userland [-quick] [-run REGEXP] [-skip REGEXP] [-hospes "COMMAND"]
//
// It ends with a line of counts, and with status 1 if anything failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

type config struct {
	emulator []string // the command that runs a guest program; the sysroot is not in it
	root     string   // Debian root; empty when there is none
	dir      string   // scratch directory, removed at the end
	quick    bool
	execs    bool // the emulator runs what guests execute as guests
	filter   *regexp.Regexp
	skip     *regexp.Regexp // rows to leave out; nil for none
}

func main() {
	var (
		c        config
		emulator = flag.String("hospes", "./hospes", "`command` that runs a guest program")
		root     = flag.String("root", "", "Debian `root` (default: scripts/debian-rootfs.sh provides it)")
		filter   = flag.String("run", ".", "which rows, a regular `expression`")
		skip     = flag.String("skip", "", "which of these not, a regular `expression`")
	)
	flag.BoolVar(&c.quick, "quick", false, "only the rows marked quick")
	flag.BoolVar(&c.execs, "execs", true, "run rows whose guests execute other guests")
	flag.Parse()
	ok, err := func() (ok bool, err error) {
		if c.filter, err = regexp.Compile(*filter); err != nil {
			return false, err
		}
		if *skip != "" {
			if c.skip, err = regexp.Compile(*skip); err != nil {
				return false, err
			}
		}
		if c.emulator, err = absolute(*emulator); err != nil {
			return false, err
		}
		if c.root = *root; c.root == "" {
			c.root = debianRoot()
		}
		if c.dir, err = os.MkdirTemp("", "userland"); err != nil {
			return false, err
		}
		defer os.RemoveAll(c.dir)
		return runAll(&c), nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "userland:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// absolute splits a command and makes its first word independent of the directory.
func absolute(command string) ([]string, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, fmt.Errorf("no emulator given")
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil, err
	}
	words[0], err = filepath.Abs(path)
	return words, err
}

// debianRoot has the script unpack the root; empty if that is not possible here.
func debianRoot() string {
	cmd := exec.Command("scripts/debian-rootfs.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// verdict is the outcome of a row.
type verdict int

const (
	passed verdict = iota
	failed
	skipped
)

// test is one row of either table, ready to run.
type test struct {
	name  string
	quick bool
	run   func(ctx context.Context, c *config) (verdict, string) // with the reason, unless passed
	limit time.Duration
}

// runAll runs what is asked for, prints a line each and the counts, and reports whether
// nothing failed.
func runAll(c *config) bool {
	var count [3]int
	for _, t := range append(programTests(), goTests()...) {
		if c.quick && !t.quick || !c.filter.MatchString(t.name) || c.skip != nil && c.skip.MatchString(t.name) {
			continue
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), t.limit)
		v, why := t.run(ctx, c)
		if ctx.Err() != nil {
			v, why = failed, fmt.Sprintf("not finished after %v\n%s", t.limit, why)
		}
		cancel()
		count[v]++
		line := fmt.Sprintf("%-4s %-28s %6.2f s", [...]string{"ok", "FAIL", "skip"}[v], t.name, time.Since(start).Seconds())
		if why != "" {
			line += "  " + strings.ReplaceAll(strings.TrimSpace(why), "\n", "\n\t")
		}
		fmt.Println(line)
	}
	fmt.Printf("userland: %d passed, %d failed, %d skipped\n", count[passed], count[failed], count[skipped])
	return count[failed] == 0
}
