// A store-conditional to a page that may not be written traps, whatever the load-reserved
// before it has found: write barriers of garbage collectors are made of that. The handler lets
// the page be written, and the sequence is repeated, as the kernel ends the reservation.
#include "check.h"

static volatile int traps;
static void *expected;

static void writable(int sig, siginfo_t *i, void *context) {
	traps++;
	CHECK(i->si_code == SEGV_ACCERR && i->si_addr == expected, "code %d, address %p, not %p", i->si_code, i->si_addr, expected);
	if (traps > 100000)
		exit(1);
	protect((void *)((uintptr_t)i->si_addr & -PAGE), 1, PROT_READ | PROT_WRITE);
}

__attribute__((noinline)) static int add_word(int *p, int n) {
	int old, failed;
	asm volatile("1: lr.w %0, (%2)\n add %1, %0, %3\n sc.w %1, %1, (%2)\n bnez %1, 1b" : "=&r"(old), "=&r"(failed) : "r"(p), "r"(n) : "memory");
	return old;
}

__attribute__((noinline)) static long add_double(long *p, long n) {
	long old, failed;
	asm volatile("1: lr.d %0, (%2)\n add %1, %0, %3\n sc.d %1, %1, (%2)\n bnez %1, 1b" : "=&r"(old), "=&r"(failed) : "r"(p), "r"(n) : "memory");
	return old;
}

int main(void) {
	struct sigaction sa = {.sa_sigaction = writable, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	unsigned char *page = mapped(1, PROT_READ | PROT_WRITE);
	int *word = (int *)(page + 12), words = 0;
	long *dword = (long *)(page + 64), dwords = 0;
	for (int round = 1; round <= 200; round++) {
		protect(page, 1, PROT_READ);
		expected = round & 1 ? (void *)word : dword;
		for (int i = 0; i < 100; i++) {
			if (round & 1) {
				int old = add_word(word, i);
				CHECK(old == words, "round %d: %d, not %d", round, old, words);
				words += i;
			} else {
				long old = add_double(dword, i);
				CHECK(old == dwords, "round %d: %ld, not %ld", round, old, dwords);
				dwords += i;
			}
		}
		CHECK(traps == round, "%d traps in %d rounds", traps, round);
	}
	CHECK(*word == words && *dword == dwords, "%d, %ld", *word, *dword);
	return finish();
}
