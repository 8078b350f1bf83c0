package testcmd

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// failed is a test that keeps what it is told.
type failed struct {
	testing.TB
	text chan string
}

func (f failed) Errorf(format string, args ...any) { f.text <- fmt.Sprintf(format, args...) }

// TestHangs: a program that does not end is killed, with those that it has started, and the test fails.
func TestHangs(t *testing.T) {
	limit = 200 * time.Millisecond
	defer func() { limit = Limit }()
	f := failed{t, make(chan string, 1)}
	cmd := Command(f, "sh", "-c", "sleep 1000 & wait")
	if out, err := cmd.CombinedOutput(); len(out) > 0 || err == nil {
		t.Errorf("%q, %v", out, err)
	}
	if text := <-f.text; !strings.Contains(text, `["sh" "-c" "sleep 1000 & wait"]: not finished after 200ms`) {
		t.Error(text)
	}
	until(t, func() bool { return syscall.Kill(-cmd.Process.Pid, 0) == syscall.ESRCH })
}

// TestThreads: what a program, and one that it has started, do is told.
func TestThreads(t *testing.T) {
	cmd := Command(t, "sh", "-c", "sleep 1000 & wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		text := threads(cmd.Process.Pid)
		return strings.Contains(text, `: ["sh" "-c" `) && strings.Contains(text, `: ["sleep" "1000"]`) && strings.Contains(text, ` sleep: S, in `)
	})
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
}

// until waits for something that comes soon.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// TestEnds: one that ends in time is as any other.
func TestEnds(t *testing.T) {
	f := failed{t, make(chan string, 1)}
	if out, err := Command(f, "echo", "x").Output(); string(out) != "x\n" || err != nil || len(f.text) > 0 {
		t.Errorf("%q, %v", out, err)
	}
}
