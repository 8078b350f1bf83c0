// abort(3): the handler returns, and the process dies nevertheless.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void returns(int sig) { printf("handler %d\n", sig); fflush(stdout); }

int main(void) {
	signal(SIGABRT, returns);
	abort();
}
