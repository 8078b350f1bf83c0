// Functions of libgcc that count and move bits, which hospes knows by their code: their results for each bit, for 0 and -1
// and for random numbers, in loops that call nothing else; and what is executed once their code is another.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef uint64_t u64;
int __clzdi2(u64), __ctzdi2(u64), __ffsdi2(u64), __clrsbdi2(u64), __popcountdi2(u64), __paritydi2(u64);
int __bswapsi2(int);
u64 __bswapdi2(u64);

// What is expected, bit by bit.
static int clz(u64 x) {
	int n = 0;
	while (n < 64 && !(x >> (63 - n) & 1))
		n++;
	return n;
}
static int ctz(u64 x) {
	for (int n = 0; n < 64; n++)
		if (x >> n & 1)
			return n;
	return -1;
}
static int ffs_(u64 x) { return ctz(x) + 1; }
static int clrsb(u64 x) { return clz(x ^ (u64)((int64_t)x >> 63)) - 1; }
static int popcount(u64 x) {
	int n = 0;
	for (; x; x >>= 1)
		n += x & 1;
	return n;
}
static int parity(u64 x) { return popcount(x) & 1; }
static u64 bswap(u64 x) {
	u64 y = 0;
	for (int n = 0; n < 8; n++)
		y = y << 8 | (x >> 8 * n & 255);
	return y;
}
static u64 bswap4(u64 x) { return (int64_t)(int32_t)(bswap(x) >> 32); }

enum { inputs = 64 * 3 + 3 + 1000 };
static u64 input[inputs];

static void fill(void) {
	int n = 0;
	u64 x = 88172645463325252ull;
	for (int k = 0; k < 64; k++) {
		input[n++] = 1ull << k;
		input[n++] = ~(1ull << k);
		input[n++] = ~0ull << k;
	}
	input[n++] = 0;
	input[n++] = 1;
	input[n++] = -1;
	while (n < inputs) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		input[n++] = x >> (x >> 5 & 63);
	}
}

static int failed;

static void wrong(const char *name, u64 x, u64 got, u64 want) {
	if (failed++ < 20)
		printf("%s(%#llx) is %#llx, not %#llx\n", name, (unsigned long long)x, (unsigned long long)got, (unsigned long long)want);
}

// The results first, since loops that do nothing but call are translated as a whole. The function's result is
// looked at as it is in the register: the upper half counts.
#define CHECK(f, arg, expected) __attribute__((noinline)) static void check_##f(void) { \
	static u64 got[inputs]; \
	for (int round = 0; round < 60; round++) { \
		for (int k = 0; k < inputs; k++) { \
			register u64 a0 asm("a0") = input[k]; \
			asm volatile("call " #f : "+r"(a0) : : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "memory"); \
			got[k] = a0; \
		} \
	} \
	for (int k = 0; k < inputs; k++) { \
		u64 want = (u64)expected((arg)input[k]); \
		if (got[k] != want) \
			wrong(#f, input[k], got[k], want); \
	} \
}
CHECK(__clzdi2, u64, clz)
CHECK(__ctzdi2, u64, ctz)
CHECK(__ffsdi2, u64, ffs_)
CHECK(__clrsbdi2, u64, clrsb)
CHECK(__popcountdi2, u64, popcount)
CHECK(__paritydi2, u64, parity)
CHECK(__bswapsi2, uint32_t, bswap4)
CHECK(__bswapdi2, u64, bswap)

// positions is what such functions are used for: the places of the bits that are set, as a sum.
__attribute__((noinline)) static u64 positions(const u64 *x, int n) {
	u64 sum = 0;
	for (int k = 0; k < n; k++)
		for (u64 rest = x[k]; rest; rest &= rest - 1)
			sum = sum * 3 + __ctzdi2(rest) + k;
	return sum;
}

static u64 slowPositions(const u64 *x, int n) {
	u64 sum = 0;
	for (int k = 0; k < n; k++)
		for (int b = 0; b < 64; b++)
			if (x[k] >> b & 1)
				sum = sum * 3 + b + k;
	return sum;
}

static void protect(int prot) {
	uintptr_t page = (uintptr_t)__ctzdi2 & -4096;
	if (mprotect((void *)page, 2 * 4096, prot)) {
		puts("mprotect fails");
		failed++;
	}
}

// replace has other code at a function, with which it is that when it is called again.
static void replace(const void *code, size_t n) {
	protect(PROT_READ | PROT_WRITE | PROT_EXEC); // memcpy may be in there
	memcpy((void *)__ctzdi2, code, n);
	protect(PROT_READ | PROT_EXEC);
	__builtin___clear_cache((char *)__ctzdi2, (char *)__ctzdi2 + n);
}

__attribute__((noinline)) static u64 sumOf(int n) {
	u64 sum = 0;
	for (int k = 1; k <= n; k++)
		sum += __ctzdi2(k);
	return sum;
}

static void changed(void) {
	static const unsigned other[] = {0x00700513, 0x00008067}; // li a0, 7; ret
	unsigned old[2];
	memcpy(old, (void *)__ctzdi2, sizeof old);
	u64 before = sumOf(20000);
	replace(other, sizeof other);
	u64 sevens = sumOf(20000);
	replace(old, sizeof old);
	u64 after = sumOf(20000);
	if (before != 19995 || sevens != 7 * 20000 || after != before) {
		printf("sums %llu, %llu with other code, %llu\n", (unsigned long long)before, (unsigned long long)sevens, (unsigned long long)after);
		failed++;
	}
}

int main(void) {
	fill();
	check___clzdi2();
	check___ctzdi2();
	check___ffsdi2();
	check___clrsbdi2();
	check___popcountdi2();
	check___paritydi2();
	check___bswapsi2();
	check___bswapdi2();
	if (positions(input, inputs) != slowPositions(input, inputs))
		puts("positions differ"), failed++;
	changed();
	return failed != 0;
}
