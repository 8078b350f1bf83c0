package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// worldRow is a row that runs in a world of its own: a chroot of a complete Debian with
// /proc, /dev, a devpts and a loopback network, which scripts/debian-world.sh makes. What
// the row changes is thrown away; its working directory is /work, with words.txt and
// empty.txt (see fill).
type worldRow struct {
	name     string
	about    string // what it shows, for docs/compatibility.md; the command if empty
	packages string // Debian packages beyond the base system: a list with spaces
	sources  string // Debian source packages whose tarballs are in /work, as PACKAGE.tar
	// script is what bash runs, unless argv says that something else does. Its standard
	// output is compared; what is to be checked in the script itself: `set -e` is on.
	script string
	argv   []string
	files  map[string]string // written to /work before, by name; executable if they begin with #!
	stdin  string
	want   string         // standard output
	match  *regexp.Regexp // what standard output must match, instead of want
	check  func(ctx context.Context, w *world) error
	status int
	user   bool          // runs as an ordinary user, 1000, instead of root
	known  string        // why it is known to fail
	limit  time.Duration // 2 minutes if zero
	quick  bool          // part of the short run
	slow   bool          // takes too long for CI, or needs packages that nothing else there does
}

func (r *worldRow) test() test {
	limit := r.limit
	if limit == 0 {
		limit = 2 * time.Minute
	}
	about := r.about
	if about == "" && r.argv != nil {
		about = commandCell(r.argv)
	} else if about == "" {
		about = commandCell([]string{r.script})
	}
	return test{name: r.name, about: about, packages: r.packages, sources: r.sources, world: true, quick: r.quick, slow: r.slow, known: r.known, limit: limit, run: r.run}
}

func (r *worldRow) run(ctx context.Context, c *config) (verdict, string) {
	if c.noWorld != "" {
		return skipped, c.noWorld
	}
	if !c.execs {
		return skipped, "the emulator does not run guests that a guest executes"
	}
	dir, err := c.workDir(r.name)
	if err == nil {
		err = writeFiles(dir, r.files)
	}
	if err != nil {
		return failed, err.Error()
	}
	if missing, err := c.copySources(dir, r.sources); err != nil {
		return failed, err.Error()
	} else if missing != "" {
		return skipped, "no source package " + missing
	}
	w := &world{c: c, dir: dir, user: r.user}
	if r.check != nil {
		err = r.check(ctx, w)
	} else {
		err = r.compare(ctx, w)
	}
	if err != nil {
		return failed, err.Error()
	}
	return passed, ""
}

// compare runs the row's command and compares what it prints and its exit status.
func (r *worldRow) compare(ctx context.Context, w *world) error {
	command := r.argv
	if command == nil {
		command = argv("/bin/bash", "-e", "-c", r.script)
	}
	out, status, err := outcome(w.command(ctx, command...), r.stdin)
	switch {
	case err != nil:
		return err
	case r.match != nil && !r.match.MatchString(out.stdout):
		return fmt.Errorf("printed %s\nwant a match of %s\nexit status %d\n%s", excerpt(out.stdout), r.match, status, lastLines(out.stderr, 20))
	case r.match == nil && out.stdout != r.want:
		return fmt.Errorf("%s\nexit status %d\n%s", difference(out.stdout, r.want), status, lastLines(out.stderr, 20))
	case status != r.status:
		return fmt.Errorf("exit status %d, want %d\nprinted %s\n%s", status, r.status, excerpt(out.stdout), lastLines(out.stderr, 20))
	}
	return nil
}

// world is where a row's commands run.
type world struct {
	c    *config
	dir  string // /work
	user bool
}

// command is a command in a new world; argv[0] is an absolute path there. All processes
// of the world end with it.
func (w *world) command(ctx context.Context, argv ...string) *exec.Cmd {
	args := []string{"-e", strings.Join(w.c.emulator, " "), "-b", w.dir}
	if w.user {
		args = append(args, "-u", strconv.Itoa(worldUser))
	}
	cmd := exec.CommandContext(ctx, worldScript, append(append(args, "--"), argv...)...)
	endTogether(cmd)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

const (
	worldScript = "scripts/debian-world.sh"
	worldUser   = 1000
)

// prepareWorld has the packages that tests need installed, if any runs in a world. It
// returns why there can be no world, if so.
func prepareWorld(emulator []string, tests []test) (missing string, err error) {
	if !slices.ContainsFunc(tests, func(t test) bool { return t.world }) {
		return "", nil
	}
	cmd := exec.Command(worldScript, "-n", "-e", strings.Join(emulator, " "), "-p", strings.Join(packages(tests, true), " "))
	var errs bytes.Buffer
	cmd.Stderr = io.MultiWriter(os.Stderr, &errs)
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		return lastLines(errs.String(), 1), nil
	}
	return "", err
}

func worldTests() []test {
	var tests []test
	for _, rows := range worldRows {
		for _, r := range rows {
			tests = append(tests, r.test())
		}
	}
	return tests
}

// writeFiles creates files by name and contents. Whoever the world's user is may write.
func writeFiles(dir string, files map[string]string) error {
	if err := os.Chmod(dir, 0o777); err != nil {
		return err
	}
	for name, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

// difference tells the first line in which a text differs from what it should be, and what
// surrounds it.
func difference(got, want string) string {
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	n := 0
	for n < len(g) && n < len(w) && g[n] == w[n] {
		n++
	}
	return fmt.Sprintf("line %d: printed %s\nwant %s", n+1, excerpt(strings.Join(g[n:], "")), excerpt(strings.Join(w[n:], "")))
}
