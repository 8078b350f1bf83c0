// Traps in handlers, on the same and on an alternate stack; jumps out of handlers; traps whose
// handler repairs what was wrong, a thousand times, in hot code.
#include "check.h"
#include <setjmp.h>

static sigjmp_buf out;
static volatile int depth, deepest, repaired;
static volatile long sum;
static unsigned char *pages;
static char alt[1 << 16];

__attribute__((noinline)) static long load(volatile long *p) { return *p; }

static int on_alt(void) {
	char here;
	return &here >= alt && &here < alt + sizeof alt;
}

static void nest(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	CHECK(on_alt() == 0 || sig == SIGSEGV, "on the alternate stack");
	if (++depth > deepest)
		deepest = depth;
	if (depth < 50)
		load((long *)(pages + 8 * depth)); // the handler's own trap, of which it comes back
	CHECK(i->si_addr == pages + 8 * (depth - 1), "depth %d: address %p", depth, i->si_addr);
	depth--;
	u->uc_mcontext.__gregs[0] += (*(uint16_t *)u->uc_mcontext.__gregs[0] & 3) == 3 ? 4 : 2;
	u->uc_mcontext.__gregs[10] = 5;
}

static void leave(int sig, siginfo_t *i, void *c) { siglongjmp(out, 1); }

static void leave_alt(int sig, siginfo_t *i, void *c) {
	CHECK(on_alt(), "not on the alternate stack");
	siglongjmp(out, 1);
}

static void repair(int sig, siginfo_t *i, void *c) {
	repaired++;
	protect((void *)((uintptr_t)i->si_addr & -PAGE), 1, PROT_READ | PROT_WRITE);
}

static void set(void (*h)(int, siginfo_t *, void *), int flags) {
	struct sigaction sa = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | flags};
	sigaction(SIGSEGV, &sa, NULL);
}

// hot adds numbers, and traps at the end of its array.
__attribute__((noinline)) static long hot(volatile long *p, long n) {
	long s = 0;
	while (n--)
		s += *p++;
	return s;
}

int main(void) {
	sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = sizeof alt}, NULL);
	pages = mapped(1, PROT_NONE);

	set(nest, SA_NODEFER);
	for (int i = 0; i < 100; i++) {
		long v = load((long *)pages);
		CHECK(v == 5 && depth == 0, "load %ld, depth %d", v, depth);
	}
	CHECK(deepest == 50, "%d deep", deepest);

	long *array = (long *)mapped(2, PROT_READ | PROT_WRITE);
	protect((char *)array + PAGE, 1, PROT_NONE);
	for (int i = 0; i < PAGE / 8; i++)
		array[i] = i;
	for (int flags = 0; flags <= 1; flags++) {
		set(flags ? leave_alt : leave, flags ? SA_ONSTACK : 0);
		volatile int left = 0;
		for (volatile int i = 0; i < 1000; i++) {
			if (sigsetjmp(out, 1) == 0)
				sum += hot(array, PAGE);
			else
				left++;
		}
		CHECK(left == 1000 && sum == 0, "left %d times, %ld", left, sum);
	}

	set(repair, 0);
	for (int i = 0; i < 1000; i++) {
		protect((char *)array, 1, PROT_NONE);
		long s = hot(array, PAGE / 8);
		CHECK(s == 511 * 512 / 2, "sum %ld", s);
	}
	CHECK(repaired == 1000, "repaired %d times", repaired);
	return finish();
}
