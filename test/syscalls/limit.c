// Resource limits: those that the host sets and those that hospes keeps.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static void show(const char *name, int resource)
{
	struct rlimit l;
	getrlimit(resource, &l);
	printf("%s %llx %llx\n", name, (unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
}

static void all(void)
{
	for (int i = 0; i < 16; i++) {
		char name[16];
		sprintf(name, "limit %d", i);
		show(name, i);
	}
}

static void set(int resource, unsigned long soft, unsigned long hard)
{
	struct rlimit l = {soft, hard}, old = {1, 1};
	printf("set %d to %lx %lx: ", resource, soft, hard);
	errno = 0;
	int r = syscall(SYS_prlimit64, 0, resource, &l, &old);
	printf("%d %s\n", r, r ? strerrorname_np(errno) : "");
	show("now", resource);
}

static volatile sig_atomic_t xfsz;
static void handler(int sig) { xfsz++; }

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	all();
	struct rlimit l;
	TRY(syscall(SYS_getrlimit, 16, &l));
	TRY(syscall(SYS_getrlimit, -1, &l));
	TRY(syscall(SYS_getrlimit, RLIMIT_AS, NULL));
	TRY(syscall(SYS_setrlimit, RLIMIT_AS, NULL));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, NULL));
	TRY(syscall(SYS_prlimit64, getpid(), RLIMIT_AS, NULL, &l));
	TRY(syscall(SYS_prlimit64, 0x7ffffff0, RLIMIT_AS, NULL, &l));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_AS, (void *)8, NULL));

	set(RLIMIT_NOFILE, 64, 128);
	set(RLIMIT_NOFILE, 128, 64);
	int fd, n = 0, highest = -1;
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		n++, highest = fd;
	printf("open: %s, highest below limit %d\n", strerrorname_np(errno), highest < 64);

	set(RLIMIT_CORE, 0, 0);
	set(RLIMIT_STACK, 1 << 20, RLIM_INFINITY);
	set(RLIMIT_DATA, 64 << 20, RLIM_INFINITY);
	set(RLIMIT_DATA, 2, 1);
	printf("brk %d\n", sbrk(128 << 20) == (void *)-1);
	set(RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY);
	set(RLIMIT_AS, 256 << 20, 512 << 20);
	void *p = mmap(NULL, 300 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mmap: %s\n", p == MAP_FAILED ? strerrorname_np(errno) : "worked");
	p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mmap: %s\n", p == MAP_FAILED ? strerrorname_np(errno) : "worked");
	set(RLIMIT_AS, 400 << 20, 512 << 20);
	p = mmap(NULL, 300 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mmap: %s\n", p == MAP_FAILED ? strerrorname_np(errno) : "worked");

	signal(SIGXFSZ, handler);
	set(RLIMIT_FSIZE, 4096, RLIM_INFINITY);
	highest = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	printf("open: %s\n", highest < 0 ? strerrorname_np(errno) : "worked");
	set(RLIMIT_NOFILE, 128, 128);
	fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char buf[8192];
	TRY(write(fd, buf, sizeof buf));
	TRY(write(fd, buf, 1));
	printf("SIGXFSZ %d\n", xfsz);

	// Without the capability a hard limit cannot be raised.
	if (geteuid() == 0) {
		setresuid(65534, 65534, 65534);
	}
	set(RLIMIT_AS, 256 << 20, 1 << 30);
	set(RLIMIT_AS, 256 << 20, 256 << 20);
	set(RLIMIT_NOFILE, 128, 256);
	all();
	return 0;
}
