// Iterations of the Mandelbrot set: a short loop of doubles with a compare.
#include "bench.h"

static int escape(double cr, double ci)
{
	double r = 0, i = 0;
	int n = 0;
	for (; n < 300 && r * r + i * i < 4; n++) {
		double t = r * r - i * i + cr;
		i = 2 * r * i + ci;
		r = t;
	}
	return n;
}

static uint64_t work(long scale)
{
	uint64_t sum = 0;
	for (long round = 0; round < scale * 2; round++)
		for (int y = 0; y < 200; y++)
			for (int x = 0; x < 300; x++)
				sum += escape(-2.2 + x * 0.01 + round * 1e-6, -1.0 + y * 0.01);
	return sum;
}
