// Pointer chasing through a random cycle: latency of dependent loads.
#include "bench.h"

enum { N = 1 << 17 };
static struct node { struct node *next; uint64_t value; } nodes[N];

static uint64_t work(long scale)
{
	static uint32_t order[N];
	uint64_t seed = 11, sum = 0;
	for (uint32_t i = 0; i < N; i++)
		order[i] = i;
	for (uint32_t i = N - 1; i > 0; i--) {
		uint32_t j = random64(&seed) % (i + 1), t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < N; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % N]];
		nodes[i].value = i;
	}
	struct node *p = nodes;
	for (long i = 0; i < scale * 2400000; i++, p = p->next)
		sum += p->value;
	return sum;
}
