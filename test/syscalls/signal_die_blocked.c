// A fault whose signal is blocked kills the process by it, handler or not.
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void handler(int sig) { puts("not reached"); _exit(1); }

int main(void) {
	sigset_t all;
	signal(SIGSEGV, handler);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	puts("about to fault");
	fflush(stdout);
	*(volatile int *)16 = 1;
	return 0;
}
