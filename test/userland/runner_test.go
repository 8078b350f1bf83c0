package main

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const goOutput = `=== RUN x
--- FAIL: TestA (0.00s)
    a_test.go:1: fork/exec /x: function not implemented
--- FAIL: TestB (0.10s)
    --- FAIL: TestB/sub (0.10s)
        b_test.go:7: wrong
FAIL
`

func TestFailures(t *testing.T) {
	names := slices.Sorted(maps.Keys(failures(goOutput)))
	if want := []string{"TestA", "TestB"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

// TestVerdicts runs rows without an emulator: the "root" is the host's.
func TestVerdicts(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no /bin/sh")
	}
	// The emulator's arguments are -L ROOT PROGRAM...
	c := &config{emulator: []string{"/bin/sh", "-c", `shift 1; exec "$@"`}, root: "/", dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, test := range []struct {
		script, want string
		status       int
		verdict      verdict
	}{
		{"echo a; exit 3", "a\n", 3, passed},
		{"echo a; exit 3", "a\n", 0, failed},
		{"echo b", "a\n", 0, failed},
		{"kill -9 $$", "", -1, passed},
	} {
		p := program{name: "row", argv: argv("/bin/sh", "-c", test.script), want: test.want, status: test.status}
		if v, why := p.run(ctx, c); v != test.verdict {
			t.Errorf("%q: verdict %d, want %d: %s", test.script, v, test.verdict, why)
		}
	}
}

// TestFresh fails when docs/compatibility.md lacks a row or has one too many:
// `go generate ./test/userland` puts it right, and a run of the row tells its result.
func TestFresh(t *testing.T) {
	text, err := os.ReadFile("../../" + docFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := formatDoc(allTests(), parseDoc(string(text)), nil, unspecified); string(text) != want {
		t.Errorf("%s is stale: %s", docFile, difference(string(text), want))
	}
}

func TestDoc(t *testing.T) {
	tests := []test{{name: "a/x", about: "one | two", packages: "p q"}, {name: "a/y", known: "no\nway"}, {name: "b/z"}}
	versions := map[string]string{"p": "1:2-3", "q": "4"}
	first := formatDoc(tests, nil, map[string]outcomeCells{
		"a/x": outcomeOf(&tests[0], passed, "", versions),
		"a/y": outcomeOf(&tests[1], known, "", versions),
		"b/z": outcomeOf(&tests[2], skipped, "no root", nil),
	}, interpreted)
	second := formatDoc(tests, parseDoc(first), map[string]outcomeCells{
		"a/x": outcomeOf(&tests[0], failed, "printed 1\nwant 2", versions),
		"a/y": outcomeOf(&tests[1], passed, "", versions),
	}, translated)
	for _, want := range []string{
		"| a/x | one \\| two | p 1:2-3, q 4 | ok | fails: printed 1 |\n| a/y |  |  | fails: no way | ok |\n",
		"| b/z |  |  | skipped: no root | not run yet |\n",
	} {
		if !strings.Contains(second, want) {
			t.Errorf("no %q in\n%s", want, second)
		}
	}
	if third := formatDoc(tests, parseDoc(second), nil, translated); third != second {
		t.Errorf("a run of nothing changes it: %s", difference(third, second))
	}
}

// ciPackages are what a CI that begins with nothing has to fetch and have installed under
// the emulator, beside the base system. A row that needs another makes each such run longer:
// it should be slow, unless it is worth that.
const ciPackages = `apache2-utils bc binutils bison bzip2 curl expect flex gcc gdb-minimal git less
	libc6-dev libpython3.13-testsuite lsof luajit m4 make mksh nano nginx-light
	openssh-client openssh-server perl pkgconf procps psmisc python3 redis-server redis-tools
	rsync sqlite3 strace tmux vim-tiny xz-utils zsh zstd`

func TestCIPackages(t *testing.T) {
	got := packages(selected(&config{filter: regexp.MustCompile("")}), true)
	if want := strings.Fields(ciPackages); !slices.Equal(got, want) {
		t.Errorf("the rows that are not slow need %q, want %q", got, want)
	}
}

// TestNames fails when two rows have one name.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, test := range allTests() {
		if seen[test.name] {
			t.Errorf("two rows %s", test.name)
		}
		seen[test.name] = true
	}
}
