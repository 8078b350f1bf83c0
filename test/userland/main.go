// Command userland runs real riscv64 programs under hospes and compares what they print
// with what is known from elsewhere: a fixed truth, or the same command run by the host.
//
// The programs are Debian's, unpacked by scripts/debian-rootfs.sh, and the tests of Go's
// standard library, cross-compiled here. Each is a row in a table: rows.go, gostd.go.
//
// Rows that need a whole system run in a world, which scripts/debian-world.sh makes: world.go.
// A row's name begins with its group: -run ^git/ runs one.
//
//	go run ./test/userland [-quick] [-slow=false] [-translate=off|check] [-jobs N] [-run REGEXP] [-skip REGEXP] [-hospes "COMMAND"] [-list]
//
// It ends with a line of counts, and with status 1 if anything failed. A row that is known
// to fail, with its cause, does not count as failed; but if it passes, it does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

type config struct {
	emulator []string          // the command that runs a guest program; the sysroot is not in it
	root     string            // Debian root; empty when there is none
	noWorld  string            // why there can be no world; empty if there can be
	sources  map[string]string // tarballs by Debian source package
	dir      string            // scratch directory, removed at the end
	quick    bool
	slow     bool // the slow rows, too
	doc      bool // renew docFile
	mode     mode // how the emulator executes code
	jobs     int  // how many rows run at a time
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
	flag.BoolVar(&c.slow, "slow", true, "also the rows that take minutes")
	flag.BoolVar(&c.execs, "execs", true, "run rows whose guests execute other guests")
	flag.BoolVar(&c.doc, "doc", false, "renew the lines of docs/compatibility.md for the rows that run")
	flag.TextVar(&c.mode, "translate", translated, "how hospes executes: `on, off` or check, or none to give another emulator no such option")
	flag.IntVar(&c.jobs, "jobs", 1, "how many rows run at a time")
	list := flag.Bool("list", false, "run nothing; print the selected rows and the packages that they need")
	dir := flag.String("C", ".", "the module's `directory`")
	flag.Parse()
	ok, err := func() (ok bool, err error) {
		if err = os.Chdir(*dir); err != nil {
			return false, err
		}
		if c.doc && c.mode == checked {
			return false, errors.New("docs/compatibility.md does not tell of checked runs")
		}
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
		c.emulator = append(c.emulator, c.mode.options()...)
		tests := selected(&c)
		if *list {
			printNeeds(tests)
			return true, nil
		}
		if c.root = *root; c.root == "" {
			c.root = debianRoot(packages(tests, false))
		}
		if c.noWorld, err = prepareWorld(c.emulator, tests); err != nil {
			return false, err
		}
		c.sources = debianSources(sourceNames(tests))
		if c.dir, err = os.MkdirTemp("", "userland"); err != nil {
			return false, err
		}
		defer os.RemoveAll(c.dir)
		if os.Getenv(cacheVariable) == "" { // those of the user are neither used nor added to
			_ = os.Setenv(cacheVariable, filepath.Join(c.dir, "translations"))
		}
		ok, lines := runAll(&c, tests)
		if c.doc {
			err = updateDoc(lines, c.mode)
		}
		return ok && err == nil, err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "userland:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// printNeeds prints tests and what they need.
func printNeeds(tests []test) {
	for _, t := range tests {
		fmt.Printf("%-28s %s\n", t.name, strings.TrimSpace(t.sources+" "+t.packages))
	}
	fmt.Println("packages in the root:", strings.Join(packages(tests, false), " "))
	fmt.Println("packages in the world:", strings.Join(packages(tests, true), " "))
	fmt.Println("source packages:", strings.Join(sourceNames(tests), " "))
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

// debianRoot has the script unpack the root, with packages that are not in it by default;
// empty if that is not possible here.
func debianRoot(more []string) string {
	cmd := exec.Command("scripts/debian-rootfs.sh", append([]string{"-d"}, more...)...)
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
	known // failed, as it is known to
)

func (v verdict) String() string { return [...]string{"ok", "FAIL", "skip", "known"}[v] }

// test is one row of any table, ready to run.
type test struct {
	name     string
	about    string // what it shows
	packages string // Debian packages that it needs, beyond what each root has
	sources  string // Debian source packages that it needs
	world    bool   // it runs in a world, not in the root
	quick    bool
	slow     bool
	known    string // why it is known to fail; empty if it is not
	limit    time.Duration
	run      func(ctx context.Context, c *config) (verdict, string) // with the reason, unless passed
}

// selected returns the rows that are asked for.
func selected(c *config) []test {
	return slices.DeleteFunc(allTests(), func(t test) bool {
		return c.quick && !t.quick || !c.slow && t.slow || !c.filter.MatchString(t.name) || c.skip != nil && c.skip.MatchString(t.name)
	})
}

// allTests returns every row of the tables, sorted by group.
func allTests() []test {
	tests := slices.Concat(programTests(), worldTests(), stressTests(), goTests())
	slices.SortStableFunc(tests, func(a, b test) int { return strings.Compare(a.group(), b.group()) })
	return tests
}

// packages returns what the tests need, those in a world or the others.
func packages(tests []test, world bool) []string {
	return collect(tests, func(t *test) string {
		if t.world != world {
			return ""
		}
		return t.packages
	})
}

// collect returns the words that a function has for each test, sorted, once each.
func collect(tests []test, words func(*test) string) []string {
	need := map[string]bool{}
	for i := range tests {
		for _, w := range strings.Fields(words(&tests[i])) {
			need[w] = true
		}
	}
	return slices.Sorted(maps.Keys(need))
}

// runAll runs tests, several at a time, prints a line each and the counts, and reports
// whether nothing failed, and what docs/compatibility.md has to say of each.
func runAll(c *config, tests []test) (bool, map[string]outcomeCells) {
	cells, versions := map[string]outcomeCells{}, packageVersions(c)
	count := map[verdict]int{}
	var mu sync.Mutex // guards cells, count and the output
	queue := make(chan *test)
	var workers sync.WaitGroup
	for range max(c.jobs, 1) {
		workers.Go(func() {
			for t := range queue {
				start := time.Now()
				v, why := t.do(c)
				line := resultLine(t, v, why, time.Since(start))
				mu.Lock()
				count[v]++
				cells[t.name] = outcomeOf(t, v, why, versions)
				fmt.Println(line)
				mu.Unlock()
			}
		})
	}
	for i := range tests {
		queue <- &tests[i]
	}
	close(queue)
	workers.Wait()
	fmt.Printf("userland: %d passed, %d failed, %d skipped, %d known to fail\n", count[passed], count[failed], count[skipped], count[known])
	return count[failed] == 0, cells
}

// resultLine is what is printed of a test that has run.
func resultLine(t *test, v verdict, why string, took time.Duration) string {
	line := fmt.Sprintf("%-5s %-28s %6.2f s", v, t.name, took.Seconds())
	if why = strings.TrimSpace(why); why != "" {
		line += "  " + strings.ReplaceAll(why, "\n", "\n\t")
	}
	return line
}

// do runs a test within its limit.
func (t *test) do(c *config) (verdict, string) {
	ctx, cancel := context.WithTimeout(context.Background(), t.limit*c.mode.patience())
	defer cancel()
	v, why := t.run(ctx, c)
	if ctx.Err() != nil {
		v, why = failed, fmt.Sprintf("not finished after %v\n%s", t.limit*c.mode.patience(), why)
	}
	switch {
	case t.known != "" && v == failed:
		return known, t.known
	case t.known != "" && v == passed:
		return failed, "passes, but is marked as known to fail: " + t.known
	}
	return v, why
}
