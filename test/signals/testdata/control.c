// Obeys signals from outside, and says so: the order of queued ones, what is blocked,
// stopping and continuing.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile int next, disorder, continued;

static void in_order(int sig, siginfo_t *info, void *context) {
	if (info->si_value.sival_int != next++) disorder++;
}

static void cont(int sig) { continued++; }

static void *nothing(void *arg) { return arg; }

int main(int argc, char **argv) {
	int n = atoi(argv[1]);
	sigset_t term;
	siginfo_t info;
	struct sigaction sa = {.sa_sigaction = in_order, .sa_flags = SA_SIGINFO};
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGCHLD);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGRTMIN, &sa, NULL);
	puts("ready");
	pthread_attr_t deaf;
	sigset_t all;
	sigfillset(&all);
	pthread_attr_init(&deaf);
	pthread_attr_setsigmask_np(&deaf, &all);
	for (int i = 0; i < 400000 && next < n; i++) {
		pthread_t t; // threads come and go, on the host too; none may take a signal away
		if (i % 16 == 0 && pthread_create(&t, &deaf, nothing, NULL) == 0) pthread_join(t, NULL);
		usleep(500);
	}
	printf("signals %d disorder %d\n", next, disorder);
	for (int i = 0; i < 2; i++) {
		while (sigwaitinfo(&term, &info) < 0) {}
		printf("waited for: %s, from outside %d\n", strsignal(info.si_signo), info.si_pid == getppid());
	}
	for (int i = 0; i < 2; i++) {
		struct timespec t = {i ? 60 : 0, 300000000}; // the second is interrupted
		puts("sleeping");
		int r = nanosleep(&t, NULL);
		printf("slept: %s, SIGCONT handled %d times\n", r ? strerror(errno) : "ok", continued);
		signal(SIGCONT, cont);
	}
	puts("end me");
	for (;;) pause();
}
