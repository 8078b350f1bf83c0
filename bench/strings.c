// The C library's string functions: search, compare, copy, format and parse.
#include "bench.h"
#include <ctype.h>

static char text[1 << 16];

static uint64_t work(long scale)
{
	uint64_t seed = 9, sum = 0;
	for (long round = 0; round < scale * 70; round++) {
		char *p = text;
		while (p < text + sizeof text - 80) {
			uint64_t r = random64(&seed);
			p += sprintf(p, "%u key%x=%s;", (unsigned)(r >> 50), (unsigned)(r & 0xfffff), r & 64 ? "some value" : "v");
		}
		for (char *q = text; (q = strstr(q, "=some")); q++)
			sum += (uint64_t)(q - text);
		char line[128];
		for (char *q = text, *end; (end = strchr(q, ';')); q = end + 1) {
			size_t n = (size_t)(end - q);
			memcpy(line, q, n);
			line[n] = 0;
			sum = sum * 31 + strtoul(line, NULL, 10) + strlen(line) + strcspn(line, "=");
			for (char *c = line; *c; c++)
				*c = (char)toupper((unsigned char)*c);
			sum += (unsigned char)line[n / 2] + (strcmp(line, "5") < 0) + (memcmp(line, q, n) > 0);
		}
	}
	return sum;
}
