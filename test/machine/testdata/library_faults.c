// Functions of the C library that fault somewhere in the middle, whose signal handlers make the page
// accessible: they go on, and in the end everything is as if it had been so from the beginning.
#include "library.h"
#include <fcntl.h>
#include <setjmp.h>

enum { PAGES = 5 };
static unsigned char *area;
typedef unsigned long __attribute__((may_alias)) word; // of what is copied and compared here, which takes most of the time
static unsigned char before[PAGES * PAGE] __attribute__((aligned(8))), want[PAGES * PAGE] __attribute__((aligned(8)));
static unsigned char pattern[PAGES * PAGE] __attribute__((aligned(8)));
static volatile int faults, signo, jumps;
static unsigned char *volatile address;
static int file = -1;
static sigjmp_buf env;

static void handler(int sig, siginfo_t *info, void *ctx) {
	(void)ctx;
	address = info->si_addr;
	signo = sig;
	faults++;
	if (jumps)
		siglongjmp(env, 1);
	if (sig == SIGBUS) {
		if (ftruncate(file, PAGES * PAGE))
			_exit(3);
		return;
	}
	protect((void *)((uintptr_t)address & -PAGE), 1, PROT_READ | PROT_WRITE);
}

static void copy(unsigned char *to, const unsigned char *from) {
	for (size_t i = 0; i < PAGES * PAGE / sizeof(word); i++)
		((word *)to)[i] = ((const word *)from)[i];
}

static void fill(void) { copy(area, pattern); }

// expect checks that one fault has been in a page, and everything is as wanted.
static void expect(const char *what, int page, size_t n, size_t at) {
	unsigned char *p = area + page * PAGE;
	CHECK(faults == 1 && address >= p && address < p + PAGE, "%s of %zu at %zx, page %d: %d faults, the last in page %ld", what, n, at, page,
		faults, (long)(address - area) / PAGE);
	size_t i = 0;
	while (i < PAGES * PAGE && *(word *)(area + i) == *(word *)(want + i))
		i += sizeof(word);
	for (; i < PAGES * PAGE; i++)
		if (area[i] != want[i]) {
			CHECK(0, "%s of %zu at %zx, page %d: byte %zx", what, n, at, page, i);
			break;
		}
	fill();
	faults = 0;
}

static void plain_move(size_t dst, size_t src, size_t n) {
	for (size_t i = 0; i < n; i++)
		want[dst + i] = before[src + i];
}

static void start(void) {
	copy(want, area);
	copy(before, area);
}

// moves moves n bytes so that operands cross into a page that is not accessible, or only readable.
static void moves(size_t n, size_t distance) {
	for (int page = 1; page < 4; page += 2) {
		size_t edges[] = {page * PAGE - n / 2, page * PAGE - n + 1, (page + 1) * PAGE - 1 - n / 3};
		for (int k = 0; k < 3; k++) {
			size_t at = edges[k];
			if (at + n + distance > PAGES * PAGE)
				continue;
			for (int up = 0; up < 2; up++) {
				size_t dst = at + (up ? distance : 0), src = at + (up ? 0 : distance);
				int in = (dst < (size_t)(page + 1) * PAGE && dst + n > (size_t)page * PAGE);
				int from = (src < (size_t)(page + 1) * PAGE && src + n > (size_t)page * PAGE);
				if (in || from) {
					start();
					plain_move(dst, src, n);
					protect(area + page * PAGE, 1, PROT_NONE);
					void *p = lib.memmove(area + dst, area + src, n);
					CHECK(p == area + dst, "memmove returns %p", p);
					expect("memmove", page, n, at);
				}
				if (in) {
					start();
					plain_move(dst, src, n);
					protect(area + page * PAGE, 1, PROT_READ);
					lib.memmove(area + dst, area + src, n);
					expect("memmove to read-only memory", page, n, at);
				}
			}
		}
	}
}

// others faults in the functions that do not move within the area.
static void others(size_t n) {
	size_t at = 2 * PAGE - n / 2 - 1;
	static unsigned char other[2 * PAGE];
	for (size_t i = 0; i < n; i++)
		other[i] = area[at + i];
	start();
	protect(area + 2 * PAGE, 1, PROT_NONE);
	CHECK(lib.memcmp(area + at, other, n) == 0, "memcmp");
	expect("memcmp", 2, n, at);
	protect(area + 2 * PAGE, 1, PROT_NONE);
	CHECK(!lib.memchr(area + at, 255, n), "memchr");
	expect("memchr", 2, n, at);
	for (size_t i = 0; i < n; i++)
		want[at + i] = 77;
	protect(area + 2 * PAGE, 1, PROT_READ);
	lib.memset(area + at, 77, n);
	expect("memset", 2, n, at);

	start();
	want[at + n] = area[at + n] = 0;
	other[n] = 0;
	protect(area + 2 * PAGE, 1, PROT_NONE);
	size_t len = lib.strlen((char *)area + at);
	CHECK(len == n, "strlen %zu: %zu", n, len);
	expect("strlen", 2, n, at);
	area[at + n] = 0;
	start();
	protect(area + 2 * PAGE, 1, PROT_NONE);
	CHECK(!lib.strcmp((char *)area + at, (char *)other), "strcmp");
	expect("strcmp", 2, n, at);
	for (size_t i = 0; i < n; i++)
		other[i] = 'a' + i % 26;
	start();
	for (size_t i = 0; i <= n; i++)
		want[at + i] = other[i];
	protect(area + 2 * PAGE, 1, PROT_READ);
	char *e = lib.stpcpy((char *)area + at, (char *)other);
	CHECK(e == (char *)area + at + n, "stpcpy %zu", n);
	expect("stpcpy", 2, n, at);
}

// past_end faults behind the end of a file.
static void past_end(void) {
	file = memfd_create("file", 0);
	if (file < 0 || ftruncate(file, PAGE)) {
		perror("file");
		exit(1);
	}
	unsigned char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	lib.memset(p + PAGE - 100, 5, 1000);
	CHECK(faults == 1 && signo == SIGBUS && p[PAGE + 899] == 5 && p[PAGE + 900] == 0, "%d faults, signal %d", faults, signo);
	faults = 0;
}

// left checks that what cannot be done at all does not change what it must not.
static void left(void) {
	static unsigned char target[200];
	jumps = 1;
	protect(area + 3 * PAGE, 1, PROT_NONE);
	for (volatile int i = 0; i < 100; i++) {
		if (!sigsetjmp(env, 1)) {
			lib.memcpy(target, area + 3 * PAGE - i, 150);
			CHECK(0, "no fault");
		}
		CHECK(address == area + 3 * PAGE, "a fault at %p, not %p", address, area + 3 * PAGE);
		for (int k = i; k < 200; k++)
			CHECK(target[k] == 0, "byte %d of %d", k, i);
		for (int k = 0; k < 200; k++)
			target[k] = 0;
		if (!sigsetjmp(env, 1)) {
			lib.strlen((char *)NULL + i);
			CHECK(0, "no fault");
		}
		if (!sigsetjmp(env, 1)) {
			lib.memcpy((void *)-64L, area, 100);
			CHECK(0, "no fault");
		}
		if (!sigsetjmp(env, 1)) {
			lib.memset((void *)(1UL << 40), 1, 1000);
			CHECK(0, "no fault");
		}
	}
	CHECK(faults == 400, "%d faults", faults);
}

int main(void) {
	area = mapped(PAGES, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < PAGES * PAGE; i++)
		pattern[i] = 1 + i * 11 % 251;
	fill();
	struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
	for (size_t n = 3; n < 200; n += 1 + n / 3) {
		size_t distances[] = {1, 8, n - 1, n + 100};
		for (int k = 0; k < 4; k++)
			moves(n, distances[k]);
		others(n);
	}
	moves(3000, 1);
	moves(3000, 100);
	others(3000);
	past_end();
	left();
	return finish();
}
