// Division and remainder: greatest common divisors, powers modulo a number, digits.
#include "bench.h"

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static uint32_t power(uint64_t a, uint32_t n, uint32_t m)
{
	uint64_t r = 1;
	for (a %= m; n; n >>= 1, a = a * a % m)
		if (n & 1)
			r = r * a % m;
	return (uint32_t)r;
}

static int digits(int64_t n, int base)
{
	int sum = 0;
	for (; n; n /= base)
		sum += (int)(n % base);
	return sum;
}

static uint64_t work(long scale)
{
	uint64_t seed = 4, sum = 0;
	for (long i = 0; i < scale * 90000; i++) {
		uint64_t a = random64(&seed), b = random64(&seed);
		sum += gcd(a, b) + power(a, (uint32_t)b, (uint32_t)(a >> 32) | 1);
		sum = sum * 5 + (uint64_t)digits((int64_t)a, (int)(b % 30) + 2);
	}
	return sum;
}
