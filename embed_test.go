//go:build linux

package hospes_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hospes-vm/hospes"
)

// built has programs that tests have in common, by their source and options.
var built sync.Map

// build compiles a program of C code, a static one unless options have -pie.
func build(t testing.TB, source string, options ...string) *hospes.Module {
	t.Helper()
	const cc = "riscv64-linux-gnu-gcc"
	if _, err := exec.LookPath(cc); err != nil {
		t.Skip(cc, " is missing")
	}
	key := source + strings.Join(options, " ")
	image, ok := built.Load(key)
	if !ok {
		dir := t.TempDir()
		src, out := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
		if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"-O1", "-pthread", "-w", "-Iinclude", "-o", out, src}, options...)
		if !slices.Contains(options, "-pie") {
			args = append(args, "-static")
		}
		if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		image = b
		built.Store(key, image)
	}
	m, err := hospes.NewModule("guest", image.([]byte))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// instantiate makes an instance that is closed in the end.
func instantiate(t testing.TB, m *hospes.Module, o hospes.Options) *hospes.Instance {
	t.Helper()
	i, err := m.Instantiate(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// within is a context for what should not take long.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 3*time.Minute, errors.New("the guest hangs"))
	t.Cleanup(cancel)
	return ctx
}

// output runs a module with options and returns its output.
func output(t testing.TB, m *hospes.Module, o hospes.Options) (string, error) {
	t.Helper()
	var b bytes.Buffer
	o.Stdout, o.Stderr = &b, &b
	err := instantiate(t, m, o).Run(within(t))
	return b.String(), err
}

const hello = `
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
	for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
	puts(getenv("NAME"));
	return 3;
}`

func TestInstanceRun(t *testing.T) {
	m := build(t, hello)
	for _, o := range []hospes.Options{{}, {Interpret: true}, {Mapping: hospes.Table}, {Limits: hospes.Limits{Instructions: 1 << 40, Memory: 16 << 20}}} {
		o.Args, o.Env = []string{"a", "b c"}, []string{"NAME=x"}
		got, err := output(t, m, o)
		var exit *hospes.ExitError
		if got != "a\nb c\nx\n" || !errors.As(err, &exit) || exit.Code != 3 || exit.Limit != nil {
			t.Errorf("%+v: %q, %v", o, got, err)
		}
	}
}

const calls = `
#include "hospes.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
HOSPES_IMPORT(int, host_add, int a, int b);
HOSPES_IMPORT(double, host_scale, double x, float y, unsigned n);
HOSPES_IMPORT(long, host_len, const char *s);
HOSPES_IMPORT(void, host_fail, void);
HOSPES_IMPORT(long, host_again, long n);
int initialised;
long add(long a, long b) { return a + b; }
int neg(int a) { return -a; }
unsigned wide(unsigned a) { return a + 1; }
double mul(double x, float y, int n) { return x * y + n; }
float half(float x) { return x / 2; }
int via(int a, int b) { return host_add(a, b) + 1; }
double scale(double x) { return host_scale(x, 1.5f, 4000000000u); }
long len(const char *s) { return host_len(s); }
void fail(void) { host_fail(); }
long down(long n) { return n == 0 ? 0 : host_again(n - 1) + 1; }
void *allocate(size_t n) { return malloc(n); }
long eight(long a, long b, long c, long d, long e, long f, long g, long h) { return a+2*b+3*c+4*d+5*e+6*f+7*g+8*h; }
void crash(long *p) { *p = 1; }
void leave(int n) { exit(n); }
void spin(void) { for (;;) __asm__ volatile(""); }
int main(void) {
	initialised = 42;
	hospes_wait();
	return initialised;
}`

func callOptions() hospes.Options {
	return hospes.Options{Functions: map[string]any{
		"host_add":   func(a, b int32) int32 { return a + b },
		"host_scale": func(x float64, y float32, n uint32) float64 { return x * float64(y) * float64(n) },
		"host_len":   func(s string) int { return len(s) },
		"host_fail":  func() error { return os.ErrPermission },
		"host_again": func(c *hospes.Caller, n int64) (int64, error) {
			r, err := c.Call("down", n)
			return r.Int(), err
		},
	}}
}

func TestCall(t *testing.T) {
	m := build(t, calls)
	ctx := within(t)
	i := instantiate(t, m, callOptions())
	if err := i.Start(ctx); err != nil {
		t.Fatal(err)
	}
	call := func(function string, args ...any) hospes.Result {
		t.Helper()
		r, err := i.Call(ctx, function, args...)
		if err != nil {
			t.Fatalf("%s: %v", function, err)
		}
		return r
	}
	if got := call("add", 1, int8(-3)).Int(); got != -2 {
		t.Errorf("add: %d", got)
	}
	if got := call("neg", int32(7)).Int(); got != -7 {
		t.Errorf("neg: %d", got)
	}
	if got := uint32(call("wide", uint32(0xfffffff0)).Uint()); got != 0xfffffff1 {
		t.Errorf("wide: %#x", got)
	}
	if got := call("mul", 2.5, float32(4), 1).Float64(); got != 11 {
		t.Errorf("mul: %v", got)
	}
	if got := call("half", float32(5)).Float32(); got != 2.5 {
		t.Errorf("half: %v", got)
	}
	if got := call("via", 40, 1).Int(); got != 42 {
		t.Errorf("via: %d", got)
	}
	if got := call("scale", 0.5).Float64(); got != 3e9 {
		t.Errorf("scale: %v", got)
	}
	if got := call("down", 10).Int(); got != 10 {
		t.Errorf("down: %d", got)
	}
	if got := call("eight", 1, 2, 3, 4, 5, 6, 7, 8).Int(); got != 204 {
		t.Errorf("eight: %d", got)
	}
	p := call("allocate", 16).Uint()
	if err := i.Memory().Write(p, []byte("sixteen\x00")); err != nil {
		t.Fatal(err)
	}
	if got := call("len", p).Int(); got != 7 {
		t.Errorf("len: %d", got)
	}
	v, err := i.Symbol("initialised")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := i.Memory().Uint32(v); n != 42 || err != nil {
		t.Errorf("the variable is %d, %v", n, err)
	}
	if err := i.Memory().PutUint32(v, 9); err != nil {
		t.Fatal(err)
	}
	var access *hospes.MemoryError
	if _, err := i.Memory().Uint64(0); !errors.As(err, &access) {
		t.Errorf("address 0: %v", err)
	}
	var exit *hospes.ExitError
	if err := i.Run(ctx); !errors.As(err, &exit) || exit.Code != 9 {
		t.Errorf("the end: %v", err)
	}
	if _, err := i.Call(ctx, "add", 1, 2); !errors.Is(err, hospes.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestCallEnds: calls in which the guest ends.
func TestCallEnds(t *testing.T) {
	m := build(t, calls)
	started := func() *hospes.Instance {
		i := instantiate(t, m, callOptions())
		if err := i.Start(within(t)); err != nil {
			t.Fatal(err)
		}
		return i
	}
	var trap *hospes.SignalError
	if _, err := started().Call(within(t), "crash", 0x123450); !errors.As(err, &trap) || trap.Signal != 11 || trap.Trap == nil || trap.Trap.Addr != 0x123450 || !strings.HasPrefix(trap.Trap.Function, "crash") {
		t.Errorf("crash: %v", err)
	}
	var exit *hospes.ExitError
	if _, err := started().Call(within(t), "leave", 5); !errors.As(err, &exit) || exit.Code != 5 {
		t.Errorf("leave: %v", err)
	}
	var host *hospes.HostError
	if _, err := started().Call(within(t), "fail"); !errors.As(err, &host) || host.Function != "host_fail" || !errors.Is(err, os.ErrPermission) {
		t.Errorf("fail: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := started().Call(ctx, "spin"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > time.Minute {
		t.Errorf("spin: %v after %v", err, time.Since(begun))
	}
	i := started()
	done := make(chan error)
	go func() { _, err := i.Call(context.Background(), "spin"); done <- err }()
	time.Sleep(10 * time.Millisecond)
	if _, err := i.Call(within(t), "add", 1, 2); !errors.Is(err, hospes.ErrBusy) {
		t.Errorf("while it runs: %v", err)
	}
	i.Close()
	if err := <-done; !errors.Is(err, hospes.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := i.Memory().Uint8(0x10000); err == nil {
		t.Error("memory of an instance that has ended")
	}
	waits := callOptions()
	waits.Limits.Time = 20 * time.Millisecond
	waits.Functions["host_fail"] = func(c *hospes.Caller) error { <-c.Context().Done(); return c.Context().Err() }
	if _, err := instantiate(t, m, waits).Call(within(t), "fail"); !errors.Is(err, &hospes.LimitError{Limit: hospes.TimeLimit}) {
		t.Errorf("a host function that waits: %v", err)
	}
	if _, err := instantiate(t, m, callOptions()).Call(within(t), "nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a function that is not there: %v", err)
	}
	if _, err := m.Instantiate(hospes.Options{}); err == nil || !strings.Contains(err.Error(), "host_again") {
		t.Errorf("without functions: %v", err)
	}
}

// TestCallLibrary: functions of a program that has no main.
func TestCallLibrary(t *testing.T) {
	m := build(t, `
		static long counter;
		long count(long n) { return counter += n; }
	`, "-nostdlib", "-Wl,-e,0")
	i := instantiate(t, m, hospes.Options{})
	for want := int64(2); want < 10; want += 2 {
		if r, err := i.Call(within(t), "count", 2); r.Int() != want || err != nil {
			t.Fatalf("%d, %v, want %d", r.Int(), err, want)
		}
	}
	if got := m.Functions(); len(got) != 1 || got[0] != "count" {
		t.Errorf("functions: %v", got)
	}
}

// TestPluginFresh says that the program of the examples was built from its source.
func TestPluginFresh(t *testing.T) {
	h := sha256.New()
	for _, name := range []string{"testdata/embed/plugin.c", "include/hospes.h"} {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(src)
	}
	image, err := os.ReadFile(plugin)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(image, fmt.Appendf(nil, "hospes plugin sources %x", h.Sum(nil))) {
		t.Error("plugin.elf is stale: run testdata/embed/build.sh")
	}
}

// TestLoad: modules from a file system, and what is no program.
func TestLoad(t *testing.T) {
	image, err := os.ReadFile(plugin)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hospes.OpenModuleFS(fstest.MapFS{"bin/plugin": {Data: image}}, "bin/plugin")
	if err != nil {
		t.Fatal(err)
	}
	if m.Name() != "plugin" {
		t.Error(m.Name())
	}
	if got := fmt.Sprint(m.Imports()); got != "[price print]" {
		t.Error(got)
	}
	i, err := m.Instantiate(hospes.Options{Functions: goFunctions})
	if err != nil {
		t.Fatal(err)
	}
	if m.Close() == nil {
		t.Error("closed with an instance")
	}
	i.Close()
	i.Close()
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		t.Error(err)
	}
	if _, err := m.Instantiate(hospes.Options{Functions: goFunctions}); err == nil {
		t.Error("an instance of a closed module")
	}
	var load *hospes.LoadError
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("hello"), "truncated": image[:100]} {
		if _, err := hospes.NewModule(name, b); !errors.As(err, &load) || load.ExitStatus != 126 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := hospes.OpenModule("testdata/nothing"); !errors.As(err, &load) || load.ExitStatus != 127 {
		t.Errorf("no file: %v", err)
	}
	for name, f := range map[string]any{"nil": nil, "number": 1, "struct": func(struct{}) {}, "two": func() (int, int) { return 0, 0 }, "variadic": func(...int) {}, "many": func(a, b, c, d, e, f, g, h int) {}} {
		if _, err := m.Instantiate(hospes.Options{Functions: map[string]any{name: f}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("function %s: %v", name, err)
		}
	}
}
