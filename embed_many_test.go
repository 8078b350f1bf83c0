//go:build linux

package hospes_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hospes-vm/hospes"
)

// resident is the memory of the process in bytes, as the host counts it, its page tables included, and
// how many mappings it has.
func resident(t testing.TB) (bytes, mappings int) {
	t.Helper()
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) == 3 && (f[0] == "VmRSS:" || f[0] == "VmPTE:") {
			n, _ := strconv.Atoi(f[1])
			bytes += n << 10
		}
	}
	return bytes, len(lines(t, "/proc/self/maps"))
}

func lines(t testing.TB, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Skip(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// TestManyInstances has many instances alive at once, each of which has run and can be called, with
// memory of its own. It prints what one takes.
func TestManyInstances(t *testing.T) {
	count := 10_000
	if testing.Short() {
		count = 500
	}
	m := build(t, small, "-nostdlib")
	options := hospes.Options{Limits: hospes.Limits{Memory: 12 << 20}}
	list := make([]*hospes.Instance, 0, count)
	defer func() {
		for _, i := range list {
			i.Close()
		}
	}()
	before, mappings := resident(t)
	goroutines := runtime.NumGoroutine()
	begun := time.Now()
	for n := range count {
		i, err := m.Instantiate(options)
		if err != nil {
			t.Fatalf("instance %d: %v", n, err)
		}
		list = append(list, i)
		if r, err := i.Call(context.Background(), "count", n); r.Int() != int64(40+n) || err != nil {
			t.Fatalf("instance %d: %d, %v", n, r.Int(), err)
		}
	}
	took := time.Since(begun)
	after, mapped := resident(t)
	if g := runtime.NumGoroutine(); g > goroutines+2 {
		t.Errorf("%d goroutines after %d", g, goroutines)
	}
	for n, i := range list {
		if r, err := i.Call(context.Background(), "count", 1); r.Int() != int64(41+n) || err != nil {
			t.Fatalf("instance %d: %d, %v", n, r.Int(), err)
		}
	}
	t.Logf("%d instances: %d KiB and %.1f mappings each, made and called in %v each",
		count, (after-before)/count>>10, float64(mapped-mappings)/float64(count), took/time.Duration(count))
}

// TestNothingLeft: instances that end in all ways leave nothing behind.
func TestNothingLeft(t *testing.T) {
	m := build(t, calls)
	round := func(n int) {
		for k := range n {
			o := callOptions()
			o.Stdin, o.Stdout = strings.NewReader("x"), new(bytes.Buffer)
			o.Mounts = []hospes.Mount{{Target: "/tmp"}}
			if k%3 == 0 {
				o.Limits.Instructions = 1 << 20
			}
			i, err := m.Instantiate(o)
			if err != nil {
				t.Fatal(err)
			}
			if k%7 > 0 {
				if err := i.Start(within(t)); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			switch k % 7 {
			case 2:
				_, _ = i.Call(ctx, "crash", 0)
			case 3:
				_, _ = i.Call(ctx, "leave", 1)
			case 4:
				_, _ = i.Call(ctx, "spin")
			case 5:
				_ = i.Run(ctx)
			case 6:
				_, _ = i.Call(ctx, "fail")
			}
			cancel()
			i.Close()
		}
	}
	round(14)
	fds, goroutines := len(entries(t, "/proc/self/fd")), runtime.NumGoroutine()
	bytes, mappings := resident(t)
	round(210)
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // those of timers end by and by
	}
	if n := len(entries(t, "/proc/self/fd")); n > fds {
		t.Errorf("%d descriptors after %d", n, fds)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines after %d\n%s", n, goroutines, buf[:runtime.Stack(buf, true)])
	}
	if b, n := resident(t); n > mappings+50 || b > bytes+32<<20 {
		t.Errorf("%d mappings after %d, %d bytes after %d", n, mappings, b, bytes)
	}
}

// entries are the names in a directory.
func entries(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Skip(err)
	}
	return list
}

// TestParallelInstances: instances of one module in many goroutines, with threads, loops that get hot, and some that change their
// code, execute the same translations.
func TestParallelInstances(t *testing.T) {
	m := build(t, `
		#include <pthread.h>
		#include <stdint.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/mman.h>
		static long sum(long n) { long s = 0; for (long i = 0; i < n; i++) s += i * i ^ s >> 3; return s; }
		static void *work(void *p) { return (void *)sum((long)p); }
		__attribute__((noinline, aligned(4096))) long constant(void) { return 1; }
		int main(int argc, char **argv) {
			pthread_t p[3];
			long total = 0;
			for (int i = 0; i < 3; i++) pthread_create(&p[i], 0, work, (void *)100000L);
			for (int i = 0; i < 3; i++) { void *r; pthread_join(p[i], &r); total ^= (long)r + i; }
			long before = constant();
			if (argc > 1) { // from here on constant returns 2
				uint32_t *code = (void *)constant;
				mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
				code[0] = 0x00200513; code[1] = 0x00008067; // li a0, 2; ret
				mprotect(code, 4096, PROT_READ | PROT_EXEC);
				__builtin___clear_cache((char *)code, (char *)(code + 2));
			}
			long (*volatile f)(void) = constant;
			printf("%ld %ld %ld\n", total, before, f());
		}`)
	want, err := output(t, m, hospes.Options{Interpret: true})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for n := range 6 {
		group.Go(func() {
			for k := range 8 {
				o, want := hospes.Options{}, want
				if changes := (n+k)%3 == 0; changes {
					o.Args = []string{"guest", "change"}
					want = strings.TrimSuffix(want, "1\n") + "2\n"
				}
				var out bytes.Buffer
				o.Stdout = &out
				i, err := m.Instantiate(o)
				if err != nil {
					t.Error(err)
					return
				}
				if err := i.Run(context.Background()); err != nil || out.String() != want {
					t.Errorf("%q, %v, want %q", out.String(), err, want)
				}
				i.Close()
			}
		})
	}
	group.Wait()
}

// TestMemoryOfNextProgram: Memory is that of the program that the guest goes on with, not what others may have by then where the
// first one's was.
func TestMemoryOfNextProgram(t *testing.T) {
	const source = `
		#include <hospes.h>
		#include <unistd.h>
		int programs = 1;
		int main(int argc, char **argv) {
			programs += argc;
			hospes_wait();
			return execl("/bin/next", "next", "again", 0);
		}`
	m := build(t, source)
	dir := t.TempDir()
	image, _ := built.Load(source)
	if err := os.WriteFile(filepath.Join(dir, "next"), image.([]byte), 0o755); err != nil {
		t.Fatal(err)
	}
	i := instantiate(t, m, hospes.Options{Mounts: []hospes.Mount{{Target: "/bin", Dir: dir}}})
	at, err := i.Symbol("programs")
	if err != nil {
		t.Fatal(err)
	}
	memory := i.Memory()
	for _, want := range []uint32{2, 3} {
		if err := i.Start(within(t)); err != nil {
			t.Fatal(err)
		}
		if n, err := memory.Uint32(at); n != want || err != nil {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
	}
}
