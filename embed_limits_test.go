//go:build linux

package hospes_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hospes-vm/hospes"
)

// TestInstructionLimit: a guest stops after exactly as many instructions as it may execute, at the same place
// whoever executes it, and a limit that it does not reach changes nothing.
func TestInstructionLimit(t *testing.T) {
	m := build(t, `
		#include <stdio.h>
		#include <math.h>
		int main(void) {
			double x = 0;
			for (int i = 0; i < 200; i++) {
				for (int k = 0; k < i; k++) x += sqrt(k);
				printf("%d %.3f\n", i, x);
				fflush(stdout);
			}
		}`, "-lm")
	whole, err := output(t, m, hospes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []uint64{1, 1000, 100_001, 250_000, 1 << 40} {
		want := ""
		for n, o := range []hospes.Options{{Interpret: true}, {}, {}, {Mapping: hospes.Table}} {
			var b bytes.Buffer
			o.Stdout, o.Limits.Instructions = &b, limit
			i := instantiate(t, m, o)
			err := i.Run(within(t))
			got := fmt.Sprint(b.String(), i.Instructions(), err)
			if n == 0 {
				want = got
			}
			if got != want {
				t.Errorf("limit %d, options %d:\n%s\ninterpreted:\n%s", limit, n, tail(got), tail(want))
			}
			switch reached := errors.Is(err, &hospes.LimitError{Limit: hospes.InstructionLimit}); {
			case !strings.HasPrefix(whole, b.String()):
				t.Errorf("limit %d: other output", limit)
			case limit == 1<<40 && (err != nil || b.String() != whole):
				t.Errorf("without reaching the limit: %v", err)
			case limit < 1<<40 && (!reached || i.Instructions() != limit):
				t.Errorf("limit %d: %v after %d instructions", limit, err, i.Instructions())
			}
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-200):] }

// TestLimits: each of the other limits, by the program that runs into it.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limit  hospes.Limit
		limits hospes.Limits
		source string
		ends   bool // it ends the guest, which else ends with status 3
	}{
		{hospes.MemoryLimit, hospes.Limits{Memory: 16 << 20}, `for (;;) { char *p = malloc(1 << 20); if (!p) exit(3); memset(p, 1, 1 << 20); }`, false},
		{hospes.ThreadLimit, hospes.Limits{Threads: 4}, `for (;;) { pthread_t p; if (pthread_create(&p, 0, (void *)pause, 0)) exit(3); }`, false},
		{hospes.FileLimit, hospes.Limits{Files: 16}, `for (;;) if (dup(1) < 0) exit(3);`, false},
		{hospes.OutputLimit, hospes.Limits{Output: 1000}, `for (;;) if (write(1, "0123456789", 10) < 0 || write(2, "x", 1) < 0) exit(3);`, true},
		{hospes.TimeLimit, hospes.Limits{Time: 50 * time.Millisecond}, `for (;;) asm volatile("");`, true},
		{hospes.TimeLimit, hospes.Limits{Time: 50 * time.Millisecond}, `pause();`, true},
		{hospes.InstructionLimit, hospes.Limits{Instructions: 1 << 20}, `pthread_t p; pthread_create(&p, 0, (void *)pause, 0); for (;;) sched_yield();`, true},
	} {
		t.Run(string(c.limit), func(t *testing.T) {
			m := build(t, "#include <stdlib.h>\n#include <string.h>\n#include <pthread.h>\n#include <unistd.h>\nint main(void) { "+c.source+" }")
			var b bytes.Buffer
			err := instantiate(t, m, hospes.Options{Limits: c.limits, Stdout: &b, Stderr: &b}).Run(within(t))
			if !errors.Is(err, &hospes.LimitError{Limit: c.limit}) {
				t.Fatal(err)
			}
			var exit *hospes.ExitError
			if errors.As(err, &exit) == c.ends || !c.ends && exit.Code != 3 {
				t.Errorf("%v", err)
			}
			if int64(b.Len()) > max(c.limits.Output, 100) {
				t.Errorf("%d bytes of output", b.Len())
			}
		})
	}
}

// TestLongCall: a guest ends at once, also in a call that moves two gigabytes, eight bytes at a time.
func TestLongCall(t *testing.T) {
	m := build(t, `
		#include <sys/eventfd.h>
		#include <sys/sendfile.h>
		#include <fcntl.h>
		int main(void) { for (;;) sendfile(eventfd(0, 0), open("/dev/zero", O_RDONLY), 0, 1L << 31); }`)
	begun := time.Now()
	err := instantiate(t, m, hospes.Options{Limits: hospes.Limits{Time: 50 * time.Millisecond}}).Run(within(t))
	if took := time.Since(begun); !errors.Is(err, &hospes.LimitError{Limit: hospes.TimeLimit}) || took > time.Minute {
		t.Errorf("%v after %v", err, took)
	}
}

// world prints what could be different in each run.
const world = `
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
	struct timespec t;
	unsigned char r[8];
	for (int i = 0; i < 3; i++) {
		for (int c = 0; c < 4; c++) { clock_gettime(c, &t); printf("%d: %ld.%09ld\n", c, t.tv_sec, t.tv_nsec); }
		unsigned long cycles; asm volatile("rdtime %0" : "=r"(cycles)); printf("rdtime %lu\n", cycles);
		getrandom(r, sizeof r, 0);
		for (int k = 0; k < 8; k++) printf("%02x", r[k]);
		puts("");
		usleep(1234567);
	}
	unsigned char *a = (void *)getauxval(AT_RANDOM);
	for (int k = 0; k < 16; k++) printf("%02x", a[k]);
	printf("\n%d %d %p %p %p %p %p\n", getpid(), getppid(), main, argv, malloc(10), mmap(0, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), (void *)getauxval(AT_SYSINFO_EHDR));
	FILE *f = fopen("/dev/urandom", "r");
	printf("%d\n", f ? fgetc(f) : -1);
	return 0;
}`

// fixed are options with which nothing differs between two runs.
func fixed(seed byte) hospes.Options {
	return hospes.Options{
		Clock: hospes.NewFakeClock(time.Date(2030, 2, 3, 4, 5, 6, 7, time.UTC)),
		Rand:  rand.NewChaCha8([32]byte{seed}),
	}
}

// TestReproducible: with a clock and randomness of the host's making, two runs do the same. Another seed
// gives other numbers.
func TestReproducible(t *testing.T) {
	m := build(t, world)
	first, err := output(t, m, fixed(1))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := output(t, m, fixed(1)); again != first || err != nil {
		t.Errorf("%v\n%s\n%s", err, first, again)
	}
	if other, err := output(t, m, fixed(2)); other == first || err != nil {
		t.Errorf("%v: another seed changes nothing", err)
	}
	if !strings.Contains(first, "0: 1896321906.00000") {
		t.Errorf("not the time that was given:\n%s", first)
	}
}

// crowd has threads and processes that do things at the same time: what comes out depends on the order in which they run.
const crowd = `
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile long racy;
static unsigned char r;
static void *work(void *a) {
	for (int i = 0; i < 300; i++) {
		for (volatile int k = 0; k < 100 * (long)a; k++) racy++;
		pthread_mutex_lock(&lock);
		getrandom(&r, 1, 0);
		if (i % 30 == 0) dprintf(1, "%ld:%d ", (long)a, r);
		pthread_mutex_unlock(&lock);
		if (r < 10) sched_yield();
		if (r > 250) usleep(r);
	}
	return 0;
}
int main(void) {
	pthread_t t[5];
	for (long i = 0; i < 5; i++) pthread_create(t + i, 0, work, (void *)(i + 1));
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			char c;
			while (read(0, &c, 1) == 1) { getrandom(&r, 1, 0); dprintf(1, "%d%c%d ", i, c, r); for (volatile int k = 0; k < 1000 * r; k++); }
			_exit(i);
		}
	for (int i = 0; i < 5; i++) pthread_join(t[i], 0);
	for (int status; wait(&status) > 0;) dprintf(1, "exit %d ", WEXITSTATUS(status));
	dprintf(1, "racy %ld\n", racy);
}`

// TestReproducibleCrowd: the same with threads and processes, whatever else the machine does.
func TestReproducibleCrowd(t *testing.T) {
	m := build(t, crowd)
	var all [6]string
	var wg sync.WaitGroup
	for n := range all {
		wg.Go(func() {
			o := fixed(1)
			o.Stdin, o.Interpret = strings.NewReader(strings.Repeat("abcdefghij", 20)), n == 0
			got, err := output(t, m, o)
			if err != nil || !strings.Contains(got, "racy") {
				t.Errorf("%q, %v", got, err)
			}
			all[n] = got
		})
	}
	wg.Wait()
	for n := range all {
		if all[n] != all[0] {
			t.Errorf("run %d:\n%s\nand run 0:\n%s", n, all[n], all[0])
		}
	}
}

// TestFakeClockGo is the same with a program of Go, which has threads, to the instruction.
func TestFakeClockGo(t *testing.T) {
	dir := t.TempDir()
	src, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "main")
	if err := os.WriteFile(src, []byte(`package main
import ("fmt"; "math/rand"; "os"; "sync"; "time")
func main() {
	begun := time.Now()
	time.Sleep(time.Hour)
	var wg sync.WaitGroup
	var order sync.Map
	done := make(chan int, 100)
	for n := range 100 {
		wg.Go(func() { time.Sleep(time.Duration(rand.Intn(3))); order.Store(n, make([]byte, 1<<16)); done <- n })
	}
	wg.Wait()
	for range 100 { fmt.Print(<-done, " ") }
	for k := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4} { fmt.Print(k) }
	fmt.Println(begun.UTC().Truncate(time.Second), os.Getpid(), time.Since(begun).Round(time.Minute) == time.Hour)
}`), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", out, src)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	m, err := hospes.OpenModule(out)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var all [3]string
	for n := range all {
		var b bytes.Buffer
		o := fixed(1)
		o.Stdout, o.Stderr = &b, &b
		i, err := m.Instantiate(o)
		if err != nil {
			t.Fatal(err)
		}
		err = i.Run(within(t))
		i.Close()
		if all[n] = fmt.Sprint(i.Instructions(), " ", b.String()); err != nil || !strings.HasSuffix(all[n], "true\n") {
			t.Fatalf("%v\n%s", err, all[n])
		}
	}
	if all[0] != all[1] || all[1] != all[2] {
		t.Errorf("%q", all)
	}
}
