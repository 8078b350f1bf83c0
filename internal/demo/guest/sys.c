#include "sys.h"

// _start has argc at sp; the demo takes no arguments.
asm(".globl _start\n"
    "_start:\n"
    "	.option push\n"
    "	.option norelax\n"
    "	la gp, __global_pointer$\n"
    "	.option pop\n"
    "	andi sp, sp, -16\n"
    "	call main\n"
    "	li a7, 94\n" // exit_group
    "	ecall\n");

// long clone_call(flags, stack, ptid, tls, ctid): the child finds its function and
// argument on its stack, because nothing else of the parent's is its own.
asm("clone_call:\n"
    "	li a7, 220\n"
    "	ecall\n"
    "	bnez a0, 1f\n"
    "	ld a1, 0(sp)\n"
    "	ld a0, 8(sp)\n"
    "	jalr a1\n"
    "	li a0, 0\n"
    "	li a7, 93\n" // exit
    "	ecall\n"
    "1:	ret\n");
long clone_call(long flags, void *stack, int *ptid, long tls, int *ctid);

long syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 asm("a7") = nr, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c,
		a3 asm("a3") = d, a4 asm("a4") = e, a5 asm("a5") = f;
	asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
	return a0;
}

#define STACK 65536
// VM FS FILES SIGHAND THREAD SYSVSEM PARENT_SETTID CHILD_CLEARTID
#define THREAD_FLAGS 0x350f00

long thread(void (*fn)(void *), void *arg, int *alive)
{
	char *stack = (char *)syscall6(SYS_mmap, 0, STACK, 3, 0x22, -1, 0); // PRIVATE|ANONYMOUS
	void **top = (void **)(stack + STACK - 16);
	top[0] = fn;
	top[1] = arg;
	return clone_call(THREAD_FLAGS, top, alive, 0, alive);
}

void join(int *alive)
{
	int tid;
	while ((tid = __atomic_load_n(alive, __ATOMIC_ACQUIRE)) != 0)
		syscall6(SYS_futex, (long)alive, 0 /* FUTEX_WAIT */, tid, 0, 0, 0);
}

static char buf[4096];
static u64 used;

void flush(void)
{
	for (u64 done = 0; done < used;) {
		long n = syscall(SYS_write, 1, buf + done, used - done);
		if (n <= 0)
			break;
		done += n;
	}
	used = 0;
}

void out_char(char c)
{
	if (used == sizeof buf)
		flush();
	buf[used++] = c;
}

void out(const char *s)
{
	while (*s)
		out_char(*s++);
}

void out_num(u64 n, int width)
{
	char digits[20];
	int k = 0;
	do
		digits[k++] = '0' + n % 10;
	while (n /= 10);
	for (int i = k; i < width; i++)
		out_char(' ');
	while (k)
		out_char(digits[--k]);
}

void *memset(void *p, int c, u64 n)
{
	for (u8 *b = p; n--;)
		*b++ = c;
	return p;
}

void *memcpy(void *d, const void *s, u64 n)
{
	u8 *to = d;
	for (const u8 *from = s; n--;)
		*to++ = *from++;
	return d;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

u64 now_us(void)
{
	long t[2];
	syscall(SYS_clock_gettime, 1, t, 0);
	return t[0] * 1000000 + t[1] / 1000;
}
