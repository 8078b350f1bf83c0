// Two processes share memory: a lock, counters by atomic operations, a ring of messages. What
// one does there the other sees, once, whoever else executes guest code.

#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 2000, RING = 8 };

struct shared {
	uint32_t lock;
	volatile uint64_t guarded; // by lock
	uint64_t added;
	uint32_t reserved;         // by lr and sc
	uint64_t bits;
	volatile uint64_t ring[RING];
	volatile uint64_t written, read;
};

static void lock(uint32_t *l)
{
	while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void count(uint32_t *p)
{
	uint32_t old, failed;
	do {
		asm volatile("lr.w.aqrl %0, (%2)\n\taddi %0, %0, 1\n\tsc.w.rl %1, %0, (%2)" : "=&r"(old), "=&r"(failed) : "r"(p) : "memory");
	} while (failed);
}

static void work(struct shared *s)
{
	for (int k = 0; k < ROUNDS; k++) {
		lock(&s->lock);
		s->guarded = s->guarded + 1;
		__atomic_store_n(&s->lock, 0, __ATOMIC_RELEASE);
		__atomic_fetch_add(&s->added, 3, __ATOMIC_RELAXED);
		count(&s->reserved);
		__atomic_fetch_xor(&s->bits, 1ul << k % 64, __ATOMIC_RELAXED);
	}
}

static void send(struct shared *s)
{
	for (uint64_t k = 0; k < ROUNDS; k++) {
		while (k - s->read == RING)
			sched_yield();
		s->ring[k % RING] = k * k;
		__atomic_store_n(&s->written, k + 1, __ATOMIC_RELEASE);
	}
}

static int receive(struct shared *s)
{
	for (uint64_t k = 0; k < ROUNDS; k++) {
		while (__atomic_load_n(&s->written, __ATOMIC_ACQUIRE) == k)
			sched_yield();
		if (s->ring[k % RING] != k * k) {
			printf("message %lu is %lu\n", k, s->ring[k % RING]);
			return 1;
		}
		s->read = k + 1;
	}
	return 0;
}

int main(void)
{
	struct shared *s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, bad;
	if (fork() == 0) {
		work(s);
		send(s);
		_exit(0);
	}
	work(s);
	bad = receive(s);
	wait(&status);
	if (status || s->guarded != 2 * ROUNDS || s->added != 6 * ROUNDS || s->reserved != 2 * ROUNDS || s->bits != 0) {
		printf("status %x, guarded %lu, added %lu, reserved %u, bits %lx\n", status, s->guarded, s->added, s->reserved, s->bits);
		return 1;
	}
	return bad;
}
