// What every benchmark guest in C and C++ shares: it runs scale rounds of its work and prints
// one checksum, by which the runner sees that all systems computed the same.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t work(long scale);

// argument is the second argument, for the programs that have one, or 0.
static long argument;

// random64 is xorshift64*; state must not be 0.
__attribute__((unused)) static uint64_t random64(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

int main(int argc, char **argv)
{
	long scale = argc > 1 ? atol(argv[1]) : 1;
	argument = argc > 2 ? atol(argv[2]) : 0;
	printf("%016llx\n", (unsigned long long)work(scale));
	return 0;
}
