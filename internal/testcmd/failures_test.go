package testcmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// output is what go test and make print when tests fail and hang.
const output = `ok  	example/a	1.0s
# example/broken [example/broken.test]
broken/broken_test.go:3:28: undefined: x
--- FAIL: TestOne (0.01s)
    --- FAIL: TestOne/sub (0.00s)
        one_test.go:3: one is wrong
            the second line
FAIL
FAIL	example/b	0.086s
panic: test timed out after 20m0s
	running tests:
		TestTwo (20m0s)
		TestTwo/native (19m0s)

goroutine 26 [running]:
testing.(*M).startAlarm.func1()
	/go/src/testing/testing.go:2802 +0x354

goroutine 24 [syscall, 19 minutes]:
os/exec.(*Cmd).Run(0x91227d74340)
	/go/src/os/exec/exec.go:632 +0x2d
example/c.TestTwo.func1(0x91227d48908?)
	/c/two_test.go:4 +0x4b
testing.tRunner(0x91227d48908, 0x5a1108)
	/go/src/testing/testing.go:2036 +0xea
FAIL	example/c	1200.1s
ok  	example/d	2.0s
FAIL
make: *** [Makefile:42: test] Error 1
`

const once = `# example/broken [example/broken.test]
broken/broken_test.go:3:28: undefined: x
--- FAIL: TestOne (0.01s)
    --- FAIL: TestOne/sub (0.00s)
        one_test.go:3: one is wrong
            the second line
FAIL
FAIL	example/b	0.086s
panic: test timed out after 20m0s
	running tests:
		TestTwo (20m0s)
		TestTwo/native (19m0s)
goroutine 24 [syscall, 19 minutes]:
    example/c.TestTwo.func1(0x91227d48908?)
	/c/two_test.go:4 +0x4b
FAIL	example/c	1200.1s
FAIL
make: *** [Makefile:42: test] Error 1
failed: TestOne TestOne/sub
hung: TestTwo TestTwo/native
in: example/b example/c
`

// TestFailures: what .ci/run says once more of a step that has failed.
func TestFailures(t *testing.T) {
	const unformatted = "not formatted:\nx.go\nmake: *** [Makefile:45: format] Error 1\n"
	for text, want := range map[string]string{output: once, unformatted: unformatted} {
		log := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(log, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("../../scripts/failures.sh", log, "50").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff(want, string(out)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}
