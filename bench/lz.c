// A small LZ77 compressor and decompressor: hash look-ups, comparisons of bytes, copies.
#include "bench.h"

enum { N = 1 << 17, BITS = 14 };
static unsigned char in[N], packed[2 * N], out[N];
static int32_t last[1 << BITS];

static uint32_t load32(const unsigned char *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

// A token: (literals, match length), the literals, the distance in two bytes.
static unsigned char *token(unsigned char *o, const unsigned char *lit, size_t n, size_t len, size_t dist)
{
	*o++ = (unsigned char)n;
	*o++ = (unsigned char)len;
	for (size_t i = 0; i < n; i++)
		*o++ = lit[i];
	*o++ = (unsigned char)dist;
	*o++ = (unsigned char)(dist >> 8);
	return o;
}

static size_t pack(void)
{
	unsigned char *o = packed;
	size_t lit = 0, i = 0;
	memset(last, 0xff, sizeof last);
	while (i + 4 < N) {
		uint32_t h = load32(in + i) * 2654435761u >> (32 - BITS);
		int32_t at = last[h];
		last[h] = (int32_t)i;
		size_t len = 0;
		if (at >= 0 && i - (size_t)at < 65536)
			while (len < 255 && i + len < N && in[(size_t)at + len] == in[i + len])
				len++;
		if (len >= 5) {
			o = token(o, in + lit, i - lit, len, i - (size_t)at);
			lit = i += len;
		} else if (++i - lit == 255) {
			o = token(o, in + lit, 255, 0, 0);
			lit = i;
		}
	}
	o = token(o, in + lit, N - lit, 0, 0);
	return (size_t)(o - packed);
}

static void unpack(size_t size)
{
	unsigned char *o = out;
	for (unsigned char *p = packed; p < packed + size;) {
		size_t n = p[0], len = p[1];
		p += 2;
		for (; n; n--)
			*o++ = *p++;
		size_t dist = p[0] | (size_t)p[1] << 8;
		p += 2;
		for (const unsigned char *q = o - dist; len; len--)
			*o++ = *q++;
	}
}

static uint64_t work(long scale)
{
	static const char *words[] = {"the ", "translator ", "of ", "blocks ", "and ", "returns ", "into ", "memory ", "loop\n", "register "};
	uint64_t seed = 21, sum = 0;
	for (long round = 0; round < scale * 45; round++) {
		for (size_t i = 0; i < N;) {
			uint64_t r = random64(&seed);
			const char *w = words[r % 10];
			while (*w && i < N)
				in[i++] = (unsigned char)*w++;
			if (r >> 61 == 0 && i < N)
				in[i++] = (unsigned char)(r >> 20);
		}
		size_t size = pack();
		unpack(size);
		sum = sum * 31 + size + (memcmp(in, out, N) == 0);
	}
	return sum;
}
