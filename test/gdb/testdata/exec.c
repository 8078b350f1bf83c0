// A program that executes itself.
#include <errno.h>
#include <unistd.h>

__attribute__((noinline)) void hit(int n) { __asm__ volatile("" ::"r"(n)); }

int main(int argc, char **argv)
{
	if (argc == 1)
		execl("/proc/self/exe", argv[0], "again", (char *)0);
	errno = EDOM;
	hit(1);
	return errno;
}
