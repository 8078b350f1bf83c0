// A process that sends itself a signal without a handler executes nothing after it, or after it has unblocked it, whatever threads the
// emulator has.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
	static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGTERM};
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	int wrong = 0;
	for (int i = 0; i < 600; i++) {
		int sig = signals[i % 4];
		pid_t child = fork();
		if (child == 0) {
			sigset_t all, none;
			sigfillset(&all);
			sigemptyset(&none);
			if (i / 8 % 2) sigprocmask(SIG_SETMASK, &all, NULL);
			if (i / 4 % 2) kill(getpid(), sig);
			else sigqueue(getpid(), sig, (union sigval){.sival_int = i});
			sigprocmask(SIG_SETMASK, &none, NULL);
			_exit(42);
		}
		int status;
		waitpid(child, &status, 0);
		wrong += !WIFSIGNALED(status) || WTERMSIG(status) != sig;
	}
	printf("survived: %d of 600\n", wrong);
}
