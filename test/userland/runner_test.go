package main

import (
	"context"
	"maps"
	"os"
	"slices"
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
