// SHA-256's compression function over a counter: 32-bit rotates, xors and adds.
#include "bench.h"

static uint32_t k[64];

static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(uint32_t h[8], const uint32_t in[16])
{
	uint32_t w[64], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], s = h[7];
	memcpy(w, in, 64);
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (int i = 0; i < 64; i++) {
		uint32_t t = s + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
		uint32_t u = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
		s = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = t + u;
	}
	h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += s;
}

static uint64_t work(long scale)
{
	uint64_t seed = 1;
	uint32_t h[8], in[16] = {0};
	for (int i = 0; i < 64; i++)
		k[i] = (uint32_t)random64(&seed); // the speed does not depend on the constants
	for (int i = 0; i < 8; i++)
		h[i] = (uint32_t)random64(&seed);
	for (long i = 0; i < scale * 120000; i++) {
		in[0] = (uint32_t)i;
		block(h, in);
	}
	return (uint64_t)h[0] << 32 | h[7];
}
