// The sets of signals in /proc/self/status and in that of a thread.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void nothing(int sig) {}

static void show(const char *path) {
	char line[256];
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0 || strncmp(line, "Shd", 3) == 0) fputs(line, stdout);
	puts("");
	fclose(f);
}

static void *thread(void *arg) {
	char path[64];
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGBUS);
	sigaddset(&s, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &s, NULL);
	raise(SIGBUS);
	snprintf(path, sizeof path, "/proc/self/task/%ld/status", syscall(SYS_gettid));
	show(path);
	return NULL;
}

int main(void) {
	pthread_t t;
	sigset_t s;
	setvbuf(stdout, NULL, _IOLBF, 0);
	show("/proc/self/status");
	sigemptyset(&s);
	sigaddset(&s, SIGSEGV);
	sigaddset(&s, SIGUSR1);
	sigaddset(&s, SIGSTKFLT);
	sigprocmask(SIG_BLOCK, &s, 0);
	signal(SIGHUP, nothing);
	signal(SIGTRAP, nothing);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGFPE, SIG_IGN);
	raise(SIGUSR1);
	raise(SIGSTKFLT);
	show("/proc/self/status");
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	return 0;
}
