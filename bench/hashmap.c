// A hash map from strings to counts, open addressing: string functions and look-ups.
#include "bench.h"

enum { SLOTS = 1 << 15, WORDS = 20000 };
static char words[WORDS][16];
static struct { const char *key; uint64_t count; } slots[SLOTS];

static uint64_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325;
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h ^ h >> 29;
}

static void add(const char *key)
{
	uint64_t i = hash(key) % SLOTS;
	while (slots[i].key && strcmp(slots[i].key, key) != 0)
		i = (i + 1) % SLOTS;
	slots[i].key = key;
	slots[i].count++;
}

static uint64_t work(long scale)
{
	uint64_t seed = 42, sum = 0;
	for (int i = 0; i < WORDS; i++)
		snprintf(words[i], sizeof words[i], "word%u", (unsigned)(random64(&seed) % 30000));
	for (long i = 0; i < scale * 1200000; i++)
		add(words[random64(&seed) % WORDS]);
	for (int i = 0; i < SLOTS; i++)
		sum += slots[i].count * slots[i].count;
	return sum;
}
