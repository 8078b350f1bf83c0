/* The guest of the package's examples: see build.sh. It needs no C library. */
#include "hospes.h"

HOSPES_IMPORT(long, print, const char *text);
HOSPES_IMPORT(double, price, const char *item);

static const char digest[] __attribute__((used)) = "hospes plugin sources " SOURCE_DIGEST;

long add(long a, long b) { return a + b; }

double total(long n)
{
	double sum = 0;
	for (long i = 0; i < n; i++)
		sum += price(i % 2 ? "pear" : "apple");
	return sum;
}

/* buffer is for the host to put something into. */
char buffer[256];

long upper(void)
{
	long n = 0;
	for (char *p = buffer; *p; p++, n++)
		if (*p >= 'a' && *p <= 'z')
			*p -= 'a' - 'A';
	return n;
}

void forever(void)
{
	for (;;)
		__asm__ volatile("");
}

long wild(long *p) { return *p; }

static long syscall3(long nr, long a, long b, long c)
{
	register long a7 __asm__("a7") = nr, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return a0;
}

__attribute__((used)) static void begin(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);
	hospes_wait();
	for (long i = 1; i < argc; i++) {
		long n = 0;
		while (argv[i][n])
			n++;
		argv[i][n] = '\n';
		syscall3(64, 1, (long)argv[i], n + 1); /* write */
	}
	syscall3(94, argc > 1 ? 0 : 7, 0, 0); /* exit_group */
}

__asm__(".globl _start\n_start:\n"
	".option push\n.option norelax\n lla gp, __global_pointer$\n.option pop\n"
	" mv a0, sp\n andi sp, sp, -16\n call begin\n");
