// Robust mutexes that processes share: their owner dies in many ways, while others wait.
// SIGKILL, which gives hospes no chance, is not among them.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct shared {
	pthread_mutex_t m, pi;
	int ready;
} *s;

static void *lock_in_thread(void *arg) {
	pthread_mutex_lock(&s->m);
	pthread_mutex_lock(&s->pi);
	return NULL;
}

static void *lock_and_wait(void *arg) {
	lock_in_thread(arg);
	__atomic_store_n(&s->ready, 1, __ATOMIC_SEQ_CST);
	for (;;) pause();
}

static void init(pthread_mutex_t *m, int protocol) {
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&a, protocol);
	pthread_mutex_init(m, &a);
}

static const char *const ways[] = {"exit", "thread exit", "SIGTERM", "SIGTERM, owner another thread", "abort", "fault", "SIGTERM to oneself", "exec", "SIGRTMAX"};

static void die(int way, char *self) {
	pthread_t t;
	switch (way) {
	case 1:
		pthread_create(&t, NULL, lock_in_thread, NULL);
		pthread_join(t, NULL);
		__atomic_store_n(&s->ready, 1, __ATOMIC_SEQ_CST);
		for (;;) pause();
	case 3:
		pthread_create(&t, NULL, lock_and_wait, NULL);
		for (;;) pause();
	}
	lock_in_thread(NULL);
	__atomic_store_n(&s->ready, 1, __ATOMIC_SEQ_CST);
	usleep(20000); // for the parent to wait for the mutex
	switch (way) {
	case 0: _exit(0);
	case 4: abort();
	case 5: *(volatile int *)8 = 1;
	case 6: raise(SIGTERM);
	case 7: execl(self, self, "exec", NULL);
	}
	for (;;) pause();
}

static void *killer(void *arg) {
	int *k = arg;
	usleep(20000);
	kill(k[0], k[1]);
	return NULL;
}

int main(int argc, char **argv) {
	if (argc > 1) {
		pause();
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int way = 0; way < sizeof ways / sizeof *ways; way++) {
		memset(s, 0, sizeof *s);
		init(&s->m, PTHREAD_PRIO_NONE);
		init(&s->pi, PTHREAD_PRIO_INHERIT);
		pid_t p = fork();
		if (p == 0) die(way, argv[0]);
		while (!__atomic_load_n(&s->ready, __ATOMIC_SEQ_CST)) usleep(100);
		int k[2] = {p, way == 8 ? SIGRTMAX : SIGTERM};
		pthread_t t;
		if (way == 2 || way == 3 || way == 8) pthread_create(&t, NULL, killer, k);
		struct timespec ts;
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_sec += 100;
		int r = pthread_mutex_timedlock(&s->m, &ts);
		int q = pthread_mutex_timedlock(&s->pi, &ts);
		printf("%s: %s, %s;", ways[way], strerror(r), strerror(q));
		if (r == EOWNERDEAD) pthread_mutex_consistent(&s->m), pthread_mutex_unlock(&s->m);
		if (q == EOWNERDEAD) pthread_mutex_consistent(&s->pi), pthread_mutex_unlock(&s->pi);
		if (way == 1 || way == 7) kill(p, SIGTERM);
		if (way == 2 || way == 3 || way == 8) pthread_join(t, NULL);
		int status;
		waitpid(p, &status, 0);
		printf(" ends with %d\n", status & 0x7f);
	}
	return 0;
}
