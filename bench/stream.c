// Sequential reads and writes of arrays larger than the caches near the core.
#include "bench.h"

enum { N = 1 << 20 };
static uint64_t a[N], b[N], c[N];

static uint64_t work(long scale)
{
	uint64_t sum = 0;
	for (int i = 0; i < N; i++)
		a[i] = i, b[i] = 3 * i;
	for (long round = 0; round < scale * 32; round++) {
		for (int i = 0; i < N; i++)
			c[i] = a[i] + 5 * b[i];
		for (int i = 0; i < N; i++)
			a[i] = c[i] ^ round;
		sum += a[round * 1001 % N];
	}
	return sum;
}
