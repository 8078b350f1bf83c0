// Functions with the names of the C library's that are something else: the program's own, and
// the library's after their code has been changed.
#include "library.h"

size_t strnlen(const char *s, size_t n) { return s[0] + 1000 + n; }

char *stpcpy(char *to, const char *from) {
	to[0] = from[0] + 1;
	return to + 100;
}

void *mempcpy(void *to, const void *from, size_t n) {
	const unsigned char *p = from;
	unsigned char *q = to;
	for (size_t i = 0; i < n; i++)
		q[i] = p[n - 1 - i];
	return to;
}

static void own(void) {
	char to[64];
	for (int i = 0; i < 1000; i++) {
		CHECK(lib.strnlen("a", i) == 'a' + 1000UL + i, "strnlen");
		CHECK(lib.stpcpy(to, "a") == to + 100 && to[0] == 'b', "stpcpy");
		CHECK(lib.mempcpy(to, "abc", 3) == to && to[0] == 'c', "mempcpy");
	}
}

// protect_code changes the permissions of the two pages from code's on.
static void protect_code(void *code, int prot) { protect((void *)((uintptr_t)code & -PAGE), 2, prot); }

// patched has strlen return 3, and sees to it that everybody notices.
static void patched(void) {
	unsigned char *code = (unsigned char *)lib.strlen, old[8];
	uint32_t new[] = {addi(10, zero, 3), RET};
	for (int round = 0; round < 5; round++) {
		char to[64];
		for (int i = 0; i < 100; i++) {
			CHECK(lib.strlen("longer string") == 13, "strlen");
			lib.strcpy(to, "longer string");
			CHECK(to[12] == 'g' && to[13] == 0, "strcpy");
		}
		protect_code(code, PROT_READ | PROT_WRITE | PROT_EXEC);
		CHECK(lib.strlen("longer string") == 13, "strlen that may be written to");
		for (int i = 0; i < 8; i++)
			old[i] = code[i];
		for (int i = 0; i < 8; i++)
			code[i] = ((unsigned char *)new)[i];
		fence_i();
		CHECK(lib.strlen("longer string") == 3, "strlen with new code");
		protect_code(code, PROT_READ | PROT_EXEC);
		for (int i = 0; i < 100; i++) {
			CHECK(lib.strlen("longer string") == 3, "strlen with new code");
			for (int k = 0; k < 20; k++)
				to[k] = 'x';
			lib.strcpy(to, "longer string"); // which calls strlen
			CHECK(to[3] == 'g' && to[4] == 'x', "strcpy with a new strlen: %.20s", to);
		}
		protect_code(code, PROT_READ | PROT_WRITE | PROT_EXEC);
		for (int i = 0; i < 8; i++)
			code[i] = old[i];
		fence_i();
		protect_code(code, PROT_READ | PROT_EXEC);
	}
}

int main(void) {
	own();
	patched();
	return finish();
}
