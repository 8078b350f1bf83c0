// Quicksort with a random pivot, insertion sort below 12: compares and unpredictable branches.
#include "bench.h"

enum { N = 200000 };
static int32_t a[N];
static uint64_t seed = 88172645463325252;

static void sort(int32_t *lo, int32_t *hi)
{
	while (hi - lo > 12) {
		int32_t pivot = lo[random64(&seed) % (hi - lo)], *i = lo, *j = hi - 1;
		while (i <= j) {
			while (*i < pivot)
				i++;
			while (*j > pivot)
				j--;
			if (i <= j) {
				int32_t t = *i;
				*i++ = *j;
				*j-- = t;
			}
		}
		sort(lo, j + 1);
		lo = i;
	}
	for (int32_t *i = lo + 1; i < hi; i++) {
		int32_t v = *i, *j = i;
		for (; j > lo && j[-1] > v; j--)
			*j = j[-1];
		*j = v;
	}
}

static uint64_t work(long scale)
{
	uint64_t sum = 0;
	for (long round = 0; round < scale * 4; round++) {
		for (int i = 0; i < N; i++)
			a[i] = (int32_t)random64(&seed);
		sort(a, a + N);
		for (int i = 0; i < N; i += 97)
			sum = sum * 31 + (uint32_t)a[i];
	}
	return sum;
}
