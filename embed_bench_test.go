//go:build linux

package hospes_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/hospes-vm/hospes"
)

// small is a program without a C library.
const small = `
static long call(long nr, long a, long b, long c) {
	register long a7 asm("a7") = nr, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c;
	asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return a0;
}
long counter = 40;
long count(long n) { return counter += n; }
void _start(void) {
	call(64, 1, (long)"hello\n", 6);
	call(94, 0, 0, 0);
}`

// BenchmarkInstance makes an instance, runs it to its end and closes it: a program without a C library, and one
// with glibc, linked statically.
func BenchmarkInstance(b *testing.B) {
	for _, p := range []struct {
		name, source string
		options      []string
	}{
		{"small", small, []string{"-nostdlib"}},
		{"glibc", `int main(void) { puts("hello"); return 0; }`, nil},
	} {
		m := build(b, p.source, p.options...)
		for name, o := range map[string]hospes.Options{"": {}, "/table": {Mapping: hospes.Table}, "/interpreted": {Interpret: true}, "/metered": {Limits: hospes.Limits{Instructions: 1 << 30}}} {
			b.Run(p.name+name, func(b *testing.B) {
				o.Stdout = io.Discard
				b.ReportAllocs()
				for b.Loop() {
					i, err := m.Instantiate(o)
					if err != nil {
						b.Fatal(err)
					}
					if err := i.Run(context.Background()); err != nil {
						b.Fatal(err)
					}
					i.Close()
				}
			})
		}
	}
}

// BenchmarkCall calls a function of a guest that waits, and one that calls a Go function.
func BenchmarkCall(b *testing.B) {
	m := build(b, calls)
	i := instantiate(b, m, callOptions())
	if err := i.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	for _, function := range []string{"add", "via"} {
		b.Run(function, func(b *testing.B) {
			for b.Loop() {
				if _, err := i.Call(context.Background(), function, 1, 2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestInstanceTime: an instance of a small program is made, run and closed in less than 200 microseconds.
func TestInstanceTime(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	m := build(t, small, "-nostdlib")
	least := time.Hour
	for range 1000 { // of which some find the machine free
		begun := time.Now()
		i, err := m.Instantiate(hospes.Options{Stdout: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		i.Close()
		least = min(least, time.Since(begun))
	}
	t.Logf("made, run and closed in %v", least)
	if least > 200*time.Microsecond {
		t.Errorf("an instance takes %v", least)
	}
}
