// More code than a small code cache holds, in several threads, under signals and while other
// code changes: translations are thrown away while threads are in them.
#include "check.h"
#include <pthread.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { FUNCTIONS = 1500, SIZE = 256, RUNNERS = 3, CALLS = 12000 };

static unsigned char *code;
static volatile int signals;

static void count(int sig) { signals++; }

// value is what function n makes of x, as its instructions do.
static long value(int n, long x) {
	for (int i = 0; i < 5 + n % 7; i++)
		x = (x ^ (n & 1023)) + i;
	return x + n % 100 * (n % 5 + 1);
}

// make writes function n: straight code, then a loop, and for some a call of another one.
static void make(int n) {
	unsigned char *p = code + n * SIZE;
	for (int i = 0; i < 5 + n % 7; i++) {
		emit(&p, I(0x13, 4, a0, a0, n & 1023)); // xori
		emit(&p, addi(a0, a0, i));
	}
	emit(&p, addi(t0, zero, n % 5 + 1));
	unsigned char *loop = p;
	emit(&p, addi(a0, a0, n % 100));
	emit(&p, addi(t0, t0, -1));
	emit(&p, B(1, t0, zero, loop - p));
	emit(&p, C_RET);
}

static void *run(void *seed) {
	uint32_t r = (uintptr_t)seed;
	for (int i = 0; i < CALLS; i++) {
		r = r * 1664525 + 1013904223;
		int n = (r >> 8) % FUNCTIONS, times = i % 16 == 0 ? 40 : 2;
		long x = r & 0xffff, want = x;
		for (int k = 0; k < times; k++) {
			want = value(n, want);
			x = ((long (*)(long))(code + n * SIZE))(x);
		}
		CHECK(x == want, "function %d: %ld, want %ld", n, x, want);
	}
	return NULL;
}

// change has code of its own protected and run, again and again.
static volatile int over;
static void *change(void *_) {
	unsigned char *own = mapped(1, PROT_READ | PROT_WRITE);
	for (int i = 0; !over; i++) {
		unsigned char *p = own;
		protect(own, 1, PROT_READ | PROT_WRITE);
		emit(&p, addi(a0, a0, i % 1000));
		emit(&p, C_RET);
		protect(own, 1, PROT_READ | PROT_EXEC);
		CHECK(((long (*)(long))own)(5) == 5 + i % 1000, "own code %d", i);
	}
	return NULL;
}

int main(void) {
	code = mapped(FUNCTIONS * SIZE / PAGE + 1, PROT_READ | PROT_WRITE);
	for (int n = 0; n < FUNCTIONS; n++)
		make(n);
	protect(code, FUNCTIONS * SIZE / PAGE + 1, PROT_READ | PROT_EXEC);
	signal(SIGALRM, count);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL);
	for (int round = 0; round < 3; round++) {
		pthread_t t[RUNNERS], c;
		over = 0;
		pthread_create(&c, NULL, change, NULL);
		for (long i = 0; i < RUNNERS; i++)
			pthread_create(&t[i], NULL, run, (void *)(i * 7919 + round));
		pid_t child = fork(); // its code cache is its own
		if (child == 0) {
			setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
			run((void *)77);
			_exit(failures != 0);
		}
		int status = -1;
		while (waitpid(child, &status, 0) < 0)
			;
		CHECK(status == 0, "the child's status %#x", status);
		for (int i = 0; i < RUNNERS; i++)
			pthread_join(t[i], NULL);
		over = 1;
		pthread_join(c, NULL);
	}
	return finish();
}
