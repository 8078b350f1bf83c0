// Limits of the address space, memory that grows on use, hints: mmap, brk, setrlimit.
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define MB (1L << 20)
#define BASE ((char *)0x1000000000)

static sigjmp_buf back;
static char other[64 << 10];

static void fault(int sig, siginfo_t *info, void *context) { siglongjmp(back, 1000 * sig + info->si_code); }

// touch stores to p and returns 0, or the signal and its code.
static int touch(volatile char *p)
{
	int how = sigsetjmp(back, 1);
	if (how == 0)
		*p = 1;
	return how;
}

static const char *result(void *p) { return p == MAP_FAILED ? strerrorname_np(errno) : "done"; }

static void *map(void *at, long n, int prot, int flags)
{
	return mmap(at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void limit(int resource, long n)
{
	struct rlimit l;
	getrlimit(resource, &l);
	l.rlim_cur = n;
	printf("setrlimit: %d\n", setrlimit(resource, &l));
}

// mapped is the number of bytes that are mapped, as /proc/self/statm has it.
static long mapped(void)
{
	char buf[100];
	int fd = open("/proc/self/statm", O_RDONLY), n = read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return atol(buf) * PAGE;
}

// grows has a mapping that grows, above another one, and under RLIMIT_STACK.
static void grows(void)
{
	char *top = BASE + 64 * MB;
	char *m = map(top - 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_GROWSDOWN);
	printf("below: %d\n", touch(top - 5 * PAGE));
	printf("far below: %d\n", touch(top - 4 * MB));
	printf("limit: %d\n", touch(top - 8 * MB));
	printf("beyond: %d\n", touch(top - 8 * MB - 1));
	limit(RLIMIT_STACK, 16 * MB);
	printf("higher limit: %d\n", touch(top - 12 * MB));
	map(top - 15 * MB, PAGE, PROT_READ, MAP_FIXED);
	printf("in the gap: %d\n", touch(top - 14 * MB));
	printf("beside the gap: %d\n", touch(top - 14 * MB + PAGE));
	mprotect(top - 15 * MB, PAGE, PROT_NONE);
	printf("beside what cannot be accessed: %d\n", touch(top - 14 * MB));
	printf("mprotect with PROT_GROWSDOWN: %d\n", mprotect(top - PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
	printf("down from there: %d\n", touch(top - 10 * MB));
	printf("of a file: %s\n", result(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, open("/proc/self/exe", O_RDONLY), 0)));
	printf("shared: %s\n", result(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0)));
}

static long deep(int n)
{
	volatile char frame[8 << 10];
	frame[0] = n;
	return n == 0 ? 0 : deep(n - 1) + frame[0] - (char)n;
}

static void overflow(void *p)
{
	volatile char frame[8 << 10];
	frame[0] = 1;
	overflow((void *)frame);
	frame[1] = 1;
}

// stack uses the main stack: recursively, by a system call, and beyond its limit.
static void stack(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char big[3 * MB];
	printf("read: %ld\n", (long)read(zero, big, sizeof big));
	printf("recursion: %ld\n", deep(300));
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	sigaltstack(&s, NULL);
	if (sigsetjmp(back, 1) == 0)
		overflow(NULL);
	printf("overflow is caught\n");
	limit(RLIMIT_STACK, 32 * MB);
	printf("deeper: %ld\n", deep(2000));
}

static void sizes(void)
{
	char *m = map(NULL, 8 * MB, PROT_READ | PROT_WRITE, 0), *r = map(NULL, 8 * MB, PROT_READ, 0);
	long now = mapped();
	limit(RLIMIT_AS, now + 4 * MB);
	printf("within: %s\n", result(map(NULL, 2 * MB, PROT_NONE, 0)));
	printf("beyond: %s\n", result(map(NULL, 3 * MB, PROT_NONE, MAP_NORESERVE)));
	printf("in place of others: %s\n", result(map(m, 8 * MB, PROT_READ | PROT_WRITE, MAP_FIXED)));
	printf("mremap: %s\n", result(mremap(m, 8 * MB, 12 * MB, MREMAP_MAYMOVE)));
	void *end = sbrk(0);
	printf("brk: %d\n", brk((char *)end + 3 * MB));
	limit(RLIMIT_AS, RLIM_INFINITY);

	limit(RLIMIT_DATA, 12 * MB); // 8 of them are in use, and some hundred KiB
	printf("data within: %s\n", result(map(NULL, 2 * MB, PROT_READ | PROT_WRITE, 0)));
	printf("data beyond: %s\n", result(map(NULL, 3 * MB, PROT_READ | PROT_WRITE, 0)));
	printf("not data: %s\n", result(map(NULL, 64 * MB, PROT_READ, 0)));
	printf("shared: %s\n", result(mmap(NULL, 64 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)));
	printf("mprotect: %d\n", mprotect(r, 8 * MB, PROT_READ | PROT_WRITE));
	printf("brk: %d\n", brk((char *)end + 3 * MB));
	printf("brk within: %d\n", brk((char *)end + MB));
	limit(RLIMIT_DATA, RLIM_INFINITY);
	printf("brk without a limit: %d\n", brk((char *)end + 3 * MB));
}

static void hints(void)
{
	char *free = BASE + 512 * MB;
	printf("free: %d\n", map(free, PAGE, PROT_READ, 0) == free);
	printf("in use: %d\n", map(free, PAGE, PROT_READ, 0) == free);
	printf("overlapping: %d\n", map(free - PAGE, 2 * PAGE, PROT_READ, 0) == free - PAGE);
	printf("odd: %d\n", map(free + 8 * PAGE + 123, PAGE, PROT_READ, 0) == free + 8 * PAGE);
	printf("beyond all: %s\n", result(map((void *)(1UL << 62), PAGE, PROT_READ, 0)));
	printf("fixed below the least address: %s\n", geteuid() ? result(map((void *)PAGE, PAGE, PROT_READ, MAP_FIXED)) : "EPERM");
	printf("not replacing: %s\n", result(map(free, PAGE, PROT_READ, MAP_FIXED_NOREPLACE)));
	printf("not replacing what is overlapped: %s\n", result(map(free - PAGE, 2 * PAGE, PROT_READ, MAP_FIXED_NOREPLACE)));
	printf("nothing to replace: %s\n", result(map(free + PAGE, PAGE, PROT_READ, MAP_FIXED_NOREPLACE)));
	printf("fixed and odd: %s\n", result(map(free + 1, PAGE, PROT_READ, MAP_FIXED_NOREPLACE)));
	printf("reservation: %s\n", result(map(NULL, 1L << 36, PROT_NONE, MAP_NORESERVE)));
}

// inChild runs a part in a process of its own, whose limits are its own, too.
static void inChild(void (*part)(void))
{
	int status;
	fflush(stdout);
	if (fork() == 0) {
		part();
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	printf("status %x\n", status);
}

int main()
{
	struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	limit(RLIMIT_STACK, 8 * MB);
	inChild(grows);
	inChild(stack);
	inChild(sizes);
	inChild(hints);
	return 0;
}
