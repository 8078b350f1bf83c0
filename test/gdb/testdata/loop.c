// A program that runs until somebody stops it.
#include <stdio.h>

volatile int stop;
volatile unsigned long turns;

__attribute__((noinline)) void tick(unsigned long n) { __asm__ volatile("" ::"r"(n)); }

int main(void)
{
	puts("running");
	fflush(stdout);
	while (!stop)
		if ((++turns & 0xffff) == 0)
			tick(turns);
	puts("ended");
	return 5;
}
