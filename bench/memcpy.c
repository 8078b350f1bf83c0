// memcpy, memmove and memset of blocks from a few bytes to 256 KiB.
#include "bench.h"

static unsigned char a[1 << 19], b[1 << 19];

static uint64_t work(long scale)
{
	uint64_t seed = 3, sum = 0;
	for (size_t i = 0; i < sizeof a; i++)
		a[i] = (unsigned char)random64(&seed);
	for (long round = 0; round < scale * 20000; round++) {
		size_t n = (size_t)1 << (4 + random64(&seed) % 15), at = random64(&seed) % 1000;
		memcpy(b + at, a + at / 2, n);
		memmove(a + at, b + at / 3, n / 2);
		memset(b + at, (int)round, n / 4);
		sum = sum * 31 + a[at + n / 3] + b[at + n / 5];
	}
	return sum;
}
