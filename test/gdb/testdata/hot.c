// A loop that is hot, a structure, calls.
#include <stdio.h>

int counter;
struct point {
	int x, y;
	double d;
} pt = {3, 4, 2.5};

__attribute__((noinline)) int work(int n)
{
	int s = 0;
	for (int i = 0; i < n; i++) {
		s += i * 3;
		if (i % 1000 == 7)
			*(volatile int *)&counter += 1; // in the loop
	}
	return s;
}

__attribute__((noinline)) int twice(int a)
{
	__asm__ volatile("" : "+r"(a));
	return 2 * a;
}

int main(int argc, char **argv)
{
	for (int k = 0; k < 30; k++) {
		pt.x = work(20000) & 7;
		twice(k);
	}
	printf("counter %d\n", counter);
	return 7;
}
