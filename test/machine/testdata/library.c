// Functions of the C library, of which hospes may have some as host code (--native-lib), against
// loops: all small sizes and alignments, at the edges of pages that are there, while signals
// come in.
#include "library.h"
#include <sys/time.h>

enum { PAGES = 2 };
static unsigned char *area, *end; // of PAGES pages, with nothing around
static unsigned char copy[PAGES * PAGE], want[PAGES * PAGE];
static volatile int alarms;

static void fill(void) {
	for (size_t i = 0; i < PAGES * PAGE; i++)
		area[i] = 1 + i * 7 % 251;
}

// Loops that no compiler makes calls of.
#define OPAQUE(p) asm volatile("" : "+r"(p))

static void plain_move(unsigned char *dst, const unsigned char *src, size_t n) {
	static unsigned char temp[PAGES * PAGE];
	for (size_t i = 0; i < n; i++) {
		temp[i] = src[i];
		OPAQUE(src);
	}
	for (size_t i = 0; i < n; i++) {
		dst[i] = temp[i];
		OPAQUE(dst);
	}
}

static int plain_compare(const unsigned char *a, const unsigned char *b, size_t n, int strings) {
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
		if (strings && !a[i])
			break;
	}
	return 0;
}

static int sign(int x) { return (x > 0) - (x < 0); }

// moves checks the functions that write.
static void moves(size_t dst, size_t src, size_t n) {
	plain_move(copy, area, sizeof copy);
	plain_move(want, area, sizeof want);
	plain_move(want + dst, want + src, n);
	void *p = lib.memmove(area + dst, area + src, n);
	CHECK(p == area + dst && !plain_compare(area, want, sizeof want, 0), "memmove %zx %zx %zu", dst, src, n);
	plain_move(area, copy, sizeof copy);
	if (dst + n <= src || src + n <= dst) {
		p = lib.memcpy(area + dst, area + src, n);
		CHECK(p == area + dst && !plain_compare(area, want, sizeof want, 0), "memcpy %zx %zx %zu", dst, src, n);
		plain_move(area, copy, sizeof copy);
		p = lib.mempcpy(area + dst, area + src, n);
		CHECK(p == area + dst + n && !plain_compare(area, want, sizeof want, 0), "mempcpy %zx %zx %zu", dst, src, n);
		CHECK(!lib.memcmp(area + dst, area + src, n), "memcmp %zx %zx %zu", dst, src, n);
	}
	for (size_t i = 0; i < n; i++)
		want[dst + i] = (unsigned char)src;
	p = lib.memset(area + dst, (int)src + 256, n);
	CHECK(p == area + dst, "memset");
	plain_move(copy + dst, want + dst, n);
	CHECK(!plain_compare(area + dst, want + dst, n, 0), "memset %zx %zu", dst, n);
	fill();
}

static void all_moves(void) {
	for (size_t n = 0; n < 140; n += 1 + n / 16)
		for (size_t k = 0; k < 3; k++) {
			moves(100 + k, PAGE + n * k % 13, n);
			moves(PAGES * PAGE - n, 50 + k, n);
			moves(PAGE - n / 2, k, n);
			moves(k, PAGES * PAGE - n, n);
			moves(200 + k * n / 5, 200, n);
			moves(200, 200 + k * n / 5, n);
		}
	for (size_t n = 1000; n < 2 * PAGE - 64; n += 3333) {
		moves(64, PAGES * PAGE - n, n);
		moves(0, 100, n);
		moves(100, 0, n);
	}
}

// strings checks the functions that read, on a string at the end of the area.
static void strings(size_t n) {
	unsigned char *s = end - n - 1, *other = area + 100 + n % 17;
	*(end - 1) = 0;
	size_t len = lib.strlen((char *)s);
	CHECK(len == n, "strlen %zu: %zu", n, len);
	for (size_t bound = n > 2 ? n - 2 : 0; bound < n + 3; bound++) {
		len = lib.strnlen((char *)s, bound);
		CHECK(len == (bound < n ? bound : n), "strnlen %zu %zu: %zu", n, bound, len);
	}
	CHECK(lib.strnlen((char *)s, ~0UL) == n, "strnlen %zu", n);
	CHECK(lib.strchr((char *)s, 0) == (char *)end - 1, "strchr 0 %zu", n);
	CHECK(!lib.strchr((char *)s, 255), "strchr 255 %zu", n);
	CHECK(lib.strchrnul((char *)s, 255) == (char *)end - 1, "strchrnul %zu", n);
	CHECK(lib.memchr(s, 0, ~0UL) == end - 1, "memchr %zu", n);
	CHECK(!lib.memchr(s, 0, n), "memchr %zu", n);
	for (size_t i = 0; i < n; i += 1 + i / 8) {
		unsigned char old = s[i];
		s[i] = 255;
		CHECK(lib.strchr((char *)s, -1) == (char *)s + i, "strchr %zu %zu", n, i);
		CHECK(lib.strchrnul((char *)s, 255) == (char *)s + i, "strchrnul %zu %zu", n, i);
		CHECK(lib.strrchr((char *)s, 255) == (char *)s + i, "strrchr %zu %zu", n, i);
		CHECK(lib.memchr(s, 255, n) == s + i, "memchr %zu %zu", n, i);
		CHECK(!lib.memchr(s, 255, i), "memchr %zu %zu", n, i);
		s[i] = old;
		plain_move(other, s, n + 1);
		other[i] ^= 0x80;
		int w = plain_compare(s, other, n + 1, 0), ws = plain_compare(s, other, n + 1, 1);
		CHECK(sign(lib.memcmp(s, other, n)) == w, "memcmp %zu %zu", n, i);
		CHECK(!lib.memcmp(s, other, i), "memcmp %zu %zu", n, i);
		CHECK(sign(lib.strcmp((char *)s, (char *)other)) == ws, "strcmp %zu %zu", n, i);
		CHECK(sign(lib.strncmp((char *)other, (char *)s, n + 5)) == -ws, "strncmp %zu %zu", n, i);
		CHECK(!lib.strncmp((char *)other, (char *)s, i), "strncmp %zu %zu", n, i);
	}
	CHECK(lib.strcpy((char *)other, (char *)s) == (char *)other && !lib.strcmp((char *)other, (char *)s), "strcpy %zu", n);
	char *e = lib.stpcpy((char *)other + 3, (char *)s);
	CHECK(e == (char *)other + 3 + n && !*e && !lib.strcmp((char *)other + 3, (char *)s), "stpcpy %zu", n);
	fill();
}

static void on_alarm(int sig) {
	static unsigned char mine[300], yours[300];
	alarms++;
	lib.memset(yours, alarms, sizeof yours);
	lib.memcpy(mine, yours, sizeof mine);
	CHECK(mine[299] == (unsigned char)alarms, "in the handler of %d", sig);
}

// much copies what takes long, so that signals come in meanwhile.
static void much(void) {
	enum { SIZE = 5 << 18 };
	unsigned char *a = mapped(SIZE / PAGE, PROT_READ | PROT_WRITE), *b = mapped(SIZE / PAGE, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < SIZE; i += 4096)
		a[i] = i >> 12;
	for (int round = 0, before = alarms; round < 4 || alarms < before + 5; round++) {
		size_t n = round % 2 ? SIZE - 1 : SIZE / 8;
		lib.memset(b, 1, n);
		CHECK(b[n - 1] == 1 && b[n / 2] == 1, "memset of much");
		lib.memcpy(b, a, n);
		CHECK(!lib.memcmp(a, b, n), "memcpy of much");
		b[n] = 1;
		lib.memset(b, 'x', n);
		b[n] = 0;
		size_t len = lib.strlen((char *)b);
		CHECK(len == n, "strlen of much: %zu, not %zu", len, n);
	}
}

int main(void) {
	area = mapped(PAGES + 2, PROT_NONE) + PAGE;
	protect(area, PAGES, PROT_READ | PROT_WRITE);
	end = area + PAGES * PAGE;
	fill();
	signal(SIGALRM, on_alarm);
	struct itimerval often = {{0, 2000}, {0, 2000}};
	setitimer(ITIMER_REAL, &often, NULL);
	all_moves();
	for (size_t n = 0; n < 90; n += 1 + n / 40)
		strings(n);
	much();
	return finish();
}
