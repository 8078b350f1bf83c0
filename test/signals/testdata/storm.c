// Counts signals that another process sends while the threads compute, allocate,
// block and create threads.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX = 20000 };
static _Atomic unsigned char count[MAX];
static atomic_int total, wrong, stop;
static int expected;
static volatile double result;

static void handler(int sig, siginfo_t *info, void *context) {
	int v = info->si_value.sival_int;
	if (info->si_code != SI_QUEUE || v < 0 || v >= expected)
		atomic_fetch_add(&wrong, 1);
	else
		atomic_fetch_add(&count[v], 1);
	atomic_fetch_add(&total, 1);
}

static void *compute(void *arg) {
	double x = 1;
	while (!stop) {
		double want = 0, got = 0;
		for (int i = 1; i < 300; i++) want += (double)i / (i + x);
		for (int i = 1; i < 300; i++) got += (double)i / (i + x);
		if (want != got) atomic_fetch_add(&wrong, 1); // registers lost
		x += 0.5;
		result = got;
	}
	return NULL;
}

static void *allocate(void *arg) {
	while (!stop) {
		char *p[50];
		for (int i = 0; i < 50; i++) {
			p[i] = malloc(100 + i * 1000);
			memset(p[i], i, 100 + i * 1000);
		}
		for (int i = 0; i < 50; i++) {
			if (p[i][99 + i * 1000] != i) atomic_fetch_add(&wrong, 1);
			free(p[i]);
		}
	}
	return NULL;
}

static void *block(void *arg) {
	while (!stop) {
		struct timespec t = {0, 300000};
		poll(NULL, 0, 1);
		nanosleep(&t, NULL);
	}
	return NULL;
}

static void *nothing(void *arg) { return arg; }

static void *create(void *arg) {
	while (!stop) {
		pthread_t t;
		void *r;
		if (pthread_create(&t, NULL, nothing, arg)) continue;
		pthread_join(t, &r);
		if (r != arg) atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

int main(int argc, char **argv) {
	static void *(*const f[])(void *) = {compute, allocate, block, create};
	pthread_t t[4];
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
	expected = atoi(argv[1]);
	sigaction(SIGRTMIN, &sa, NULL);
	for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, f[i], &t[i]);
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < 200000 && total < expected; i++) usleep(1000);
	usleep(20000);
	stop = 1;
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
	int bad = 0;
	for (int i = 0; i < expected; i++)
		if (count[i] != 1) bad++;
	printf("total %d wrong %d bad %d\n", total, wrong, bad);
	return 0;
}
