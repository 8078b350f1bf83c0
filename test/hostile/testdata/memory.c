// Random operations on memory: memory SEED COUNT [THREADS]. With one thread it prints
// a digest of every result, error, fault and byte seen, which has to be the same
// natively and as a guest. With more, the threads work on the same pages at once,
// faults come and go, and only the end counts.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES 64
#define BASE 0x2000000000UL

static char *const arena = (char *)BASE;
static int file, threads = 1;

struct worker {
	uint64_t state, digest;
	sigjmp_buf fault;
	pthread_t id;
};
static __thread struct worker *self;

static uint64_t rnd(void) {
	uint64_t z = (self->state += 0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n) { return rnd() % n; }

static void note(uint64_t v) { self->digest = (self->digest ^ v) * 0x100000001b3; }

static void faulted(int sig, siginfo_t *info, void *context) {
	(void)context;
	note(sig), note(info->si_code), note((uint64_t)info->si_addr);
	siglongjmp(self->fault, 1);
}

// result notes what a call returned, or its error. Addresses in the arena are the
// same everywhere, others are not.
static void result(int op, int64_t r) {
	note(op), note(r == -1 ? (uint64_t)-errno : (uint64_t)r);
	if (getenv("VERBOSE"))
		fprintf(stderr, "%d: %ld %d\n", op, (long)r, r == -1 ? errno : 0);
}

static char *page(void) { return arena + below(PAGES) * PAGE; }

static size_t length(void) { return below(8) ? (1 + below(6)) * PAGE : below(3 * PAGE); }

static int prot(void) {
	static const int some[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_WRITE};
	return some[below(5)];
}

static void map(void) {
	int flags = MAP_FIXED | (below(2) ? MAP_SHARED : MAP_PRIVATE), fd = -1;
	long offset = 0;
	if (below(3) == 0)
		fd = file, offset = below(6) * PAGE;
	else
		flags |= MAP_ANONYMOUS;
	if (below(8) == 0)
		flags |= MAP_FIXED_NOREPLACE;
	char *at = page();
	size_t n = length();
	result(0, (int64_t)mmap(at, n, prot(), flags, fd, offset));
}

static void remap(void) {
	static const int some[] = {0, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED | 4, MREMAP_FIXED, 8};
	int flags = some[below(5)];
	char *from = page(), *to = page();
	size_t old = below(12) ? length() : 0, new = length();
	if (flags & MREMAP_FIXED)
		old = PAGE; // Linux 6.17 and later move several mappings at once
	else if (flags == 0 && new > old)
		new = old; // shared mappings do not grow in place here
	result(1, (int64_t)mremap(from, old, new, flags, to));
}

static void advise(void) {
	static const int some[] = {MADV_NORMAL, MADV_DONTNEED, MADV_WILLNEED, 8 /* FREE */, 9, 14, 77, 16};
	int advice = some[below(8)];
	char *at = page();
	int r = madvise(at, length(), advice);
	if (advice != 8) // lazily freed pages may be either
		result(2, r);
	else if (threads == 1)
		madvise(arena, PAGES * PAGE, MADV_DONTNEED), note(0);
}

static void access_memory(void) {
	char *p = page() + (below(3) ? below(PAGE) : PAGE - below(9));
	uint64_t v = 0;
	switch (below(6)) {
	case 0: v = *(volatile uint8_t *)p; break;
	case 1: memcpy(&v, p, 8); break;
	case 2: v = *(volatile uint32_t *)((uint64_t)p & ~3UL); break;
	case 3: *(volatile uint8_t *)p = (uint8_t)rnd(); break;
	case 4: *(volatile uint64_t *)((uint64_t)p & ~7UL) = rnd(); break;
	case 5: v = __atomic_fetch_add((uint64_t *)((uint64_t)p & ~7UL), 3, __ATOMIC_SEQ_CST); break;
	}
	note(3), note(v);
}

static void transfer(void) {
	char *p = page() + below(PAGE);
	size_t n = below(3 * PAGE);
	long at = below(4 * PAGE);
	result(4, below(2) ? pread(file, p, n, at) : pwrite(file, p, n, at));
}

static void move_break(void) {
	static char *start;
	if (threads != 1)
		return; // libc's own threads allocate
	if (!start)
		start = sbrk(0);
	result(9, brk(start + below(40) * PAGE / 2));
	result(9, (char *)sbrk(0) - start);
}

static void step(void) {
	// Arguments are drawn one by one: compilers differ in the order in which they
	// evaluate those of a call.
	int op = below(16);
	char *at = page();
	size_t n = length();
	switch (op) {
	case 0: case 1: map(); break;
	case 2: result(5, munmap(at, n)); break;
	case 3: case 4: result(6, mprotect(at, n, prot())); break;
	case 5: remap(); break;
	case 6: advise(); break;
	case 7: transfer(); break;
	case 8: result(7, msync(at, n, below(8))); break;
	case 9: {
		unsigned char vec[8];
		result(8, mincore(at, n, vec));
		break;
	}
	case 10: move_break(); break;
	default: access_memory();
	}
}

static void *work(void *worker) {
	self = worker;
	for (volatile long left = self->state & 0xffffff; left > 0; left--)
		if (sigsetjmp(self->fault, 1) == 0)
			step();
	return 0;
}

int main(int argc, char **argv) {
	if (argc < 3)
		return 2;
	uint64_t seed = strtoull(argv[1], 0, 0);
	threads = argc > 3 ? atoi(argv[3]) : 1;
	file = memfd_create("m", 0);
	if (ftruncate(file, 4 * PAGE + 100))
		return 3;
	struct sigaction action = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, 0);
	sigaction(SIGBUS, &action, 0);
	struct worker *w = calloc(threads, sizeof *w);
	for (int i = 0; i < threads; i++) {
		w[i].state = (seed << 32) + ((uint64_t)i << 24) + strtoull(argv[2], 0, 0);
		if (pthread_create(&w[i].id, 0, work, &w[i]))
			return 4;
	}
	for (int i = 0; i < threads; i++)
		pthread_join(w[i].id, 0);
	if (threads == 1)
		printf("%016lx\n", (long)w[0].digest);
	return 0;
}
