// Two threads that compute on their own and meet at a mutex and an atomic counter.
#include "bench.h"
#include <pthread.h>
#include <stdatomic.h>

static long rounds;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong counter;
static uint64_t total;

static void *body(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg;
	for (long i = 0; i < rounds; i++) {
		uint64_t sum = 0;
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
	pthread_t t[2];
	rounds = scale * 4000;
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, body, (void *)(i + 1));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	return total ^ atomic_load(&counter);
}
