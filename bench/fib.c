// The doubly recursive Fibonacci function: calls and returns.
#include "bench.h"

__attribute__((noinline, noclone)) static uint64_t fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t work(long scale)
{
	uint64_t sum = 0;
	for (long round = 0; round < scale * 10; round++) {
		volatile unsigned n = 31;
		sum += fib(n);
	}
	return sum;
}
