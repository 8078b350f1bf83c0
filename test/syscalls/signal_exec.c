// Signals in large numbers at a program that executes itself over and over: blocked
// meanwhile, they wait for the next program, and none is lost, doubled or overtaken.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KINDS = 3, EACH = 400, EXECS = 20 };
static int next_value[KINDS], wrong;

static void handler(int sig, siginfo_t *i, void *c) {
	int k = sig - SIGRTMIN;
	if (i->si_code != SI_QUEUE || i->si_value.sival_int != next_value[k]) wrong++;
	next_value[k]++;
}

static int storm(pid_t to) {
	for (int v = 0; v < EACH; v++) {
		for (int k = 0; k < KINDS; k++)
			while (sigqueue(to, SIGRTMIN + k, (union sigval){.sival_int = v}))
				if (errno == EAGAIN) usleep(200);
				else return 1;
		kill(to, SIGTERM); // blocked for good
		kill(to, SIGCHLD);
		if (v % 5 == 0) usleep(2000);
	}
	return 0;
}

int main(int argc, char **argv) {
	sigset_t rt, none;
	int generation = argc > 1 ? atoi(argv[1]) : 0, status;
	sigemptyset(&rt);
	for (int k = 0; k < KINDS; k++) sigaddset(&rt, SIGRTMIN + k);
	sigaddset(&rt, SIGTERM);
	pid_t sender;
	if (generation == 0) {
		sigprocmask(SIG_BLOCK, &rt, NULL);
		pid_t to = getpid();
		sender = fork();
		if (sender == 0) _exit(storm(to));
	} else {
		sender = atoi(argv[2]);
		wrong = atoi(argv[3]);
		for (int k = 0; k < KINDS; k++) next_value[k] = atoi(argv[4 + k]);
	}
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART, .sa_mask = rt};
	for (int k = 0; k < KINDS; k++) sigaction(SIGRTMIN + k, &sa, NULL);
	sigemptyset(&none);
	sigaddset(&none, SIGTERM);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (generation < EXECS) {
		usleep(300);
		sigprocmask(SIG_BLOCK, &rt, NULL);
		char text[6][16], *args[8] = {argv[0]};
		int values[] = {generation + 1, sender, wrong, next_value[0], next_value[1], next_value[2]};
		for (int i = 0; i < 6; i++) {
			snprintf(text[i], sizeof text[i], "%d", values[i]);
			args[1 + i] = text[i];
		}
		execv("/proc/self/exe", args);
		return 2;
	}
	while (waitpid(sender, &status, 0) < 0 && errno == EINTR) ;
	printf("sender %#x wrong %d:", status, wrong);
	for (int k = 0; k < KINDS; k++) printf(" %d", next_value[k]);
	sigpending(&rt);
	printf(", SIGTERM waits %d\n", sigismember(&rt, SIGTERM));
	return 0;
}
