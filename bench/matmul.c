// Product of two matrices of doubles.
#include "bench.h"

enum { N = 160 };
static double a[N][N], b[N][N], c[N][N];

static uint64_t work(long scale)
{
	uint64_t bits;
	double trace = 0;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			a[i][j] = i + 0.5 * j, b[i][j] = i - 0.25 * j;
	for (long round = 0; round < scale * 20; round++) {
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				double sum = 0;
				for (int k = 0; k < N; k++)
					sum += a[i][k] * b[k][j];
				c[i][j] = sum;
			}
		for (int i = 0; i < N; i++)
			trace += c[i][i] / (round + 1);
	}
	memcpy(&bits, &trace, 8);
	return bits;
}
