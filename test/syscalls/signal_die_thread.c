// A thread's signal kills the whole process, whatever the others do.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *victim(void *arg) {
	usleep(10000);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMAX - 2);
	for (;;) pause();
}

int main(void) {
	pthread_t t;
	puts("waiting");
	fflush(stdout);
	pthread_create(&t, NULL, victim, NULL);
	for (volatile unsigned long i = 0;; i++) {}
}
