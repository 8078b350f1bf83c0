// Lines of which some are executed, and some are not.
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int zero;
static volatile int *volatile nowhere;

static void handler(int sig)
{
	siglongjmp(back, sig);
}

static int classify(int n)
{
	switch (n % 5) {
	case 0:
		return 10;
	case 1:
		n += 2;
		break;
	case 2:
		if (n > 1000)
			return -1;
		n *= 3;
		break;
	case 17:
		n = 5;
		break;
	default:
		n--;
	}
	return n;
}

static int never(int n)
{
	int s = 0;
	for (int i = 0; i < n; i++)
		s += i;
	return s;
}

static int faults(int n)
{
	volatile int before = n;
	volatile int after = 0;
	if (sigsetjmp(back, 1)) {
		before++;
		return before + after;
	}
	before = 7;
	*nowhere = before;
	after = 1;
	return after;
}

static double floats(int n)
{
	double s = 0;
	for (int i = 1; i <= n; i++) {
		s += sqrt(i);
		if (isnan(s))
			s = 0;
		s = s / 3 + i;
	}
	return s;
}

static int recurse(int n)
{
	if (n == 0)
		return zero;
	return recurse(n - 1) + 1;
}

static void child(void)
{
	int n = 3;
	while (n > 0)
		n--;
	exit(n);
}

int main(int argc, char **argv)
{
	long sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += classify(i);
	if (argc > 5)
		sum += never(argc);
	signal(SIGSEGV, handler);
	for (int i = 0; i < 3; i++)
		sum += faults(i);
	sum += floats(100);
	sum += recurse(50);
	if (fork() == 0)
		child();
	wait(0);
	printf("%ld\n", sum);
	if (argc > 1 && !strcmp(argv[1], "die")) {
		fflush(stdout);
		raise(SIGTERM);
		sum = 0;
	}
	return sum == 0;
}
