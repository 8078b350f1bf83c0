// The main thread ends before the others; the last one gives the exit status.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_t first;
static volatile int got, joined;

static void note(int sig) { got++; }

static void *last(void *arg) {
	while (!joined) usleep(1000);
	usleep(30000);
	puts("the last one");
	// Signals for the process still find their way.
	kill(getpid(), SIGUSR1);
	while (!got) usleep(1000);
	printf("signal handled, main thread exists: %d\n", syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
	fflush(stdout);
	syscall(SYS_exit, 7); // the process's status, as no other thread is left
	return NULL;
}

static void *middle(void *arg) {
	printf("joined the main thread: %d\n", pthread_join(first, NULL));
	joined = 1;
	return NULL;
}

int main(void) {
	pthread_t t;
	setvbuf(stdout, NULL, _IOLBF, 0);
	first = pthread_self();
	signal(SIGUSR1, note);
	pthread_create(&t, NULL, middle, NULL);
	pthread_create(&t, NULL, last, NULL);
	puts("the main thread leaves");
	pthread_exit(NULL);
}
