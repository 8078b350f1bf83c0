// One thread ends the process while others compute, sleep, and wait in all ways.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t never, started;
static volatile unsigned long sink;

static void *computing(void *arg) {
	sem_post(&started);
	for (;;) sink++;
}
static void *waiting(void *arg) {
	sem_post(&started);
	sem_wait(&never);
	return NULL;
}
static void *sleeping(void *arg) {
	sem_post(&started);
	sleep(1000);
	return NULL;
}
static void *reading(void *arg) {
	int p[2];
	char c;
	if (pipe(p)) return NULL;
	sem_post(&started);
	return read(p[0], &c, 1) ? arg : NULL;
}
static void *ending(void *arg) {
	sem_post(&started);
	usleep(20000);
	puts("the end");
	exit(23);
}

int main(void) {
	static void *(*const f[])(void *) = {computing, waiting, sleeping, reading, computing, ending};
	sem_init(&never, 0, 0);
	sem_init(&started, 0, 0);
	for (int i = 0; i < 6; i++) {
		pthread_t t;
		pthread_create(&t, NULL, f[i], NULL);
	}
	for (int i = 0; i < 6; i++) sem_wait(&started);
	for (;;) pause();
}
