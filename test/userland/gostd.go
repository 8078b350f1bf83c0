package main

import (
	"context"
	"fmt"
	"maps"
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
	slow  bool // takes too long for CI
	// rooted says that the tests start programs, which are those of the Debian root.
	rooted bool
	// except maps patterns of tests' names to the reason why they are left out.
	except map[string]string
}

var goPackages = []goPackage{
	{path: "archive/zip"},
	{path: "bufio"},
	{path: "bytes"},
	{path: "compress/bzip2"},
	{path: "compress/flate"},
	{path: "compress/gzip"},
	{path: "compress/lzw"},
	{path: "compress/zlib"},
	{path: "context"},
	{path: "crypto/ecdsa"},
	{path: "crypto/sha256"},
	{path: "database/sql"},
	{path: "debug/elf"},
	{path: "encoding/binary"},
	{path: "encoding/json"},
	{path: "encoding/xml"},
	{path: "hash/adler32"},
	{path: "hash/crc32"},
	{path: "hash/crc64"},
	{path: "hash/fnv"},
	{path: "hash/maphash"},
	{path: "internal/poll"},
	{path: "math", quick: true},
	{path: "math/big", slow: true},
	{path: "math/bits"},
	{path: "mime/multipart"},
	{path: "net"},
	{path: "net/http", slow: true},
	{path: "net/http/httptest"},
	{path: "net/netip"},
	{path: "net/rpc"},
	{path: "os", slow: true},
	{path: "os/exec"},
	{path: "os/signal", rooted: true}, // they start nohup
	{path: "regexp"},
	{path: "runtime", slow: true, except: map[string]string{
		"TestUsingVDSO": "the vdso's clock_gettime is a system call",
	}},
	{path: "sort", quick: true},
	{path: "strconv"},
	{path: "strings"},
	{path: "sync", quick: true},
	{path: "sync/atomic", quick: true},
	{path: "syscall"},
	{path: "text/template"},
	{path: "time", slow: true, except: map[string]string{
		"TestLongAdjustTimers": "it allows 60 s for some 15 thousand million instructions, too little for an interpreter",
	}},
	{path: "unicode/utf8"},
	{path: "unique"},
	{path: "weak"},
}

func goTests() []test {
	var tests []test
	for _, p := range goPackages {
		tests = append(tests, test{name: "go/" + p.path, about: "the package's tests, compiled for riscv64; " + p.notes(), quick: p.quick, slow: p.slow, limit: 15 * time.Minute, run: p.run})
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

	args := c.emulator[1:len(c.emulator):len(c.emulator)]
	if p.rooted {
		if c.root == "" {
			return skipped, "no Debian root"
		}
		args = append(args, "-L", c.root)
	}
	args = append(args, guest, "-test.short", "-test.timeout=14m")
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
	names := slices.Sorted(maps.Keys(failures(out.stdout)))
	notes := p.notes()
	if len(names) > 0 {
		names = slices.DeleteFunc(names, p.nativeFailures(ctx))
		notes += "\nthe others that fail, fail natively too"
	}
	if len(names) > 0 || len(failures(out.stdout)) == 0 {
		return failed, fmt.Sprintf("exit status %d, tests that pass natively: %v\n%s", status, names, lastLines(out.stdout+out.stderr, 30))
	}
	return passed, notes
}

// nativeFailures runs the tests on the host and returns a function that tells which of
// them failed.
func (p *goPackage) nativeFailures(ctx context.Context) func(name string) bool {
	out, _ := exec.CommandContext(ctx, "go", "test", "-short", p.path).Output() // fails, if tests do
	texts := failures(string(out))
	return func(name string) bool { return texts[name] != "" }
}

// skip is the -test.skip pattern of the exceptions.
func (p *goPackage) skip() string {
	var names []string
	for name := range p.except {
		names = append(names, "^("+name+")$")
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

var failLine = regexp.MustCompile(`(?m)^--- FAIL: (\S+).*$`)

// failures maps the top-level tests that an output says have failed to what it says of
// them.
func failures(out string) map[string]string {
	texts := map[string]string{}
	at := failLine.FindAllStringSubmatchIndex(out, -1)
	for i, m := range at {
		end := len(out)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		texts[out[m[2]:m[3]]] = out[m[0]:end]
	}
	return texts
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
