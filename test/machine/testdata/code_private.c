// Code in a private mapping of a file, which is written by system calls.
// skip-qemu: it sees only stores to the page that it has translated
// skip-host-pages: a part of a host page has a copy of its file, made at once
#include "code.h"

// private_mapping runs code of a file that is written by system calls. Nothing of it is
// writable in memory, so only the flush tells.
static void private_mapping(enum flush how) {
	int fd = syscall(SYS_memfd_create, "code", 0);
	CHECK(ftruncate(fd, 2 * PAGE) == 0, "ftruncate");
	unsigned char *x = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), buf[64];
	for (int i = 0; i < 300; i++) {
		int n = constant(buf, i, 2) - buf, at = i % 2 ? PAGE - 10 : 32; // across the boundary, and not
		CHECK(pwrite(fd, buf, n, at) == n, "pwrite");
		flush(how, x + at, x + at + n);
		CHECK(call_hot(x + at, 1) == i + 3, "flush %d, %d", how, i);
	}
	munmap(x, 2 * PAGE);
	close(fd);
}

int main(void) {
	for (enum flush f = FLUSH_LOCAL; f < FLUSHES; f++)
		private_mapping(f);
	return finish();
}
