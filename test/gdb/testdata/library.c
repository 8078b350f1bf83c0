// A program that copies memory by a function of the C library, of which hospes has host code.
#include <string.h>

static long from[8] = {1, 2, 3, 4, 5, 6, 7, 8}, to[8];
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
volatile int round;

__attribute__((noinline)) void hot(void) { __asm__ volatile(""); }

int main(void)
{
	for (; round < 3000; round++) {
		if (round == 2000)
			hot();
		from[3] = round;
		copy(to, from, sizeof from);
		if (to[3] != round)
			return 1;
	}
	return 9;
}
