// Sieve of Eratosthenes over bytes: stores with a stride.
#include "bench.h"

enum { LIMIT = 1000000 };
static unsigned char composite[LIMIT];

static uint64_t work(long scale)
{
	uint64_t primes = 0;
	for (long round = 0; round < scale * 14; round++) {
		memset(composite, 0, sizeof composite);
		for (long i = 2; i < LIMIT; i++) {
			if (composite[i])
				continue;
			primes++;
			for (long j = i + i; j < LIMIT; j += i)
				composite[j] = 1;
		}
	}
	return primes;
}
