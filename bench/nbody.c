// Gravitation among five bodies: multiplications, divisions and square roots.
#include "bench.h"
#include <math.h>

enum { N = 5 };
static double x[N][3], v[N][3], mass[N];

static void step(double dt)
{
	for (int i = 0; i < N; i++)
		for (int j = i + 1; j < N; j++) {
			double d[3], r2 = 0.01;
			for (int k = 0; k < 3; k++) {
				d[k] = x[i][k] - x[j][k];
				r2 += d[k] * d[k];
			}
			double f = dt / (r2 * sqrt(r2));
			for (int k = 0; k < 3; k++) {
				v[i][k] -= d[k] * mass[j] * f;
				v[j][k] += d[k] * mass[i] * f;
			}
		}
	for (int i = 0; i < N; i++)
		for (int k = 0; k < 3; k++)
			x[i][k] += dt * v[i][k];
}

static uint64_t work(long scale)
{
	uint64_t seed = 7, bits, sum = 0;
	for (int i = 0; i < N; i++) {
		mass[i] = 1 + i;
		for (int k = 0; k < 3; k++) {
			x[i][k] = (double)(random64(&seed) % 2000) / 100 - 10;
			v[i][k] = (double)(random64(&seed) % 200) / 100 - 1;
		}
	}
	for (long i = 0; i < scale * 500000; i++)
		step(0.001);
	for (int i = 0; i < N; i++) {
		memcpy(&bits, &x[i][0], 8);
		sum ^= bits;
	}
	return sum;
}
