// A plain integer loop: adds, shifts, xors and a branch, all in registers.
#include "bench.h"

static uint64_t work(long scale)
{
	uint64_t a = 1, b = 2, c = 3;
	for (long i = 0; i < scale * 15000000; i++) {
		a += b ^ i;
		b = (b << 3) - b + c;
		c ^= a >> 5;
		if (c & 64)
			a++;
	}
	return a ^ b ^ c;
}
