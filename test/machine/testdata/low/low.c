// A program that is linked below the lowest address that mmap(2) gives: its code or its
// data are there, work as elsewhere, and what is beside them is no memory.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOW = 65536 };

static volatile int counter = 7; // in .data
static const char text[] = "read by the kernel\n";
static sigjmp_buf back;

static void caught(int sig, siginfo_t *info, void *context)
{
	printf("signal %d, code %d\n", sig, info->si_code);
	siglongjmp(back, 1);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, 0);
	printf("code is %s, data is %s\n", (unsigned long)main < LOW ? "low" : "high", (unsigned long)&counter < LOW ? "low" : "high");
	for (int i = 0; i < 100000; i++)
		counter += i;
	printf("counted to %d\n", counter);
	if (!sigsetjmp(back, 1))
		*(volatile int *)8 = 1;
	if (!sigsetjmp(back, 1))
		*(volatile int *)(unsigned long)main = 1; // no write permission
	if (!sigsetjmp(back, 1))
		((void (*)(void))0)();
	fflush(stdout);
	if (write(1, text, sizeof text - 1) != sizeof text - 1)
		return 1;
	if (fork() == 0) {
		printf("the child has %d\n", counter++);
		exit(0);
	}
	wait(0);
	printf("its parent %d\n", counter);
	return 0;
}
