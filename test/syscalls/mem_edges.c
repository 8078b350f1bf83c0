// Memory calls with edge arguments: mremap, madvise, mlock, mincore, msync, remap_file_pages.
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define MAX (1UL << 63)

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)
#define OK(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s: %s\n", #call, r_ == -1 ? strerrorname_np(errno) : "done"); \
	} while (0)

static char *anon(long pages, int shared)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
}

// hole maps pages with one missing in the middle.
static char *hole(void)
{
	char *m = anon(5, 0);
	munmap(m + 2 * PAGE, PAGE);
	return m;
}

static void advice(void)
{
	char *m = anon(4, 0), *h = hole(), *s = anon(4, 1);
	int fd = open("file", O_CREAT | O_RDWR, 0644);
	ftruncate(fd, 4 * PAGE);
	char *f = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *fs = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *r = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int a = 0; a < 30; a++) {
		if (a == 6 || a == 7 || a == MADV_HUGEPAGE || a == 25 || a == MADV_MERGEABLE || a == MADV_UNMERGEABLE)
			continue;
		int e[6];
		char *p[] = {m, h, s, f, fs, r};
		for (int i = 0; i < 6; i++)
			errno = 0, madvise(p[i], 4 * PAGE, a), e[i] = errno;
		printf("advice %d: %d %d %d %d %d %d\n", a, e[0], e[1], e[2], e[3], e[4], e[5]);
	}
	strcpy(m, "text");
	madvise(m, PAGE, MADV_DONTNEED);
	printf("%d\n", *m);
	strcpy(fs, "shared");
	madvise(fs, PAGE, MADV_REMOVE);
	printf("%d\n", *fs);
	TRY(madvise(m + 1, PAGE, MADV_NORMAL));
	TRY(madvise(m, 0, MADV_NORMAL));
	TRY(madvise(m, 1, MADV_DONTNEED));
	TRY(madvise(m, -PAGE, MADV_NORMAL));
	TRY(madvise(m, MAX, MADV_NORMAL));
	TRY(madvise(NULL, PAGE, MADV_NORMAL));
	TRY(madvise((void *)PAGE, 0, 12345));
	TRY(madvise(m, PAGE, -1));
	// Pages that a child does not get.
	strcpy(m, "for children"), strcpy(m + PAGE, "not for children"), strcpy(m + 2 * PAGE, "cleared in children");
	TRY(madvise(m + 2 * PAGE, PAGE, MADV_WIPEONFORK));
	TRY(madvise(s, PAGE, MADV_WIPEONFORK));
	TRY(madvise(fs, PAGE, MADV_WIPEONFORK));
	fflush(stdout);
	if (!fork()) {
		printf("%s|%s\n", m, m + 2 * PAGE);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	TRY(madvise(m + 2 * PAGE, PAGE, MADV_KEEPONFORK));
	char *lazy = anon(1, 0);
	*lazy = 1;
	TRY(mlock(lazy, PAGE));
	TRY(madvise(lazy, PAGE, MADV_DONTNEED));
	TRY(madvise(lazy, PAGE, MADV_FREE));
	TRY(madvise(lazy, PAGE, MADV_REMOVE));
	TRY(madvise(lazy, PAGE, 24)); // MADV_DONTNEED_LOCKED
	printf("%d\n", *lazy);
	char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY(madvise(none, PAGE, MADV_POPULATE_READ));
	TRY(madvise(none, PAGE, MADV_POPULATE_WRITE));
	TRY(madvise(r, PAGE, MADV_POPULATE_READ));
	TRY(madvise(r, PAGE, MADV_POPULATE_WRITE));
	TRY(madvise(hole(), 5 * PAGE, MADV_POPULATE_READ));
	char *beyond = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 4 * PAGE);
	TRY(madvise(beyond, PAGE, MADV_POPULATE_READ));
}

static void locks(void)
{
	char *m = anon(4, 0), *h = hole();
	TRY(mlock(m + 1, 1));
	TRY(mlock(m, 0));
	TRY(mlock(h, 5 * PAGE));
	TRY(munlock(h, 5 * PAGE));
	TRY(munlock(m, 4 * PAGE));
	TRY(mlock(m, -1));
	TRY(mlock(m, -PAGE));
	TRY(munlock((void *)-PAGE, 2 * PAGE));
	TRY(mlock2(m, PAGE, MLOCK_ONFAULT));
	TRY(mlock2(m, PAGE, 2));
	TRY(syscall(SYS_mlock2, h, 5 * PAGE, 0));
	char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY(mlock(none, PAGE));
	TRY(munlock(none, PAGE));
	TRY(mlockall(0));
	TRY(mlockall(8));
	TRY(mlockall(MCL_ONFAULT));
	unsigned char vec[8] = {0};
	TRY(mlockall(MCL_FUTURE));
	char *later = anon(4, 0);
	TRY(mincore(later, 4 * PAGE, vec));
	printf("%d %d\n", vec[0] & 1, vec[3] & 1);
	TRY(munlockall());
	later = anon(4, 0);
	TRY(mincore(later, 4 * PAGE, vec));
	printf("%d %d\n", vec[0] & 1, vec[3] & 1);
	fflush(stdout);
	if (!fork()) {
		struct rlimit l = {64 * 1024, 64 * 1024};
		setresuid(65534, 65534, 65534);
		setrlimit(RLIMIT_MEMLOCK, &l);
		char *big = anon(64, 0);
		TRY(mlock(big, 64 * PAGE));
		TRY(mlock(big, 8 * PAGE));
		OK(mmap(NULL, 64 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
		TRY(mlock(big, 17 * PAGE));
		l.rlim_cur = l.rlim_max = 0;
		setrlimit(RLIMIT_MEMLOCK, &l);
		TRY(mlock(big, PAGE));
		TRY(mlockall(MCL_CURRENT));
		TRY(mlockall(MCL_FUTURE));
		TRY(munlock(big, PAGE));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void cores(void)
{
	unsigned char vec[8] = {9, 9, 9, 9, 9, 9, 9, 9};
	char *m = anon(4, 0), *h = hole();
	m[PAGE] = 1;
	TRY(mincore(m, 4 * PAGE, vec));
	printf("%d %d %d %d %d\n", vec[0], vec[1], vec[2], vec[3], vec[4]);
	TRY(mincore(m + 1, PAGE, vec));
	TRY(mincore(m, 0, vec));
	TRY(mincore(m, 1, vec));
	TRY(mincore(h, 5 * PAGE, vec));
	TRY(mincore(m, -1ul, vec));
	TRY(mincore(m, PAGE, NULL));
	TRY(mincore(m, PAGE, (void *)8));
	TRY(mincore(m, MAX, vec));
	TRY(mincore(m, -PAGE, vec));
	TRY(mincore((void *)(MAX | PAGE), PAGE, vec));
	TRY(msync(m, 4 * PAGE, MS_SYNC));
	TRY(msync(m, 4 * PAGE, MS_SYNC | MS_ASYNC));
	TRY(msync(m, 4 * PAGE, 0));
	TRY(msync(m, 4 * PAGE, 8));
	TRY(msync(m + 1, PAGE, MS_SYNC));
	TRY(msync(h, 5 * PAGE, MS_ASYNC));
	TRY(msync(h, 5 * PAGE, MS_SYNC));
	TRY(msync(m, 0, MS_SYNC));
	TRY(msync(m, -PAGE, MS_SYNC));
	TRY(mlock(m, PAGE));
	TRY(msync(m, PAGE, MS_INVALIDATE));
	TRY(msync(m, PAGE, MS_INVALIDATE | MS_SYNC));
}

static void moves(void)
{
	char *m = anon(8, 0), *h = hole(), *s = anon(4, 1);
	munmap(m + 4 * PAGE, 4 * PAGE);
	TRY(mremap(m, 4 * PAGE, 6 * PAGE, 0) == m);
	strcpy(m, "start"), strcpy(m + 5 * PAGE, "end");
	TRY(mremap(m, 6 * PAGE, 2 * PAGE, 0) == m);
	OK(mremap(m + 1, PAGE, PAGE, 0));
	OK(mremap(m, PAGE, 0, 0));
	OK(mremap(m, PAGE, PAGE, 64));
	OK(mremap(m, 0, PAGE, MREMAP_MAYMOVE));
	OK(mremap(m, PAGE, PAGE, MREMAP_FIXED, m + 10 * PAGE));
	OK(mremap(m, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + PAGE));
	OK(mremap(m, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + 10 * PAGE + 1));
	OK(mremap(h, 5 * PAGE, 6 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(h, 5 * PAGE, 5 * PAGE, 0));
	OK(mremap(h + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(h, 2 * PAGE, 1L << 62, MREMAP_MAYMOVE));
	OK(mremap(m, -PAGE, PAGE, MREMAP_MAYMOVE));
	char *copy = mremap(s, 0, 4 * PAGE, MREMAP_MAYMOVE);
	strcpy(s, "seen in both");
	puts(copy);
	char *kept = anon(2, 0);
	strcpy(kept, "moved away");
	char *to = mremap(kept, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4, NULL); // MREMAP_DONTUNMAP
	printf("%s|%s|\n", to, kept);
	OK(mremap(kept, 2 * PAGE, PAGE, MREMAP_MAYMOVE | 4, NULL));
	OK(mremap(kept, 2 * PAGE, 2 * PAGE, 4, NULL));
	strcpy(s, "shared");
	to = mremap(s, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | 4, NULL);
	printf("%s|%s\n", to, s);
	char *prot = anon(4, 0);
	mprotect(prot + PAGE, PAGE, PROT_READ);
	OK(mremap(prot, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(prot, 4 * PAGE, 3 * PAGE, MREMAP_MAYMOVE));
	int fd = open("file", O_RDWR);
	ftruncate(fd, 8 * PAGE);
	pwrite(fd, "third", 5, 2 * PAGE);
	char *f = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	munmap(f + PAGE, 7 * PAGE);
	char *g = mremap(f, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	printf("%s\n", g + 2 * PAGE);
}

static void file_pages(void)
{
	int fd = open("pages", O_CREAT | O_RDWR, 0644);
	for (int i = 0; i < 4; i++) {
		char c[2] = {'0' + i, 0};
		pwrite(fd, c, 2, i * PAGE);
	}
	char *f = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (int i = 0; i < 4; i++)
		TRY(remap_file_pages(f + i * PAGE, PAGE, 0, 3 - i, 0));
	printf("%s%s%s%s\n", f, f + PAGE, f + 2 * PAGE, f + 3 * PAGE);
	strcpy(f, "x");
	char buf[2] = "";
	pread(fd, buf, 2, 3 * PAGE);
	puts(buf);
	TRY(remap_file_pages(f, PAGE, PROT_READ, 0, 0));
	TRY(remap_file_pages(f, 0, 0, 0, 0));
	TRY(remap_file_pages(anon(1, 0), PAGE, 0, 0, 0));
	TRY(remap_file_pages(NULL, PAGE, 0, 0, 0));
	TRY(remap_file_pages(f, 8 * PAGE, 0, 0, 0));
	TRY(remap_file_pages(f, PAGE, 0, -1UL, 0));
}

static void maps(void)
{
	char *m = anon(4, 0);
	OK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, -1UL, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 0, 1));
	OK(mmap(m + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	OK(mmap(m, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	int fd = open("file", O_RDONLY), w = open("file", O_WRONLY), d = open(".", O_RDONLY);
	OK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0));
	OK(mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, fd, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, w, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, d, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x4000000, fd, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_SYNC, fd, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, 1L << 21, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 63 << 26, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0x7ffffffffffff000));
	OK(munmap(m + 1, PAGE));
	OK(munmap(m, 0));
	OK(munmap(m, -1UL));
	OK(munmap((void *)PAGE, PAGE));
	OK(mprotect(m + 1, PAGE, PROT_READ));
	OK(mprotect(m, 0, PROT_READ));
	OK(mprotect(m, PAGE, 0x100));
	OK(mprotect(hole(), 5 * PAGE, PROT_READ));
	char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	OK(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
	OK(mprotect(m, PAGE, PROT_READ | PROT_GROWSDOWN));
	OK(mprotect(m, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
	OK(brk(NULL));
	char *now = sbrk(0);
	TRY(syscall(SYS_brk, now - (1L << 36)) == (long)now);
	TRY(syscall(SYS_brk, now + (1L << 50)) == (long)now);
	TRY(syscall(SYS_brk, now + 100) == (long)now + 100);
	TRY(syscall(SYS_brk, now) == (long)now);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	advice();
	locks();
	cores();
	moves();
	file_pages();
	maps();
	return 0;
}
