// A loop of three instructions: what looking for interrupts costs at most.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	uint64_t x = 1, n = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 100000000;
	for (; n; n--) {
		x += n;
		__asm__ volatile("" : "+r"(x)); // not computed in advance
	}
	printf("%016llx\n", (unsigned long long)x);
	return 0;
}
