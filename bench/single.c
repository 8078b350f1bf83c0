// Single precision: spheres hit by rays, with square roots and divisions, and a convolution.
#include "bench.h"
#include <math.h>

enum { SPHERES = 12, SIZE = 160 };
static struct { float x, y, z, r; } spheres[SPHERES];
static float image[SIZE][SIZE], smooth[SIZE][SIZE];

static float shade(float x, float y, float z)
{
	float inverse = 1 / sqrtf(x * x + y * y + z * z), nearest = 1e9f, light = 0;
	x *= inverse, y *= inverse, z *= inverse;
	for (int i = 0; i < SPHERES; i++) {
		float b = x * spheres[i].x + y * spheres[i].y + z * spheres[i].z;
		float c = spheres[i].x * spheres[i].x + spheres[i].y * spheres[i].y + spheres[i].z * spheres[i].z - spheres[i].r * spheres[i].r;
		float d = b * b - c;
		if (d <= 0)
			continue;
		float t = b - sqrtf(d);
		if (t > 0 && t < nearest) {
			nearest = t;
			light = (t * z - spheres[i].z) / spheres[i].r;
		}
	}
	return light;
}

static uint64_t work(long scale)
{
	uint64_t seed = 13, sum = 0;
	for (int i = 0; i < SPHERES; i++) {
		spheres[i].x = (float)(random64(&seed) % 200) / 50 - 2;
		spheres[i].y = (float)(random64(&seed) % 200) / 50 - 2;
		spheres[i].z = (float)(random64(&seed) % 100) / 20 + 4;
		spheres[i].r = (float)(random64(&seed) % 100) / 100 + 0.3f;
	}
	for (long round = 0; round < scale * 36; round++) {
		for (int y = 0; y < SIZE; y++)
			for (int x = 0; x < SIZE; x++)
				image[y][x] = shade((float)x / SIZE - 0.5f, (float)y / SIZE - 0.5f, 1 + (float)round * 0.001f);
		for (int y = 1; y < SIZE - 1; y++)
			for (int x = 1; x < SIZE - 1; x++) {
				float s = image[y][x] * 4;
				s += (image[y - 1][x] + image[y + 1][x] + image[y][x - 1] + image[y][x + 1]) * 2;
				s += image[y - 1][x - 1] + image[y - 1][x + 1] + image[y + 1][x - 1] + image[y + 1][x + 1];
				smooth[y][x] = s / 16;
			}
		for (int i = 1; i < SIZE; i++) {
			uint32_t bits;
			memcpy(&bits, &smooth[i][SIZE - i], 4);
			sum = sum * 31 + bits;
		}
	}
	return sum;
}
