// A signal frame that cannot be written becomes a SIGSEGV, which kills for the same reason.
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

static void handler(int sig) { puts("not reached"); fflush(stdout); }

int main(void) {
	stack_t s = {.ss_size = 65536};
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	s.ss_sp = mmap(NULL, s.ss_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&s, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	puts("about to be signalled");
	fflush(stdout);
	raise(SIGUSR1);
	puts("still here");
	return 0;
}
