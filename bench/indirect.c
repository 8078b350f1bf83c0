// Calls through function pointers: a table by unpredictable data, and a state machine whose
// states are functions.
#include "bench.h"

typedef uint64_t op(uint64_t, uint64_t);
static uint64_t add(uint64_t a, uint64_t b) { return a + b; }
static uint64_t sub(uint64_t a, uint64_t b) { return a - b; }
static uint64_t mix(uint64_t a, uint64_t b) { return a ^ (b << 7 | b >> 57); }
static uint64_t mul(uint64_t a, uint64_t b) { return a * (b | 1); }
static uint64_t max(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t ave(uint64_t a, uint64_t b) { return (a >> 1) + (b >> 1); }
static uint64_t neg(uint64_t a, uint64_t b) { return ~a + b; }
static uint64_t two(uint64_t a, uint64_t b) { return a + a + b; }
static op *volatile ops[] = {add, sub, mix, mul, max, ave, neg, two};

struct state { struct state (*next)(uint64_t *); };
static struct state even(uint64_t *), odd(uint64_t *);
static struct state third(uint64_t *n) { *n += 5; return (struct state){*n & 1 ? odd : even}; }
static struct state even(uint64_t *n) { *n = *n / 2 + 3; return (struct state){*n % 3 == 0 ? third : *n & 1 ? odd : even}; }
static struct state odd(uint64_t *n) { *n = *n * 3 + 1; return (struct state){even}; }

static uint64_t work(long scale)
{
	uint64_t seed = 5, sum = 1, n = 27;
	struct state s = {odd};
	for (long i = 0; i < scale * 1000000; i++) {
		uint64_t r = random64(&seed);
		sum = ops[r >> 61](sum, r);
		sum = ops[i & 7](sum, i);
		sum = ops[(i & 3) + 2](sum, r);
		s = s.next(&n);
		s = s.next(&n);
	}
	return sum ^ n;
}
