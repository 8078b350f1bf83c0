package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// goPackage is a row: the tests of a package of Go's standard library, as riscv64 programs.
type goPackage struct {
	path  string
	quick bool
	// except maps tests that fail here, though they pass natively, to the reason.
	except map[string]string
}

var goPackages = []goPackage{
	{path: "bufio"},
	{path: "bytes"},
	{path: "compress/bzip2"},
	{path: "compress/flate"},
	{path: "compress/gzip"},
	{path: "compress/lzw"},
	{path: "compress/zlib"},
	{path: "crypto/sha256"},
	{path: "encoding/json"},
	{path: "hash/adler32"},
	{path: "hash/crc32"},
	{path: "hash/crc64"},
	{path: "hash/fnv"},
	{path: "hash/maphash"},
	{path: "math", quick: true},
	{path: "math/big"},
	{path: "math/bits"},
	{path: "net"},
	{path: "os"},
	{path: "os/exec"},
	{path: "os/signal"},
	{path: "regexp"},
	{path: "runtime"},
	{path: "sort", quick: true},
	{path: "strconv"},
	{path: "strings"},
	{path: "sync", quick: true},
	{path: "sync/atomic", quick: true},
	{path: "syscall"},
	{path: "text/template"},
	{path: "time"},
	{path: "unicode/utf8"},
}

func goTests() []test {
	var tests []test
	for _, p := range goPackages {
		tests = append(tests, test{"go/" + p.path, p.quick, p.run, 15 * time.Minute})
	}
	return tests
}

// run builds the tests for riscv64 and runs them under the emulator. A failure counts only
// if the same test passes on the host.
func (p *goPackage) run(ctx context.Context, c *config) (verdict, string) {
	src, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", p.path).Output()
	if err != nil {
		return skipped, "no source of Go's standard library"
	}
	dir := strings.TrimSpace(string(src))
	guest := filepath.Join(c.dir, strings.ReplaceAll(p.path, "/", "_")+".test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", guest, p.path)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return failed, fmt.Sprintf("build: %v\n%s", err, out)
	}
	defer os.Remove(guest)

	args := append(c.emulator[1:len(c.emulator):len(c.emulator)], guest, "-test.short", "-test.timeout=14m")
	if skip := p.skip(); skip != "" {
		args = append(args, "-test.skip="+skip)
	}
	cmd := exec.CommandContext(ctx, c.emulator[0], args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	out, status, err := outcome(cmd, "")
	if err != nil {
		return failed, err.Error()
	}
	if status == 0 {
		return passed, p.notes()
	}
	mine := failures(out.stdout)
	if len(mine) > 0 {
		native := exec.CommandContext(ctx, "go", "test", "-short", p.path)
		theirs, _ := native.Output() // fails, if tests do
		mine = slices.DeleteFunc(mine, func(name string) bool { return slices.Contains(failures(string(theirs)), name) })
		if len(mine) == 0 {
			return passed, "what fails here fails natively too"
		}
	}
	return failed, fmt.Sprintf("exit status %d, tests that pass natively: %v\n%s", status, mine, lastLines(out.stdout+out.stderr, 30))
}

// skip is the -test.skip pattern of the exceptions.
func (p *goPackage) skip() string {
	var names []string
	for name := range p.except {
		names = append(names, "^"+regexp.QuoteMeta(name)+"$")
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}

func (p *goPackage) notes() string {
	var s []string
	for name, why := range p.except {
		s = append(s, fmt.Sprintf("without %s: %s", name, why))
	}
	slices.Sort(s)
	return strings.Join(s, "\n")
}

var failLine = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// failures lists the top-level tests that an output says have failed.
func failures(out string) []string {
	var names []string
	for _, m := range failLine.FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	return names
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
