// A program that crashes in the midst of calls, with another thread.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

volatile double number = 6.25;
char text[] = "static text";

static void *sleeper(void *p)
{
	for (;;)
		pause();
}

__attribute__((noinline)) int inner(int *p, int depth)
{
	double f = number * depth;
	__asm__ volatile("" ::"f"(f));
	*p = depth; // crashes
	return f;
}

__attribute__((noinline)) int outer(int *p, int depth)
{
	if (depth < 3)
		return outer(p, depth + 1) + 1;
	return inner(p, depth) + 1;
}

int main(int argc, char **argv)
{
	pthread_t t;
	char *heap = malloc(100);
	for (int i = 0; i < 99; i++)
		heap[i] = 'a' + i % 26;
	heap[99] = 0;
	pthread_create(&t, 0, sleeper, 0);
	usleep(20000);
	if (argc > 1)
		abort();
	return outer((int *)8, 0) + heap[3];
}
