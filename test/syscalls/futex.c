// Futex operations and their errors.
// host-pages: yes
#define _GNU_SOURCE
#include "asleep.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint32_t word, other, pi;
static atomic_int waiting, woken; // the ID of one that is about to wait; how many have

static long futex(void *p, int op, uint32_t val, void *timeout, void *p2, uint32_t val3) {
	return syscall(SYS_futex, p, op, val, timeout, p2, val3);
}

#define SHOW(name, call)                                                  \
	do {                                                              \
		long result = (call);                                     \
		printf("%s: %ld %s\n", name, result, result < 0 ? strerror(errno) : ""); \
	} while (0)

static long long now(clockid_t c) {
	struct timespec t;
	clock_gettime(c, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static struct timespec in_ms(clockid_t c, int ms) {
	long long t = now(c) + ms * 1000000ll;
	return (struct timespec){t / 1000000000, t % 1000000000};
}

static void times(void) {
	struct timespec t = {0, 10000000};
	long long a = now(CLOCK_MONOTONIC);
	SHOW("relative", futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
	printf("long enough %d\n", now(CLOCK_MONOTONIC) - a >= 10000000);
	SHOW("other value", futex(&word, FUTEX_WAIT_PRIVATE, 1, &t, NULL, 0));
	t = in_ms(CLOCK_MONOTONIC, 10);
	SHOW("until", futex(&word, FUTEX_WAIT_BITSET, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY));
	printf("long enough %d\n", now(CLOCK_MONOTONIC) >= t.tv_sec * 1000000000ll + t.tv_nsec);
	t = in_ms(CLOCK_REALTIME, 10);
	SHOW("until, real time", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t, NULL, 1));
	t = (struct timespec){1, 0};
	SHOW("the past", futex(&word, FUTEX_WAIT_BITSET, 0, &t, NULL, 1));
	t = (struct timespec){0, 1000000000};
	SHOW("bad nanoseconds", futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
	t = (struct timespec){-1, 0};
	SHOW("negative", futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
	SHOW("bad time-out", futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0));
}

static void errors(void) {
	char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SHOW("misaligned", futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
	SHOW("inaccessible", futex(p, FUTEX_WAIT, 0, NULL, NULL, 0));
	SHOW("null", futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
	SHOW("kernel address", futex((void *)-4096l, FUTEX_WAIT, 0, NULL, NULL, 0));
	SHOW("wake nobody", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW("wake private nowhere", futex(p, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	SHOW("wake shared nowhere", futex(p, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW("no bits", futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	SHOW("wait for no bits", futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
	SHOW("unknown", futex(&word, 99, 0, NULL, NULL, 0));
	SHOW("FUTEX_FD", futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
	SHOW("real time wake", futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	SHOW("compare", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 5));
	SHOW("requeue negative", futex(&word, FUTEX_REQUEUE, -1, (void *)1, &other, 0));
	SHOW("robust length", syscall(SYS_set_robust_list, p, 23));
	void *head;
	size_t len;
	SHOW("get_robust_list", syscall(SYS_get_robust_list, 0, &head, &len));
	printf("length %zu\n", len);
	SHOW("get_robust_list nobody", syscall(SYS_get_robust_list, 0x3ffffff, &head, &len));
	SHOW("get_robust_list nowhere", syscall(SYS_get_robust_list, 0, 8, &len));
}

// asleep returns when the thread that tells its ID there waits.
static void asleep(atomic_int *tid) {
	while (!*tid) usleep(500);
	await_sleep(getpid(), *tid);
}

struct job { _Atomic uint32_t *w; int op; uint32_t bits; void *p2; long result; int err; atomic_int tid; };

static void *waiter(void *arg) {
	struct job *j = arg;
	j->tid = syscall(SYS_gettid);
	j->result = futex((void *)j->w, j->op, 0, NULL, j->p2, j->bits);
	j->err = errno;
	atomic_fetch_add(&woken, 1);
	return NULL;
}

// start has n threads wait and returns when they do.
static void start(pthread_t *t, struct job *j, int n) {
	woken = 0;
	for (int i = 0; i < n; i++) pthread_create(&t[i], NULL, waiter, &j[i]);
	for (int i = 0; i < n; i++) asleep(&j[i].tid);
}

static void await(int n) {
	for (int i = 0; i < 60000 && woken < n; i++) usleep(1000);
	usleep(5000);
}

static void waking(void) {
	pthread_t t[4];
	struct job j[4];
	for (int i = 0; i < 4; i++) j[i] = (struct job){&word, FUTEX_WAIT, 0, NULL};
	start(t, j, 4);
	SHOW("wake one", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	await(1);
	printf("woken %d\n", woken);
	SHOW("wake all", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);

	for (int i = 0; i < 4; i++) j[i] = (struct job){&word, FUTEX_WAIT_BITSET_PRIVATE, 1u << i, NULL};
	start(t, j, 4);
	SHOW("wake bits", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 5));
	await(2);
	SHOW("the others", futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);

	for (int i = 0; i < 4; i++) j[i] = (struct job){&word, FUTEX_WAIT, 0, NULL};
	start(t, j, 4);
	SHOW("requeue", futex(&word, FUTEX_REQUEUE, 1, (void *)2, &other, 0));
	SHOW("wake there", futex(&other, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	SHOW("compare and requeue", futex(&word, FUTEX_CMP_REQUEUE, 0, (void *)10, &other, 0));
	SHOW("wake here", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	SHOW("wake there", futex(&other, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);

	for (int i = 0; i < 4; i++) j[i] = (struct job){i < 2 ? &word : &other, FUTEX_WAIT, 0, NULL};
	start(t, j, 4);
	other = 0;
	SHOW("wake op", futex(&word, FUTEX_WAKE_OP, 1, (void *)10, &other, FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 0)));
	printf("other %u\n", other);
	SHOW("the rest", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
	other = 0;
}

static char report[100];

static void *lock_pi(void *arg) {
	long r = futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	int mine = (pi & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);
	long u = futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	snprintf(report, sizeof report, "other thread: lock %ld mine %d unlock %ld", r, mine, u);
	return NULL;
}

static void *wait_requeue(void *arg) {
	waiting = syscall(SYS_gettid);
	long r = futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &pi, 0);
	int mine = (pi & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);
	snprintf(report, sizeof report, "requeued: %ld mine %d", r, mine);
	futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

static void inheritance(void) {
	pthread_t t;
	uint32_t me = syscall(SYS_gettid);
	SHOW("lock", futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	printf("mine %d\n", pi == me);
	SHOW("again", futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	SHOW("try", futex(&pi, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	pthread_create(&t, NULL, lock_pi, NULL);
	while (!(pi & FUTEX_WAITERS)) usleep(1000);
	SHOW("unlock", futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	pthread_join(t, NULL);
	puts(report);
	printf("free %d\n", pi == 0);
	SHOW("unlock not mine", futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	pi = 0x3fffff; // nobody has this ID
	SHOW("dead owner", futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	pi = 0;
	struct timespec at = in_ms(CLOCK_MONOTONIC, 1);
	SHOW("LOCK_PI2", futex(&pi, FUTEX_LOCK_PI2, 0, &at, NULL, 0));
	SHOW("unlock", futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	word = 0;
	waiting = 0;
	futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	pthread_create(&t, NULL, wait_requeue, NULL);
	asleep(&waiting);
	SHOW("cmp requeue pi", futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &pi, 0));
	SHOW("unlock", futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	pthread_join(t, NULL);
	puts(report);
	SHOW("real time not here", futex(&pi, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
}

// Two mappings of the same memory are one futex, if it is shared.
static void *wait_shared(void *p) {
	waiting = syscall(SYS_gettid);
	return (void *)futex(p, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void sharing(void) {
	int fd = memfd_create("futex", 0);
	if (ftruncate(fd, 4096)) return;
	char *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_t t;
	waiting = 0;
	pthread_create(&t, NULL, wait_shared, a + 64);
	asleep(&waiting);
	SHOW("private elsewhere", futex(b + 64, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	SHOW("through the other mapping", futex(b + 64, FUTEX_WAKE, 1, NULL, NULL, 0));
	void *r;
	pthread_join(t, &r);
	printf("result %ld\n", (long)r);
}

struct waitv { uint64_t val, addr; uint32_t flags, reserved; };
static struct waitv vec[3];
enum { U32 = 2, PRIVATE = 128 };

static void *wait_vector(void *arg) {
	waiting = syscall(SYS_gettid);
	return (void *)syscall(449, vec, 3, 0, NULL, 0);
}

static void vectors(void) {
	pthread_t t;
	void *r;
	for (int i = 0; i < 3; i++) vec[i] = (struct waitv){0, (uintptr_t)(i == 0 ? &word : i == 1 ? &other : &pi), U32 | PRIVATE, 0};
	word = other = pi = 0;
	waiting = 0;
	pthread_create(&t, NULL, wait_vector, NULL);
	asleep(&waiting);
	SHOW("wake the second", futex(&other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	pthread_join(t, &r);
	printf("futex_waitv %ld\n", (long)r);
	struct timespec at = in_ms(CLOCK_MONOTONIC, 5);
	SHOW("time-out", syscall(449, vec, 3, 0, &at, CLOCK_MONOTONIC));
	vec[2].val = 9;
	SHOW("value", syscall(449, vec, 3, 0, NULL, 0));
	vec[2].flags = 99;
	SHOW("flags", syscall(449, vec, 3, 0, NULL, 0));
	SHOW("none", syscall(449, vec, 0, 0, NULL, 0));
	SHOW("too many", syscall(449, vec, 129, 0, NULL, 0));
	SHOW("nowhere", syscall(449, 8, 1, 0, NULL, 0));
	SHOW("bad clock", syscall(449, vec, 2, 0, &at, 77));
	at = in_ms(CLOCK_MONOTONIC, 5);
	SHOW("futex_wait", syscall(455, &word, 0, 1, U32 | PRIVATE, &at, CLOCK_MONOTONIC));
	SHOW("futex_wait value", syscall(455, &word, 5, 1, U32 | PRIVATE, NULL, 0));
	SHOW("futex_wake", syscall(454, &word, 1, 1, U32 | PRIVATE));
	SHOW("futex_wake flags", syscall(454, &word, 1, 1, 55));
	vec[1].flags = vec[0].flags = U32 | PRIVATE;
	SHOW("futex_requeue", syscall(456, vec, 0, 1, 1));
	SHOW("futex_requeue flags", syscall(456, vec, 1, 1, 1));
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	times();
	errors();
	waking();
	inheritance();
	sharing();
	vectors();
	return 0;
}
