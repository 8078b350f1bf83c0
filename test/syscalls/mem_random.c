// Random memory calls, with what each returns, which accesses fault and how, what the pages
// hold, and what children see and change.
// args: 1 7
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define PAGES 40
#define FILE_PAGES 6 // and a half
#define BASE ((char *)0x1000000000)
#define STEPS 100

enum { NONE, ANON, COPY, SHARED };

// What the program knows of a page: what it is of, its permissions, and which call has
// mapped it.
static struct {
	int kind, prot, call;
} page[PAGES];

static uint64_t state;
static sigjmp_buf back;
static siginfo_t last;

static unsigned rnd(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

static void fault(int sig, siginfo_t *info, void *context)
{
	last = *info;
	siglongjmp(back, 1);
}

// access loads or stores a byte and returns it, or 1000 and more for a fault.
static int access_byte(volatile char *p, int store, int value)
{
	if (sigsetjmp(back, 1)) {
		if (last.si_addr != p)
			printf("wrong address\n");
		return 1000 * last.si_signo + last.si_code;
	}
	if (store)
		*p = value;
	return (unsigned char)*p;
}

// digest is what the pages hold: faults count, too.
static unsigned digest(void)
{
	unsigned sum = 0;
	for (int i = 0; i < PAGES; i++)
		for (int at = 8; at < PAGE; at += PAGE / 2)
			sum = sum * 31 + access_byte(BASE + i * PAGE + at, 0, 0);
	return sum;
}

static void note(int first, int n, int kind, int prot, int call)
{
	for (int i = first; i < first + n; i++)
		page[i].kind = kind, page[i].prot = prot, page[i].call = call;
}

// alike reports whether pages have been mapped by one call and have the same permissions:
// not all kernels move others together.
static int alike(int first, int n)
{
	for (int i = first; i < first + n; i++)
		if (page[i].kind == NONE || page[i].call != page[first].call || page[i].prot != page[first].prot)
			return 0;
	return 1;
}

static void map(int call, int first, int n, int fds[])
{
	static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_WRITE};
	int prot = prots[rnd(5)], what = rnd(5), fd = -1, flags = rnd(3) ? MAP_FIXED : rnd(2) ? MAP_FIXED_NOREPLACE : 0;
	int kind = ANON;
	switch (what) {
	case 0: kind = COPY, fd = fds[0], flags |= MAP_PRIVATE; break;
	case 1: kind = SHARED, fd = fds[1], flags |= MAP_SHARED; break;
	case 2: kind = SHARED, flags |= MAP_SHARED | MAP_ANONYMOUS; break;
	default: flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	}
	off_t off = fd < 0 ? 0 : rnd(FILE_PAGES) * PAGE;
	size_t len = n * PAGE - rnd(2) * rnd(PAGE);
	char *p = mmap(BASE + first * PAGE, len, prot, flags, fd, off);
	printf("mmap %d %d prot %d what %d: ", first, n, prot, what);
	if (p == MAP_FAILED) {
		printf("%s\n", strerrorname_np(errno));
	} else if (p != BASE + first * PAGE) {
		printf("elsewhere\n");
		munmap(p, len);
	} else {
		printf("there\n");
		note(first, n, kind, prot, call);
	}
}

static void move(int call, int first, int n)
{
	int to = rnd(PAGES), m = 1 + rnd(6), kind = page[first].kind, prot = page[first].prot;
	if (m > PAGES - to)
		m = PAGES - to;
	if (!alike(first, n) || kind != ANON && m > n)
		return;
	int fixed = rnd(2);
	char *p = mremap(BASE + first * PAGE, n * PAGE, m * PAGE, fixed ? MREMAP_MAYMOVE | MREMAP_FIXED : 0, BASE + to * PAGE);
	printf("mremap %d %d to %d %d: %s\n", first, n, fixed ? to : first, m, p == MAP_FAILED ? strerrorname_np(errno) : "done");
	if (p == MAP_FAILED)
		return;
	note(first, n, NONE, 0, 0);
	if (!fixed)
		to = first;
	note(to, to + m > PAGES ? PAGES - to : m, kind, prot, call);
}

static void child(int first)
{
	fflush(stdout);
	int pid = fork(), status;
	if (pid == 0) {
		for (int i = first; i < PAGES; i += 3)
			access_byte(BASE + i * PAGE + 8, 1, i + 100);
		_exit(digest() % 251);
	}
	waitpid(pid, &status, 0);
	printf("child %d\n", status);
}

static void step(int call, int fds[])
{
	int first = rnd(PAGES), n = 1 + rnd(8);
	if (n > PAGES - first)
		n = PAGES - first;
	char *p = BASE + first * PAGE;
	switch (rnd(12)) {
	case 0: case 1: case 2:
		map(call, first, n, fds);
		break;
	case 3:
		printf("munmap %d %d: %d\n", first, n, munmap(p, n * PAGE));
		note(first, n, NONE, 0, 0);
		break;
	case 4: case 5: {
		int prot = rnd(4);
		printf("mprotect %d %d %d: ", first, n, prot);
		printf("%s\n", mprotect(p, n * PAGE, prot) ? strerrorname_np(errno) : "done");
		for (int i = first; i < first + n && page[i].kind != NONE; i++)
			page[i].prot = prot;
		break;
	}
	case 6: case 7:
		move(call, first, n < 4 ? n : 4);
		break;
	case 8:
		if (page[first].kind == ANON && alike(first, n))
			printf("madvise %d %d: %d\n", first, n, madvise(p, n * PAGE, MADV_DONTNEED));
		break;
	case 9:
		child(first);
		break;
	default:
		for (int i = 0; i < n; i++)
			printf("store %d: %d\n", first + i, access_byte(p + i * PAGE + 8 + rnd(2) * (PAGE / 2), 1, call % 256));
	}
}

static void run(int seed)
{
	int fds[2];
	char buf[PAGE / 2];
	state = seed;
	munmap(BASE, 2 * PAGES * PAGE);
	note(0, PAGES, NONE, 0, 0);
	for (int f = 0; f < 2; f++) {
		char name[] = {'f', '0' + f, 0};
		fds[f] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		for (int i = 0; i < 2 * FILE_PAGES + 1; i++) {
			memset(buf, 100 * f + i, sizeof buf);
			write(fds[f], buf, sizeof buf);
		}
	}
	for (int call = 1; call <= STEPS; call++) {
		step(call, fds);
		printf("%d: %08x\n", call, digest());
	}
	close(fds[0]), close(fds[1]);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (int i = 1; i < argc; i++)
		run(atoi(argv[i]));
	return 0;
}
