// Thread-local variables of the program, and errno, which is the C library's.
#include <errno.h>
#include <pthread.h>

__thread volatile long mine = 7;

__attribute__((noinline)) void hit(int n) { __asm__ volatile("" ::"r"(n)); }

static void *change(void *arg)
{
	mine++;
	errno = EDOM;
	hit(1);
	return arg;
}

int main(void)
{
	pthread_t t;
	errno = ENOENT;
	pthread_create(&t, 0, change, 0);
	pthread_join(t, 0);
	return (int)mine - 7;
}
