// Threads: creation, joining, identity, thread-local storage, exit, and what
// pthreads build on futexes.
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static __thread int tls_zero;
static __thread int tls_init = 42;

static void *identity(void *arg) {
	long n = (long)arg;
	tls_zero += n;
	tls_init += n;
	pid_t tid = syscall(SYS_gettid);
	int ok = tid != getpid() && tid > 0 && kill(tid, 0) == 0 && tls_zero == n && tls_init == 42 + n;
	return (void *)(ok ? n : -1L);
}

static void many(void) {
	long bad = 0;
	for (long i = 0; i < 1000; i++) {
		pthread_t t;
		void *r;
		if (pthread_create(&t, NULL, identity, (void *)i)) {
			bad++;
			continue;
		}
		pthread_join(t, &r);
		if ((long)r != i) bad++;
	}
	printf("one after another: %ld bad, tls %d %d\n", bad, tls_zero, tls_init);
	pthread_t t[64];
	bad = 0;
	for (long i = 0; i < 64; i++)
		if (pthread_create(&t[i], NULL, identity, (void *)i)) bad++;
	for (long i = 0; i < 64; i++) {
		void *r;
		pthread_join(t[i], &r);
		if ((long)r != i) bad++;
	}
	printf("at once: %ld bad\n", bad);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static long counter, other;
static int turn;
static _Atomic long atomic_counter;

enum { THREADS = 6, ROUNDS = 3000 };

static void *contend(void *arg) {
	long me = (long)arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		atomic_fetch_add(&atomic_counter, 1);
	}
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 50; i++) { // in turns
		pthread_mutex_lock(&mutex);
		while (turn != me) pthread_cond_wait(&cond, &mutex);
		turn = (me + 1) % THREADS;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	pthread_barrier_wait(&barrier);
	long torn = 0;
	for (int i = 0; i < 300; i++) {
		if (me == 0) {
			pthread_rwlock_wrlock(&rwlock);
			counter++;
			other++;
			pthread_rwlock_unlock(&rwlock);
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (counter - other != THREADS * ROUNDS) torn++;
			pthread_rwlock_unlock(&rwlock);
		}
	}
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 300; i++) {
		sem_wait(&sem);
		other++;
		sem_post(&sem);
	}
	return (void *)torn;
}

static void contention(void) {
	pthread_t t[THREADS];
	long torn = 0;
	pthread_barrier_init(&barrier, NULL, THREADS);
	sem_init(&sem, 0, 1);
	for (long i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, contend, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		void *r;
		pthread_join(t[i], &r);
		torn += (long)r;
	}
	printf("counter %ld atomic %ld turn %d torn %ld other %ld\n", counter, atomic_counter, turn, torn, other);
}

static void timeouts(void) {
	struct timespec t, end;
	pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&held);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
	printf("mutex: %s\n", strerror(pthread_mutex_timedlock(&held, &t)));
	clock_gettime(CLOCK_REALTIME, &end);
	printf("waited long enough: %d\n", end.tv_sec > t.tv_sec || (end.tv_sec == t.tv_sec && end.tv_nsec >= t.tv_nsec));
	pthread_mutex_lock(&mutex);
	printf("cond: %s\n", strerror(pthread_cond_timedwait(&cond, &mutex, &t)));
	pthread_mutex_unlock(&mutex);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 5000000;
	if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
	sem_t empty;
	sem_init(&empty, 0, 0);
	int r = sem_clockwait(&empty, CLOCK_MONOTONIC, &t);
	printf("semaphore: %d %s\n", r, strerror(errno));
}

static void *die_holding(void *m) {
	pthread_mutex_lock(m);
	return NULL;
}

static void *die_waiting_turn(void *m) {
	int r = pthread_mutex_lock(m);
	if (r == EOWNERDEAD) pthread_mutex_consistent(m);
	pthread_mutex_unlock(m);
	return (void *)(long)r;
}

static pthread_mutex_t *special(int robust, int protocol, int type) {
	pthread_mutex_t *m = malloc(sizeof *m);
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, robust);
	pthread_mutexattr_setprotocol(&a, protocol);
	pthread_mutexattr_settype(&a, type);
	pthread_mutex_init(m, &a);
	return m;
}

static void *hold_for_a_while(void *m) {
	pthread_mutex_lock(m);
	pthread_barrier_wait(&barrier);
	usleep(20000);
	return NULL;
}

static void robust(const char *name, int protocol) {
	pthread_t t, waiters[3];
	pthread_mutex_t *m = special(PTHREAD_MUTEX_ROBUST, protocol, PTHREAD_MUTEX_NORMAL);
	pthread_create(&t, NULL, die_holding, m);
	pthread_join(t, NULL);
	int r = pthread_mutex_lock(m);
	printf("%s: %s\n", name, strerror(r));
	printf("consistent: %s\n", strerror(pthread_mutex_consistent(m)));
	printf("unlock: %s\n", strerror(pthread_mutex_unlock(m)));
	printf("lock: %s\n", strerror(pthread_mutex_lock(m)));
	pthread_mutex_unlock(m);
	// The owner dies while others wait.
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&t, NULL, hold_for_a_while, m);
	pthread_barrier_wait(&barrier);
	int dead = 0, fine = 0;
	for (int i = 0; i < 3; i++) pthread_create(&waiters[i], NULL, die_waiting_turn, m);
	for (int i = 0; i < 3; i++) {
		void *v;
		pthread_join(waiters[i], &v);
		if ((long)v == EOWNERDEAD) dead++;
		else if (v == NULL) fine++;
	}
	pthread_join(t, NULL);
	printf("waiters: %d found a dead owner, %d fine\n", dead, fine);
	// Not repaired: unusable from then on.
	pthread_create(&t, NULL, die_holding, m);
	pthread_join(t, NULL);
	pthread_mutex_lock(m);
	pthread_mutex_unlock(m);
	printf("not repaired: %s\n", strerror(pthread_mutex_lock(m)));
}

static void *increment(void *m) {
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(m);
		counter++;
		pthread_mutex_unlock(m);
	}
	return NULL;
}

static void priority(void) {
	pthread_t t[4];
	pthread_mutex_t *m = special(PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ERRORCHECK);
	counter = 0;
	for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, increment, m);
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
	printf("priority inheritance: %ld\n", counter);
	pthread_mutex_lock(m);
	printf("again: %s\n", strerror(pthread_mutex_lock(m)));
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	pthread_create(&t[0], NULL, die_waiting_turn, m);
	usleep(5000);
	pthread_mutex_unlock(m);
	pthread_join(t[0], NULL);
	printf("unlock not mine: %s\n", strerror(pthread_mutex_unlock(m)));
}

static void cleanup(void *what) { printf("cleanup %s\n", (char *)what); }

static void *cancelled(void *arg) {
	pthread_cleanup_push(cleanup, "handler");
	pthread_barrier_wait(&barrier);
	for (;;) pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancelling(void) {
	pthread_t t;
	void *r;
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&t, NULL, cancelled, NULL);
	pthread_barrier_wait(&barrier);
	pthread_cancel(t);
	pthread_join(t, &r);
	printf("cancelled: %d\n", r == PTHREAD_CANCELED);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static void make_key(void) { pthread_key_create(&key, cleanup); }
static void *with_key(void *arg) {
	pthread_once(&once, make_key);
	pthread_setspecific(key, "key");
	return NULL;
}

static void keys(void) {
	pthread_t t[3];
	for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, with_key, NULL);
	for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
}

static _Atomic int detached_done;
static void *detached(void *arg) {
	atomic_fetch_add(&detached_done, 1);
	return NULL;
}

static void detaching(void) {
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 200; i++) {
		pthread_t t;
		if (pthread_create(&t, &a, detached, NULL)) puts("failed");
	}
	while (atomic_load(&detached_done) < 200) usleep(1000);
	puts("detached");
}

static void clone_errors(void) {
	struct { unsigned long flags, pidfd, child, parent, sig, stack, size, tls; } a = {0};
#define CLONE3(name, ...) do { __VA_ARGS__; long r = syscall(SYS_clone3, &a, sizeof a); printf("clone3 %s: %ld %s\n", name, r, strerror(errno)); memset(&a, 0, sizeof a); } while (0)
	CLONE3("thread without sighand", a.flags = CLONE_THREAD);
	CLONE3("sighand without vm", a.flags = CLONE_SIGHAND);
	CLONE3("thread with signal", a.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM; a.sig = SIGCHLD);
	CLONE3("stack without size", a.stack = 4096);
	CLONE3("unknown flag", a.flags = 1ul << 40);
	CLONE3("csignal", a.flags = 17);
	CLONE3("new namespace and shared fs", a.flags = CLONE_NEWNS | CLONE_FS);
	long r = syscall(SYS_clone3, &a, 32);
	printf("clone3 short: %ld %s\n", r, strerror(errno));
	r = syscall(SYS_clone3, &a, 8192);
	printf("clone3 long: %ld %s\n", r, strerror(errno));
	r = syscall(SYS_clone3, 8, 64);
	printf("clone3 nowhere: %ld %s\n", r, strerror(errno));
	r = syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0);
	printf("clone thread without sighand: %ld %s\n", r, strerror(errno));
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	many();
	contention();
	timeouts();
	robust("robust", PTHREAD_PRIO_NONE);
	robust("robust with priority inheritance", PTHREAD_PRIO_INHERIT);
	priority();
	cancelling();
	keys();
	detaching();
	clone_errors();
	printf("set_tid_address is my ID: %d\n", syscall(SYS_set_tid_address, NULL) == getpid());
	return 0;
}
