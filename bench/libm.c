// The C library's mathematical functions. Their last bit differs between the libraries of two
// architectures, so the checksum is of rounded results.
#include "bench.h"
#include <math.h>

static uint64_t round6(double x) { return (uint64_t)llround(x * 1e6); }

static uint64_t work(long scale)
{
	uint64_t sum = 0;
	for (long i = 0; i < scale * 350000; i++) {
		double x = (double)(i % 10007) * 0.001 + 0.1;
		sum += round6(sin(x)) + round6(cos(x * 3)) + round6(exp(x * 0.2)) + round6(log(x));
		sum = sum * 3 + round6(pow(x, 0.7)) + round6(atan2(x, 2)) + round6(tanh(x - 3)) + round6(cbrt(x)) + round6(fmod(x, 0.7));
	}
	return sum;
}
