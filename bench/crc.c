// Checksums and hashes of bytes: CRC-32 by table, FNV-1a, Adler-32, and one with 64-bit
// multiplications.
#include "bench.h"

static unsigned char data[1 << 15];
static uint32_t table[256];

static uint32_t crc32(const unsigned char *p, size_t n)
{
	uint32_t c = ~0u;
	while (n--)
		c = table[(c ^ *p++) & 255] ^ c >> 8;
	return ~c;
}

static uint64_t fnv(const unsigned char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;
	while (n--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static uint32_t adler(const unsigned char *p, size_t n)
{
	uint32_t a = 1, b = 0;
	for (; n; n--) {
		a = (a + *p++) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static uint64_t words(const unsigned char *p, size_t n)
{
	uint64_t h = n, w;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ (uint64_t)((unsigned __int128)w * 0x9e3779b97f4a7c15 >> 64)) * 0xff51afd7ed558ccd;
		h ^= h >> 29;
	}
	return h;
}

static uint64_t work(long scale)
{
	uint64_t seed = 77, sum = 0;
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)random64(&seed);
	for (long i = 0; i < scale * 110; i++) {
		data[i % sizeof data]++;
		sum = sum * 3 + crc32(data, sizeof data) + fnv(data, sizeof data) + adler(data, sizeof data) + words(data, sizeof data);
	}
	return sum;
}
