// Memory: mappings, their protection, moving, the heap, advice, and what is refused.
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096L

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static sigjmp_buf back;
static volatile int armed; // a fault is expected
static volatile int signo, code;
static void *volatile where;

static void handler(int sig, siginfo_t *si, void *uc)
{
	if (!armed)
		_exit(99);
	signo = sig, code = si->si_code, where = si->si_addr;
	siglongjmp(back, 1);
}

// touch reads or writes a byte and tells how that ended.
static void touch(const char *what, volatile char *p, int write, char *base)
{
	armed = 1;
	if (sigsetjmp(back, 1) == 0) {
		if (write)
			*p = 1;
		else
			(void)*p;
		printf("%s: %s\n", what, write ? "written" : "read");
	} else
		printf("%s: signal %d code %d at %ld\n", what, signo, code, (long)((char *)where - base));
	armed = 0;
}

static char *map(long pages, int prot, int flags)
{
	return mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static void protection(void)
{
	char *m = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	touch("rw", m, 1, m);
	TRY(mprotect(m + PAGE, PAGE, PROT_READ));
	touch("r write", m + PAGE, 1, m);
	touch("r read", m + PAGE, 0, m);
	TRY(mprotect(m + 2 * PAGE, PAGE, PROT_NONE));
	touch("none read", m + 2 * PAGE + 5, 0, m);
	TRY(munmap(m + 3 * PAGE, PAGE));
	touch("unmapped read", m + 3 * PAGE, 0, m);
	touch("unmapped write", m + 3 * PAGE + 7, 1, m);
	TRY(mprotect(m, 4 * PAGE, PROT_READ | PROT_WRITE));
	touch("before the hole", m + 2 * PAGE, 1, m);
	TRY(mprotect(m + 1, PAGE, PROT_READ));
	TRY(mprotect(m, PAGE, 0x800));
	TRY(mprotect(m, 0, PROT_READ));
	TRY(munmap(m + 1, PAGE));
	TRY(munmap(m, 0));
	TRY(munmap(m, -PAGE));
	TRY(munmap(m, 3 * PAGE));
	TRY(munmap(m, 3 * PAGE));
	touch("null", NULL, 0, NULL);
}

static void files(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buf[16] = "";
	TRY(ftruncate(fd, PAGE + 100));
	char *s = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	strcpy(s, "shared");
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	pread(fd, buf, 7, 0);
	printf("%s %s\n", buf, p);
	strcpy(p, "private");
	printf("%s %s\n", s, p);
	touch("end of file", s + PAGE + 99, 1, s);
	touch("rest of the page", s + PAGE + 100, 1, s);
	touch("beyond", s + 2 * PAGE, 0, s);
	TRY(ftruncate(fd, 0));
	touch("truncated", s, 0, s);
	TRY(ftruncate(fd, 3 * PAGE));
	touch("extended", s + 2 * PAGE, 1, s);
	TRY(msync(s, 3 * PAGE, MS_SYNC));
	TRY(msync(s, PAGE, MS_SYNC | MS_ASYNC));
	TRY(msync(s + 1, PAGE, MS_SYNC));
	TRY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1));
	TRY(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0));
	TRY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
	TRY(mmap(NULL, PAGE, PROT_READ, 0, fd, 0));
	int ro = open("mapped", O_RDONLY);
	TRY(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, ro, 0));
	char *r = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	TRY(mprotect(r, PAGE, PROT_READ | PROT_WRITE));
	int wo = open("mapped", O_WRONLY);
	TRY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
	close(fd);
	s[0] = 'x';
	printf("still mapped %c\n", s[0]);
}

static void places(void)
{
	char *m = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	memset(m, 7, 8 * PAGE);
	char *f = mmap(m + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("fixed %d, zero %d, neighbours %d %d\n", f == m + 2 * PAGE, *f, m[2 * PAGE - 1], m[3 * PAGE]);
	TRY(mmap(m + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	TRY(mmap(m + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	munmap(m + 4 * PAGE, PAGE);
	printf("hint taken %d\n", mmap(m + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == m + 4 * PAGE);
	printf("hint in use %d\n", mmap(m + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == m + 5 * PAGE);
	TRY(mmap(NULL, 1UL << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	TRY(mmap((void *)(1UL << 62), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	char *big = mmap(NULL, 8UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	printf("8 GiB %d\n", big != MAP_FAILED);
	big[7UL << 30] = 5;
	TRY(munmap(big, 8UL << 30));
}

static void moving(void)
{
	char *m = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	strcpy(m, "first");
	strcpy(m + 3 * PAGE, "last");
	char *w = mremap(m, 4 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE);
	printf("grown: %s %s %d\n", w, w + 3 * PAGE, w[999 * PAGE]);
	TRY(mremap(w, 1000 * PAGE, 2 * PAGE, 0) == w);
	touch("cut off", w + 2 * PAGE, 0, w);
	char *to = map(4, PROT_READ, MAP_PRIVATE);
	TRY(mremap(w, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
	printf("moved: %s\n", to + PAGE);
	touch("left", w, 0, w);
	touch("second page of two", to + 2 * PAGE, 1, to);
	touch("neighbour", to + 3 * PAGE, 1, to);
	TRY(mremap(to, PAGE, 2 * PAGE, 0));
	TRY(mremap(w, PAGE, PAGE, 0));
	TRY(mremap(to + 1, PAGE, PAGE, 0));
	TRY(mremap(to, PAGE, 0, 0));
	TRY(mremap(to, PAGE, PAGE, MREMAP_FIXED, to));
	char *s = map(2, PROT_READ | PROT_WRITE, MAP_SHARED);
	strcpy(s, "twice");
	char *d = mremap(s, 0, 2 * PAGE, MREMAP_MAYMOVE);
	strcpy(d, "TWICE");
	printf("%s\n", s);
	char *k = mremap(to + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	printf("kept: %s, old page zero %d\n", k, to[PAGE]);
}

static void heap(void)
{
	char *start = (char *)syscall(SYS_brk, 0);
	char *b = (char *)(((uintptr_t)start + PAGE - 1) & -PAGE);
	printf("grown %d\n", (char *)syscall(SYS_brk, b + 3 * PAGE + 5) == b + 3 * PAGE + 5);
	b[3 * PAGE + 4] = 1;
	b[0] = 9;
	printf("shrunk %d\n", (char *)syscall(SYS_brk, b + PAGE) == b + PAGE);
	touch("below", b, 0, b);
	touch("above", b + PAGE, 0, b);
	TRY((char *)syscall(SYS_brk, b + 2 * PAGE) == b + 2 * PAGE);
	printf("zero %d\n", b[PAGE]);
	printf("too low %d\n", (char *)syscall(SYS_brk, 4096) == b + 2 * PAGE);
	printf("too high %d\n", (char *)syscall(SYS_brk, -4096L) == b + 2 * PAGE);
	syscall(SYS_brk, start);
}

static void advice(void)
{
	char *m = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	unsigned char vec[4] = {9, 9, 9, 9};
	m[0] = 1, m[PAGE] = 2;
	TRY(mincore(m, 4 * PAGE, vec));
	printf("%d %d %d %d\n", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1);
	TRY(madvise(m, PAGE, MADV_DONTNEED));
	printf("%d %d\n", m[0], m[PAGE]);
	TRY(madvise(m, PAGE, 12345));
	TRY(madvise(m + 1, PAGE, MADV_DONTNEED));
	TRY(munmap(m + 2 * PAGE, PAGE));
	TRY(madvise(m, 4 * PAGE, MADV_DONTNEED));
	TRY(mincore(m, 4 * PAGE, vec));
	TRY(mincore(m, PAGE, (void *)8));
	TRY(mlock(m, 2 * PAGE));
	TRY(munlock(m, 2 * PAGE));
	TRY(mlock(m, 4 * PAGE));
	TRY(mlock2(m, PAGE, 8));
	TRY(mlockall(0));
	TRY(munlockall());
	TRY(posix_madvise(m, PAGE, POSIX_MADV_WILLNEED));
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	ftruncate(fd, PAGE);
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	TRY(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	TRY(write(fd, "x", 1));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	protection();
	files();
	places();
	moving();
	heap();
	advice();
	return 0;
}
