// What a handler finds in the context of the interrupted code, and what it changes
// there: registers, floating point, the program counter, the mask.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

// load reads from p; try_load is the same with registers and a floating-point register
// of known contents, which it returns as it finds them afterwards.
#ifdef __riscv
enum { LENGTH = 4 };
#define PC(u) (u)->uc_mcontext.__gregs[REG_PC]
#define RESULT(u) (u)->uc_mcontext.__gregs[REG_A0]
#define KEPT(u) (u)->uc_mcontext.__gregs[REG_S0 + 0]
#define DOUBLE(u) (*(double *)&(u)->uc_mcontext.__fpregs.__d.__f[8])
#define STATUS(u) (u)->uc_mcontext.__fpregs.__d.__fcsr
static long try_load(long *p, double *d) {
	register long a asm("a0") = (long)p;
	double x = *d;
	asm volatile("fmv.d fs0, %1\n\t.option push\n\t.option norvc\n\tld a0, 0(a0)\n\t.option pop\n\tfmv.d %1, fs0" : "+r"(a), "+f"(x)::"fs0", "memory");
	*d = x;
	return a;
}
static int inexact(void) { int f; asm volatile("frflags %0" : "=r"(f)); return f & 1; }
static void divide(void) { volatile double a = 1, b = 3; a = a / b; }
static void clear(void) { asm volatile("fsflags zero"); }
#else
enum { LENGTH = 3 };
#define PC(u) (u)->uc_mcontext.gregs[REG_RIP]
#define RESULT(u) (u)->uc_mcontext.gregs[REG_RAX]
#define DOUBLE(u) (*(double *)&(u)->uc_mcontext.fpregs->_xmm[8])
static long try_load(long *p, double *d) {
	long a = (long)p;
	double x = *d;
	asm volatile("movsd %1, %%xmm8\n\tmovq (%%rax), %%rax\n\tmovsd %%xmm8, %1" : "+a"(a), "+x"(x)::"xmm8", "memory");
	*d = x;
	return a;
}
static int inexact(void) { unsigned f; asm volatile("stmxcsr %0" : "=m"(f)); return f >> 5 & 1; }
static void divide(void) { volatile double a = 1, b = 3; a = a / b; }
static void clear(void) { unsigned f = 0x1f80; asm volatile("ldmxcsr %0" ::"m"(f)); }
#endif

static long *target;
static int mode;
static double seen;
static int found;

static void handler(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	seen = DOUBLE(u);
	found = RESULT(u) == (long)target && i->si_addr == target;
	switch (mode) {
	case 0: // over the instruction, with a result
		PC(u) += LENGTH;
		RESULT(u) = 4242;
		break;
	case 1: // again, with another address
		RESULT(u) = (long)&target;
		break;
	case 2: // floating point
		PC(u) += LENGTH;
		RESULT(u) = 1;
		DOUBLE(u) = -0.75;
		break;
	case 3: // the handler's own use of it is of no effect
		PC(u) += LENGTH;
		divide();
		break;
	}
}

static volatile int jumped;
static void elsewhere(void) {
	jumped++;
	_exit(jumped == 1 ? 0 : 1);
}

static void to_elsewhere(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	printf("on to elsewhere\n");
	PC(u) = (uintptr_t)elsewhere;
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	target = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	for (mode = 0; mode < 4; mode++) {
		double d = 1.5 + mode;
		clear();
		long r = try_load(target, &d);
		printf("mode %d: found %d saw %g; result %ld (own %d) double %g inexact %d\n", mode, found, seen, mode == 1 || mode == 3 ? 0 : r,
		       r == (long)target, d, inexact());
	}
	divide();
	printf("inexact %d\n", inexact());
	sa.sa_sigaction = to_elsewhere;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	printf("not reached\n");
	return 2;
}
