// Private mappings of files: what is written to the file shows where nothing has been written in
// memory, and again where that has been given up.
// skip-host-pages: a part of a host page has a copy of its file, made at once
#include "show.h"
#include <sys/mman.h>

enum { PAGE = 4096 };

int main(void) {
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	show(ftruncate(fd, 2 * PAGE));
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	pwrite(fd, "first", 6, 0);
	pwrite(fd, "second", 7, PAGE);
	printf("%s %s\n", p, p + PAGE);
	strcpy(p, "mine");
	pwrite(fd, "third", 6, 0);
	printf("%s %s\n", p, p + PAGE);
	show(madvise(p, PAGE, MADV_DONTNEED));
	printf("%s %s\n", p, p + PAGE);
	return 0;
}
