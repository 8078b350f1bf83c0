// The smallest program that uses the C library. With an argument it waits for the end of its
// input, so that somebody can look at it.
#include <stdio.h>

int main(int argc, char **argv)
{
	(void)argv;
	puts("hello");
	fflush(stdout);
	if (argc > 1)
		getchar();
	return 0;
}
