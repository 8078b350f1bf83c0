// Threads that compute on their own and meet at a mutex and an atomic counter: as many as
// the argument says, which share the same work.
#include "bench.h"
#include <pthread.h>
#include <stdatomic.h>

static long rounds;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong next, counter;
static uint64_t total;

static void *body(void *arg)
{
	(void)arg;
	for (long i; (i = (long)atomic_fetch_add(&next, 1)) < rounds;) {
		uint64_t sum = 0, seed = (uint64_t)i + 1;
		for (int k = 0; k < 2000; k++)
			sum += random64(&seed) >> 40;
		atomic_fetch_add(&counter, sum & 255);
		pthread_mutex_lock(&lock);
		total += sum;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static uint64_t work(long scale)
{
	pthread_t t[16];
	rounds = scale * 8000;
	for (int i = 0; i < argument; i++)
		pthread_create(&t[i], NULL, body, NULL);
	for (int i = 0; i < argument; i++)
		pthread_join(t[i], NULL);
	return total ^ atomic_load(&counter);
}
