// Shares of the CPU time that are known, in code of each kind.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned long in_library(unsigned long n, unsigned long (*back)(unsigned long));

#define NOINLINE __attribute__((noinline, noclone))
volatile unsigned long sink;
static __thread unsigned long table[1024];

static inline __attribute__((always_inline)) unsigned long work(unsigned long n)
{
	unsigned long s = n;
	for (unsigned long i = 0; i < n; i++) {
		s = s * 31 + table[i & 1023];
		table[s & 1023] = s;
	}
	return s;
}

NOINLINE unsigned long one(unsigned long n) { return work(n); }
NOINLINE unsigned long three(unsigned long n) { return work(3 * n); }
NOINLINE void both(unsigned long n)
{
	sink += one(n);
	sink += three(n);
}

// Leaves that do nothing to memory, called one after the other in one loop. They are long: where in a few
// instructions a processor is interrupted is its own affair, and returns attract it.
#define STEP s = s * 31 + (s >> 3);
#define STEPS STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP
NOINLINE unsigned long leaf_one(unsigned long s)
{
	STEPS
	return s;
}
NOINLINE unsigned long leaf_three(unsigned long s)
{
	STEPS STEPS STEPS
	return s;
}
NOINLINE void leaves(unsigned long n)
{
	unsigned long s = n;
	for (unsigned long i = 0; i < n; i++)
		s = leaf_three(leaf_one(s));
	sink += s;
}

NOINLINE unsigned long recurse(int depth, unsigned long n)
{
	unsigned long s = depth == 0 ? work(n) : recurse(depth - 1, n);
	return s + sink;
}

NOINLINE unsigned long called_back(unsigned long n) { return work(n) + sink; }

static void handler(int sig) { sink += one(15000000); }

static void *thread(void *name)
{
	pthread_setname_np(pthread_self(), name);
	both(40000000);
	return 0;
}

static void threads(void)
{
	pthread_t a, b;
	pthread_create(&a, 0, thread, "first");
	pthread_create(&b, 0, thread, "second");
	pthread_join(a, 0);
	pthread_join(b, 0);
}

NOINLINE static void calls(void)
{
	for (int i = 0; i < 300000; i++)
		sink += getppid();
}

NOINLINE static void parent_and_child(void)
{
	if (fork() == 0) {
		sink += three(30000000);
		_exit(0);
	}
	wait(0);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 2 ? atol(argv[2]) : 40000000;
	const char *what = argv[1];
	if (!strcmp(what, "both"))
		both(n);
	if (!strcmp(what, "leaves"))
		leaves(n);
	if (!strcmp(what, "recurse"))
		sink += recurse(20, n);
	if (!strcmp(what, "library"))
		sink += in_library(n, called_back);
	if (!strcmp(what, "threads"))
		threads();
	if (!strcmp(what, "calls"))
		calls();
	if (!strcmp(what, "fork"))
		parent_and_child();
	if (!strcmp(what, "handler")) {
		signal(SIGUSR1, handler);
		for (int i = 0; i < 10; i++)
			raise(SIGUSR1);
	}
	if (!strcmp(what, "killed")) {
		both(n);
		raise(SIGTERM);
	}
	return 0;
}
