//go:build linux && amd64

package sandbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestKill: a kernel ends at once, whatever its tasks are doing.
func TestKill(t *testing.T) {
	for name, body := range map[string]string{
		"loop":    `for (;;) ;`,
		"sleep":   `for (;;) sleep(1000);`,
		"pause":   `sigset_t s; sigfillset(&s); sigprocmask(SIG_BLOCK, &s, 0); for (;;) pause();`,
		"futex":   `int word = 0; for (;;) syscall(SYS_futex, &word, 0, 0, 0, 0, 0);`,
		"pipe":    `int p[2]; char c; pipe(p); for (;;) read(p[0], &c, 1);`,
		"poll":    `int p[2]; pipe(p); struct pollfd f = {p[0], POLLIN}; for (;;) poll(&f, 1, -1);`,
		"wait":    `if (fork()) for (;;) wait(0); else for (;;) ;`,
		"vfork":   `if (vfork()) ; else for (;;) ;`,
		"stopped": `raise(SIGSTOP);`,
		"thread":  `pthread_t t; pthread_create(&t, 0, spin, 0); pthread_join(t, 0);`,
		"signals": `signal(SIGALRM, nothing); struct itimerval v = {{0, 100}, {0, 100}}; setitimer(ITIMER_REAL, &v, 0); for (;;) pause();`,
		"calls":   `for (;;) getppid();`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := compile(t, `
				#include <poll.h>
				#include <pthread.h>
				#include <signal.h>
				#include <stdio.h>
				#include <sys/syscall.h>
				#include <sys/time.h>
				#include <sys/wait.h>
				#include <unistd.h>
				static void *spin(void *arg) { for (;;) ; }
				static void nothing(int sig) { }
				int main(void) { write(1, "ready\n", 6); `+body+` }`)
			ready := make(chan struct{})
			k, err := New(Config{NewMachine: newMachine, Files: FileConfig{Stdout: onWrite(func() { close(ready) })}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			reason := errors.New("enough")
			var killed time.Time
			go func() {
				<-ready
				time.Sleep(30 * time.Millisecond)
				killed = time.Now()
				cancel(reason)
			}()
			exit, err := k.Run(ctx, Program{Path: "/program", File: file})
			if err != nil || exit.Err != reason || exit.Signal != 9 {
				t.Errorf("%+v, %v", exit, err)
			}
			if took := time.Since(killed); took > time.Minute { // as the loops do, if nobody ends them
				t.Errorf("it took %v", took)
			}
		})
	}
}

// onWrite is a function that is called for what is written.
type onWrite func()

func (f onWrite) Write(b []byte) (int, error) {
	f()
	return len(b), nil
}

// TestFakeClock: with a clock of its own, the time that a guest sees is the same in each run, and sleeping
// takes none of the host's.
func TestFakeClock(t *testing.T) {
	file := compile(t, `
		#include <pthread.h>
		#include <signal.h>
		#include <stdio.h>
		#include <time.h>
		#include <unistd.h>
		#include <sys/time.h>
		static void show(const char *what) {
			struct timespec t;
			unsigned long ticks;
			clock_gettime(CLOCK_REALTIME, &t);
			asm volatile("rdtime %0" : "=r"(ticks));
			printf("%s %ld.%09ld %lu\n", what, (long)t.tv_sec, t.tv_nsec, ticks);
		}
		static void *sleeper(void *arg) { sleep((long)arg); show("thread"); return 0; }
		static void alarmed(int sig) { show("alarm"); }
		int main(void) {
			show("start");
			sleep(3600);
			show("after an hour");
			pthread_t t[3];
			for (long i = 0; i < 3; i++) pthread_create(&t[i], 0, sleeper, (void *)(30 - 10 * i));
			for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
			signal(SIGALRM, alarmed);
			struct itimerval v = {{0, 0}, {86400, 5}};
			setitimer(ITIMER_REAL, &v, 0);
			pause();
			pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
			struct timespec until = {2000000000, 0};
			pthread_mutex_lock(&m);
			pthread_mutex_timedlock(&m, &until);
			show("timed out");
		}`)
	want := `start 1000000000.000000000 10000000000000000
after an hour 1000003600.000000000 10000036000000000
thread 1000003610.000000000 10000036100000000
thread 1000003620.000000000 10000036200000000
thread 1000003630.000000000 10000036300000000
alarm 1000090030.000005000 10000900300000050
timed out 2000000000.000000000 20000000000000000
`
	for range 5 {
		got := execute(t, file, func(c *Config) { c.Clock = NewFakeClock(time.Unix(1e9, 0)) })
		if got.stdout != want {
			t.Fatalf("got:\n%swant:\n%s", got.stdout, want)
		}
	}
}

// TestRandom: what is random comes from the configuration.
func TestRandom(t *testing.T) {
	file := compile(t, `
		#include <stdio.h>
		#include <sys/auxv.h>
		#include <sys/random.h>
		int main(void) {
			unsigned char b[16], *aux = (void *)getauxval(AT_RANDOM);
			getrandom(b, sizeof b, 0);
			for (int i = 0; i < 16; i++) printf("%02x%02x", b[i], aux[i]);
		}`)
	run := func(seed byte) string {
		return execute(t, file, func(c *Config) { c.Random = rand.NewChaCha8([32]byte{seed}) }).stdout
	}
	a, again, b := run(1), run(1), run(2)
	if len(a) != 64 || a != again || a == b {
		t.Errorf("%q, %q, %q", a, again, b)
	}
}

// TestLimits: what is too much fails with the errors that programs expect.
func TestLimits(t *testing.T) {
	file := compile(t, `
		#include <errno.h>
		#include <pthread.h>
		#include <signal.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static void *nothing(void *arg) { sleep(1000); return 0; }
		static const int rw = PROT_READ | PROT_WRITE, private = MAP_PRIVATE | MAP_ANONYMOUS;
		static void map(const char *what, size_t n, int prot, int flags) {
			void *p = mmap(0, n, prot, flags, -1, 0);
			printf("%s: %s\n", what, p == MAP_FAILED ? strerror(errno) : "mapped");
			if (p != MAP_FAILED) munmap(p, n);
		}
		int main(void) {
			setvbuf(stdout, 0, _IOLBF, 0);
			map("40 MiB", 40 << 20, rw, private);
			map("40 MiB again", 40 << 20, rw, private);
			map("shared", 40 << 20, rw, MAP_SHARED | MAP_ANONYMOUS);
			map("reserved", 8UL << 30, PROT_NONE, private);
			map("70 MiB", 70 << 20, rw, private);
			char *p = mmap(0, 8UL << 30, PROT_NONE, private, -1, 0);
			printf("protect: %d %s\n", mprotect(p, 70 << 20, rw), strerror(errno));
			printf("some: %d\n", mprotect(p, 40 << 20, rw));
			printf("hidden: %d\n", mprotect(p, 40 << 20, PROT_NONE));
			map("30 MiB", 30 << 20, rw, private);
			printf("malloc: %d\n", malloc(30 << 20) != 0);
			int pid = fork();
			printf("fork: %d %s\n", pid, strerror(errno));
			munmap(p, 8UL << 30);
			if ((pid = fork()) == 0) _exit(7);
			int status;
			waitpid(pid, &status, 0);
			printf("fork: %d\n", WEXITSTATUS(status));
			int n = 0, e;
			pthread_t t;
			pthread_attr_t a;
			pthread_attr_init(&a);
			pthread_attr_setstacksize(&a, 65536);
			while ((e = pthread_create(&t, &a, nothing, 0)) == 0) n++;
			printf("%d threads, then %s\n", n, strerror(e));
		}`)
	want := strings.Join([]string{
		"40 MiB: mapped", "40 MiB again: mapped", "shared: mapped", "reserved: mapped", "70 MiB: Cannot allocate memory",
		"protect: -1 Cannot allocate memory", "some: 0", "hidden: 0", "30 MiB: Cannot allocate memory", "malloc: 0",
		"fork: -1 Cannot allocate memory", "fork: 7", "9 threads, then Resource temporarily unavailable", "",
	}, "\n")
	got := execute(t, file, func(c *Config) { c.Limits = Limits{Memory: 64 << 20, Tasks: 10} })
	if got.stdout != want || got.exit.Refused != RefusedMemory|RefusedTasks {
		t.Errorf("%+v, want:\n%s", got, want)
	}
}

// TestFork: memory is copied, or shared where it is shared, wherever it is and whatever may be done with it.
func TestFork(t *testing.T) {
	file := compile(t, `
		#include <stdio.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <sys/wait.h>
		#include <unistd.h>
		#define PAGE 4096
		static char data[3 * PAGE] = "data";
		int main(void) {
			int rw = PROT_READ | PROT_WRITE;
			char *own = mmap(0, 100 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			char *common = mmap(0, 4 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
			char *none = mmap(0, 4 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			char *read = mmap(0, 4 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			char *big = mmap(0, 1UL << 32, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			strcpy(own + 50 * PAGE, "own");
			strcpy(common + PAGE, "common");
			strcpy(none + PAGE, "none");
			strcpy(read + PAGE, "read");
			strcpy(big + (1UL << 31), "big");
			mprotect(none, 4 * PAGE, PROT_NONE);
			mprotect(read, 4 * PAGE, PROT_READ);
			int pid = fork();
			if (pid == 0) {
				mprotect(none, 4 * PAGE, PROT_READ);
				printf("child: %s %s %s %s %s %s\n", data, own + 50 * PAGE, common + PAGE, none + PAGE, read + PAGE, big + (1UL << 31));
				fflush(stdout);
				strcpy(data, "changed");
				strcpy(own + 50 * PAGE, "changed");
				strcpy(common + PAGE, "changed by the child");
				if (fork() == 0) { strcpy(common + 2 * PAGE, "and by its child"); _exit(0); }
				wait(0);
				read[PAGE] = 'x';
			}
			int status;
			waitpid(pid, &status, 0);
			printf("parent: %s %s, %s, %s\n", data, own + 50 * PAGE, common + PAGE, common + 2 * PAGE);
			printf("signal %d\n", WTERMSIG(status));
		}`)
	want := "child: data own common none read big\nparent: data own, changed by the child, and by its child\nsignal 11\n"
	for name, machine := range map[string]func() (*Machine, error){"translated": newMachine, "interpreted": newInterpreter} {
		t.Run(name, func(t *testing.T) {
			if got := execute(t, file, func(c *Config) { c.NewMachine = machine }); got.stdout != want {
				t.Errorf("got:\n%swant:\n%s", got.stdout, want)
			}
		})
	}
}

// TestNothingLeft: what a kernel has used is given back.
func TestNothingLeft(t *testing.T) {
	file := compile(t, `
		#include <pthread.h>
		#include <signal.h>
		#include <unistd.h>
		#include <sys/wait.h>
		static void *wait_for(void *arg) { sleep(1000); return 0; }
		int main(void) {
			pthread_t t;
			for (int i = 0; i < 4; i++) pthread_create(&t, 0, wait_for, 0);
			for (int i = 0; i < 4; i++) if (fork() == 0) for (;;) sleep(1000);
			alarm(1000);
			usleep(1000);
		}`)
	once := func() {
		if got := execute(t, file, nil); got.exit.Status != (Status{}) {
			t.Errorf("%+v", got)
		}
	}
	once()
	goroutines, maps, fds := held(t)
	for range 20 {
		once()
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		g, m, f := held(t)
		if g <= goroutines && m <= maps+5 && f <= fds {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("goroutines %d, %d; mappings %d, %d; descriptors %d, %d", goroutines, g, maps, m, fds, f)
		}
		runtime.GC()
	}
}

// held counts goroutines, mappings of memory, and descriptors of this process.
func held(t *testing.T) (goroutines, maps, fds int) {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NumGoroutine(), strings.Count(string(b), "\n"), len(list)
}
