//go:build linux

package hospes_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hospes-vm/hospes"
)

const hosts = `
#include "hospes.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
HOSPES_IMPORT(long, host, long n);
long call_host(long n) { return host(n); }
long back(long n) { return n + 1; }
__attribute__((noinline)) long fault(void) { *(volatile int *)8 = 1; return 0; }
static void *thread(void *a) { return (void *)host((long)a); }
long threads(long n) {
	pthread_t t[16];
	long sum = 0;
	for (long i = 0; i < n; i++) pthread_create(t + i, 0, thread, (void *)(i + 2));
	for (long i = 0; i < n; i++) { void *r; pthread_join(t[i], &r); sum += (long)r; }
	return sum;
}
void background(long n) { pthread_t t; pthread_create(&t, 0, thread, (void *)n); }
static void *leaves(void *a) { usleep(20000); _exit(9); }
long left(void) { pthread_t t; pthread_create(&t, 0, leaves, 0); return host(0); }
long forked(void) {
	int status;
	if (fork() == 0) _exit(host(40));
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
static char text[200];
const char *greet(const char *a, long n, const char *b) { snprintf(text, sizeof text, "%s %ld %s", a, n, b); return text; }
long ten(long a, long b, long c, long d, long e, long f, long g, long h, int i, double x, unsigned j) { return a+b+c+d+e+f+g+h+10*i+100*j+1000*x; }
int main(int argc, char **argv) {
	if (argc > 1) { execl(argv[1], "fault", NULL); }
	if (strcmp(argv[0], "fault") == 0) fault();
	host(1);
	hospes_wait();
	printf("behind\n");
	return 0;
}`

// hosting makes an instance of hosts that has been started, with a function that it calls.
func hosting(t *testing.T, f func(*hospes.Caller, int64) (int64, error)) *hospes.Instance {
	t.Helper()
	i := instantiate(t, build(t, hosts), hospes.Options{Functions: map[string]any{"host": func(c *hospes.Caller, n int64) (int64, error) {
		if n == 1 { // of main
			return 0, nil
		}
		return f(c, n)
	}}})
	if err := i.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	return i
}

// again calls the guest for the guest.
func again(c *hospes.Caller, n int64) (int64, error) {
	r, err := c.Call("back", n)
	return r.Int(), err
}

// TestCallBack: Go functions call the guest on whatever thread has called them, which goes on.
func TestCallBack(t *testing.T) {
	i := hosting(t, again)
	for _, c := range []struct {
		function string
		args     []any
		want     int64
	}{{"call_host", []any{5}, 6}, {"threads", []any{16}, 168}, {"forked", nil, 41}} {
		if r, err := i.Call(within(t), c.function, c.args...); r.Int() != c.want || err != nil {
			t.Errorf("%s: %d, %v", c.function, r.Int(), err)
		}
	}
	var out bytes.Buffer
	called := 0
	starts := instantiate(t, build(t, hosts), hospes.Options{Stdout: &out, Functions: map[string]any{"host": func(c *hospes.Caller, n int64) (int64, error) {
		called++
		return again(c, n)
	}}})
	if err := starts.Start(within(t)); err != nil || called != 1 {
		t.Fatal(called, err)
	}
	if err := starts.Run(within(t)); err != nil || out.String() != "behind\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestCallBackEnds: when the guest ends in a function that a Go function has called, both callers are told how.
func TestCallBackEnds(t *testing.T) {
	for _, ignored := range []bool{false, true} {
		var inner error
		i := hosting(t, func(c *hospes.Caller, n int64) (int64, error) {
			_, inner = c.Call("fault")
			if ignored {
				return 0, nil
			}
			return 0, inner
		})
		_, err := i.Call(within(t), "call_host", 5)
		for _, err := range []error{inner, err} {
			var signal *hospes.SignalError
			if !errors.As(err, &signal) || signal.Trap == nil || signal.Trap.Addr != 8 || !strings.HasPrefix(signal.Trap.Function, "fault") {
				t.Errorf("%v", err)
			}
		}
	}
	var inner error
	i := hosting(t, func(c *hospes.Caller, n int64) (int64, error) {
		_, inner = c.Call("fault")
		return 0, nil
	})
	if r, err := i.Call(within(t), "forked"); r.Int() != -11 || err != nil {
		t.Errorf("the parent of a process that has ended: %d, %v", r.Int(), err)
	}
	if signal := (*hospes.SignalError)(nil); !errors.As(inner, &signal) {
		t.Errorf("in a process that has ended: %v", inner)
	}
}

// TestHostPanics: panics, and Goexit, of a function end the guest, not the program.
func TestHostPanics(t *testing.T) {
	cause := errors.New("cause")
	for _, function := range []string{"call_host", "threads", "forked"} {
		_, err := hosting(t, func(*hospes.Caller, int64) (int64, error) { panic(cause) }).Call(within(t), function, 2)
		var host *hospes.HostError
		var value *hospes.PanicError
		if !errors.As(err, &host) || host.Function != "host" || !errors.As(err, &value) || !bytes.Contains(value.Stack, []byte("embed_host_test.go")) || !errors.Is(err, cause) {
			t.Errorf("%s: %v", function, err)
		}
		i := hosting(t, func(*hospes.Caller, int64) (int64, error) { runtime.Goexit(); return 0, nil })
		done := make(chan error, 1)
		go func() {
			defer close(done)
			_, err := i.Call(within(t), function, 2)
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil && function != "call_host" { // whose goroutine has ended
				t.Errorf("%s: no error", function)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s: the guest hangs", function)
		}
		i.Close()
	}
}

// TestCallerContext: it ends with the guest, and only then for threads that outlive the call.
func TestCallerContext(t *testing.T) {
	waits := func(c *hospes.Caller, n int64) (int64, error) { <-c.Context().Done(); return 0, c.Context().Err() }
	var exit *hospes.ExitError
	if _, err := hosting(t, waits).Call(within(t), "left"); !errors.As(err, &exit) || exit.Code != 9 {
		t.Errorf("another thread has ended the guest: %v", err)
	}
	began, ended := make(chan bool), make(chan error, 1)
	i := hosting(t, func(c *hospes.Caller, n int64) (int64, error) {
		began <- true
		<-c.Context().Done()
		ended <- c.Context().Err()
		return 0, nil
	})
	if _, err := i.Call(within(t), "background", 2); err != nil {
		t.Fatal(err)
	}
	<-began
	if r, err := i.Call(within(t), "back", 1); r.Int() != 2 || err != nil {
		t.Fatal(r.Int(), err)
	}
	select {
	case err := <-ended:
		t.Errorf("after a call: %v", err)
	default:
	}
	i.Close()
	if err := <-ended; err == nil {
		t.Error("closed, but not done")
	}
}

// TestCallerKept: a Caller is of no use once its function has returned.
func TestCallerKept(t *testing.T) {
	var kept *hospes.Caller
	i := hosting(t, func(c *hospes.Caller, n int64) (int64, error) { kept = c; return n, nil })
	if _, err := i.Call(within(t), "call_host", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Call("back", 1); err == nil {
		t.Error("called")
	}
}

// TestCallArguments: strings, and more integers than there are registers for.
func TestCallArguments(t *testing.T) {
	i := hosting(t, again)
	for range 3 {
		r, err := i.Call(within(t), "greet", "some", 7, "text of any length")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := i.Memory().ReadString(r.Uint(), 200); text != "some 7 text of any length" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	if r, err := i.Call(within(t), "ten", 1, 1, 1, 1, 1, 1, 1, 1, int32(-2), 3.0, uint32(4)); r.Int() != 8-20+400+3000 || err != nil {
		t.Errorf("%d, %v", r.Int(), err)
	}
	var access *hospes.MemoryError
	if _, err := i.Call(within(t), "greet", strings.Repeat("x", 9<<20), 0, ""); !errors.As(err, &access) {
		t.Errorf("more than the stack: %v", err)
	}
	if r, err := i.Call(within(t), "back", 1); r.Int() != 2 || err != nil {
		t.Errorf("after that: %d, %v", r.Int(), err)
	}
	if _, err := i.Call(within(t), "greet", "a\x00b", 0, ""); err == nil {
		t.Error("a NUL")
	}
}

// TestTrapOfNextProgram: functions are those of the program that has trapped.
func TestTrapOfNextProgram(t *testing.T) {
	const wild = "int main(void) { *(volatile int *)8 = 1; }"
	build(t, wild)
	image, _ := built.Load(wild)
	for program, function := range map[string]string{"/proc/self/exe": "fault", "/bin/wild": ""} {
		i := instantiate(t, build(t, hosts), hospes.Options{
			Args: []string{"x", program}, Functions: map[string]any{"host": func(int64) int64 { return 0 }},
			Mounts: []hospes.Mount{{Target: "/bin", FS: fstest.MapFS{"wild": {Data: image.([]byte), Mode: 0o755}}}},
		})
		var signal *hospes.SignalError
		if err := i.Run(within(t)); !errors.As(err, &signal) || signal.Trap == nil {
			t.Errorf("%s: %v", program, err)
		} else if name, _, _ := strings.Cut(signal.Trap.Function, "+"); name != function {
			t.Errorf("%s: in %q", program, signal.Trap.Function)
		}
	}
}

// TestHostsMeet: Go functions may wait for each other, also if only one thread of the guest runs at a time.
func TestHostsMeet(t *testing.T) {
	for _, o := range []hospes.Options{{}, fixed(1)} {
		meet := make(chan int64)
		o.Functions = map[string]any{"host": func(n int64) int64 {
			switch n {
			case 2:
				meet <- n
			case 3:
				return n * <-meet
			}
			return 0
		}}
		i := instantiate(t, build(t, hosts), o)
		if err := i.Start(within(t)); err != nil {
			t.Fatal(err)
		}
		if r, err := i.Call(within(t), "threads", 2); r.Int() != 6 || err != nil {
			t.Errorf("%d, %v", r.Int(), err)
		}
	}
}
