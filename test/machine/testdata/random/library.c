// random SEED CASES [all] calls functions of the C library at random: all alignments, small sizes and some large ones,
// operands that overlap, also where they must not, at the edges of pages that are not there or read-only. It prints a hash
// of results, faults and memory for each 256 cases, or with a third argument each case.
#include "../library.h"
#include <setjmp.h>
#include <stdint.h>
#include <sys/ucontext.h>

// The area's pages: w writable, r read-only, - not accessible.
static const char layout[] = "-wwww-rw-wr-www-";
enum { PAGES = sizeof layout - 1 };
static unsigned char *area;

static uint64_t state;
static uint64_t below(uint64_t n) {
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % n;
}

static uint64_t hash;
static void add(uint64_t v) { hash = (hash ^ v) * 0x100000001b3 + (hash >> 29); }

static sigjmp_buf back;
static void *volatile fault;
static void on_fault(int sig, siginfo_t *i, void *context) {
	(void)sig, (void)context;
	fault = i->si_addr;
	siglongjmp(back, 1);
}

static int at(size_t page) { return layout[page]; }

// add_memory adds all memory but [from, from + n).
static void add_memory(const unsigned char *from, size_t n) {
	for (size_t p = 0; p < PAGES; p++)
		for (size_t k = 0; at(p) != '-' && k < PAGE; k += 8) {
			unsigned char *word = area + p * PAGE + k;
			if (word + 8 <= from || word >= from + n)
				add(*(uint64_t *)word);
		}
}

static uint64_t filled[PAGES][PAGE / 8];

// put gives memory the contents that fill has chosen.
static void put(void) {
	for (size_t p = 0; p < PAGES; p++) {
		if (at(p) == '-')
			continue;
		protect(area + p * PAGE, 1, PROT_READ | PROT_WRITE);
		for (size_t k = 0; k < PAGE / 8; k++)
			((uint64_t *)(area + p * PAGE))[k] = filled[p][k];
		if (at(p) == 'r')
			protect(area + p * PAGE, 1, PROT_READ);
	}
}

// fill chooses new contents of memory: few different bytes, so that operands are alike.
static void fill(void) {
	for (size_t p = 0; p < PAGES; p++) {
		unsigned char *b = (unsigned char *)filled[p];
		unsigned mask = below(2) ? 0xff : 1;
		for (size_t k = 0; k < PAGE; k++)
			b[k] = below(40) ? 1 + (k & mask) : 0x80 * below(2);
	}
	put();
}

// place is an address, often close to the edge of a page.
static unsigned char *place(void) {
	size_t p = 1 + below(PAGES - 1);
	if (below(2))
		return area + p * PAGE + below(PAGE);
	return area + p * PAGE + below(640) - 320;
}

static size_t size(void) {
	switch (below(16)) {
	case 0:
		return below(3 * PAGE);
	case 1:
		return 0;
	case 2: case 3: case 4: case 5:
		return below(40);
	}
	return below(301);
}

struct call { int f; unsigned char *x, *y; size_t n; int c; };

static uint64_t offset(const void *p) { return p ? (uint64_t)((const unsigned char *)p - area) : ~0UL; }
static int64_t sign(int64_t v) { return (v > 0) - (v < 0); }

static uint64_t call(const struct call *a) {
	const char *s = (char *)a->x, *t = (char *)a->y;
	switch (a->f) {
	case 0: case 1: return offset(lib.memcpy(a->x, a->y, a->n));
	case 2: return offset(lib.memmove(a->x, a->y, a->n));
	case 3: return offset(lib.mempcpy(a->x, a->y, a->n));
	case 4: return offset(lib.memset(a->x, a->c, a->n));
	case 5: return sign(lib.memcmp(a->x, a->y, a->n));
	case 6: return offset(lib.memchr(a->x, a->c, a->n));
	case 7: return lib.strlen(s);
	case 8: return lib.strnlen(s, a->n);
	case 9: return offset(lib.strchr(s, a->c));
	case 10: return offset(lib.strchrnul(s, a->c));
	case 11: return sign(lib.strcmp(s, t));
	case 12: return sign(lib.strncmp(s, t, a->n));
	case 13: return offset(lib.strcpy((char *)s, t));
	case 14: return offset(lib.stpcpy((char *)s, t));
	}
	return 0;
}

static int readable(const unsigned char *p) { return offset(p) < PAGES * PAGE && at(offset(p) / PAGE) != '-'; }

// clip makes a comparison end at a page that is not there if operands differ before it: memcmp may read ahead of a
// difference, and then faults.
static void clip(struct call *a) {
	int differ = 0;
	for (size_t k = 0; k < a->n; k++) {
		if (!readable(a->x + k) || !readable(a->y + k)) {
			a->n = differ ? k : a->n;
			return;
		}
		differ |= a->x[k] != a->y[k];
	}
}

int main(int argc, char **argv) {
	if (argc < 3)
		return 2;
	state = strtoul(argv[1], 0, 0) * 0x9e3779b97f4a7c15 | 1;
	long cases = strtol(argv[2], 0, 0);
	area = mapped(PAGES + 32, PROT_NONE) + 16 * PAGE; // nothing else is near
	for (size_t p = 0; p < PAGES; p++)
		if (at(p) != '-')
			protect(area + p * PAGE, 1, PROT_READ | PROT_WRITE);
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &sa, 0);
	for (long n = 0; n < cases; n++) {
		if (n % 64 == 0)
			fill();
		struct call a = {.f = below(15), .x = place(), .n = size(), .c = below(3) * 0x80 + below(2) * 0x100};
		a.y = below(3) ? place() : a.x + below(2 * a.n + 3) - a.n - 1;
		if (below(8) == 0) // equal operands, if that can be
			a.y = a.x + PAGE;
		if (a.f == 5)
			clip(&a);
		fault = 0;
		uint64_t result = 0;
		if (!sigsetjmp(back, 0))
			result = call(&a);
		add(result);
		add(fault ? offset(fault) : 0);
		// What a function has stored before it faults may be less or more of what it stores in the end.
		int writes = a.f < 5 || a.f > 12;
		add_memory(a.x, !fault || !writes ? 0 : a.f > 12 ? PAGES * PAGE : a.n);
		if (fault)
			put();
		if (argc > 3)
			printf("%ld: %d(%#lx, %#lx, %zu, %d) = %#lx, fault %#lx: %016lx\n", n, a.f, offset(a.x), offset(a.y), a.n, a.c, result, fault ? offset(fault) : 0, hash);
		else if (n % 256 == 255)
			printf("%ld: %016lx\n", n, hash);
	}
	return 0;
}
