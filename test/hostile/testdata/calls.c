// Makes random system calls: calls SEED COUNT [NR]. Numbers and arguments follow
// from the seed alone; NR restricts them to one call. It ends by itself, by a signal,
// or by the watchdog thread when a call does not come back.
//
// Calls are left out that reach beyond the process and its working directory: the
// machine's (clock, mounts, reboot ...), other processes', and those that can use
// up memory without limit. No path leads out of the working directory but to /proc.
// It must not run as root all the same, nor with open descriptors of anything that
// matters: a random call may change the mode, the owner or the contents of a file.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIMIT (1UL << 38) // end of the address space
#define PAGE 4096UL

static uint64_t state;

static uint64_t rnd(void) {
	uint64_t z = (state += 0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n) { return rnd() % n; }

static char *buffer, *readonly, *hole, *noaccess;
static const char *const paths[] = {
	"", ".", "f", "d", "d/x", "f/x", "link", "loop", "new", "/proc/self/maps", "/proc/self/exe",
	"/proc/self/fd", "/proc/self/mem", "/nowhere/x", "d//../f", "/proc/self/task/1/stat", "/proc/self/cmdline",
};
#define PATHS (sizeof paths / sizeof *paths)

static const int excluded[] = {
	29 /* ioctl: see argument() */, 30, 39, 40, 41, 42, 51, 58, 60, 89, 93, 94, 104, 105, 106, 112, 116, 117,
	118, 119, 122, 129, 130, 131, 138, 139, 140, 142, 143, 144, 145, 146, 147, 149, 151, 152, 154, 159, 161, 162, 164,
	170, 171, 217, 218, 219, 220, 224, 225, 230, 238, 239, 240, 241, 262, 263, 266, 268, 273, 274, 277, 280, 294, 424,
	428, 429, 430, 431, 432, 433, 435, 438, 440, 442, 448,
};

static int allowed(uint64_t nr) {
	for (unsigned i = 0; i < sizeof excluded / sizeof *excluded; i++)
		if (nr == 29)
			return 1;
		else if (nr == (uint64_t)excluded[i])
			return 0;
	return 1;
}

static uint64_t address(void) {
	switch (below(12)) {
	case 0: return 0;
	case 1: return (uint64_t)readonly + below(PAGE);
	case 2: return (uint64_t)hole + below(PAGE);
	case 3: return (uint64_t)noaccess + below(PAGE);
	case 4: return LIMIT - 8 + below(16);
	case 5: return LIMIT - PAGE * below(3);
	case 6: return 0xffffffff80000000 + below(PAGE);
	case 7: return (uint64_t)hole - below(64); // the end of the buffer
	case 8: return below(65536);
	default: return (uint64_t)buffer + below(4 * PAGE) / 8 * 8 + (below(4) ? 0 : below(8));
	}
}

static uint64_t number(void) {
	switch (below(14)) {
	case 0: return 0;
	case 1: return -1;
	case 2: return INT32_MIN;
	case 3: return INT64_MIN;
	case 4: return INT64_MAX;
	case 5: return 1UL << below(64);
	case 6: return UINT32_MAX - below(3);
	case 7: return rnd();
	case 8: return below(4) * PAGE;
	case 9: return (1UL << below(40)) - below(9);
	case 10: return INT32_MAX - below(PAGE);
	default: return below(64);
	}
}

static uint64_t argument(void) {
	switch (below(5)) {
	case 0: return number();
	case 1: return below(24);              // mostly descriptors
	case 2: return (uint64_t)paths[below(PATHS)];
	default: return address();
	}
}

// fill makes the buffer random small and large numbers and pointers, so that what
// it holds makes sense as vectors and structures now and then.
static void fill(void) {
	uint64_t *p = (uint64_t *)buffer;
	uint64_t style = below(4);
	for (unsigned i = 0; i < 4 * PAGE / 8; i++)
		p[i] = style == 0 ? 0 : style == 1 ? below(16) : i % 2 ? number() : address();
}

static const uint64_t ioctls[] = {
	0x5401, 0x5402, 0x540b, 0x540f, 0x5410, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451, 0x5452, 0x8901, 0x8902, 0x8903,
	0x8904, 0x8905, 0x8906, 0x8910, 0x8912, 0x8913, 0x8927, 0x8933, 0x801c581f, 0x80087601, 0x4b33, 0x80045430, 0x5440,
};

// restrain changes arguments with which a call would do harm.
static void restrain(uint64_t nr, uint64_t *a) {
	uint64_t big = 16 << 20;
	switch (nr) {
	case 29: a[1] = ioctls[below(sizeof ioctls / sizeof *ioctls)]; break;
	case 24: if (a[1] > 64) a[1] = 64 + below(64); break;
	case SYS_fcntl: if ((int)a[1] == F_SETOWN || (int)a[1] == 15) a[1] = F_GETFL; break;
	case SYS_mmap: if (a[1] > big) a[3] &= ~(uint64_t)(MAP_POPULATE | MAP_LOCKED); break;
	case SYS_madvise: if (a[2] == 22 || a[2] == 23) a[2] = 4; break;
	case SYS_mlock: case SYS_mlock2: if (a[1] > big) a[1] = big; break;
	case SYS_prctl: if ((int)a[0] == 22) a[0] = 21; break;
	case SYS_prlimit64: a[0] = 0; if ((int)a[1] == 0) a[1] = 7; break; // RLIMIT_CPU would end it
	case SYS_process_vm_readv: case SYS_process_vm_writev: a[0] = getpid(); break;
	}
}

static volatile uint64_t progress;

static void *watchdog(void *unused) {
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, 0);
	for (uint64_t last = -1; last != progress;) {
		last = progress;
		struct timespec nap = {0, 300 * 1000 * 1000};
		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, &nap) != 0)
			;
	}
	syscall(SYS_exit_group, 3);
	return unused;
}

static void nothing(int sig) { (void)sig; }

static void prepare(void) {
	char *p = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	buffer = p, hole = p + 4 * PAGE, readonly = p + 6 * PAGE, noaccess = p + 8 * PAGE;
	munmap(hole, PAGE);
	mprotect(readonly, PAGE, PROT_READ);
	mprotect(noaccess, PAGE, PROT_NONE);
	int fds[2];
	if (mkdirat(AT_FDCWD, "d", 0700) || symlinkat("f", AT_FDCWD, "link") || symlinkat("loop", AT_FDCWD, "loop"))
		exit(4);
	if (open("f", O_RDWR | O_CREAT, 0600) < 0 || write(3, "content\n", 8) != 8 || open("d", O_DIRECTORY) < 0)
		exit(4);
	if (pipe(fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || socket(AF_INET, SOCK_DGRAM, 0) < 0)
		exit(4);
	if (eventfd(1, 0) < 0 || epoll_create(1) < 0 || memfd_create("m", 0) < 0)
		exit(4);
}

int main(int argc, char **argv) {
	if (argc < 3 || geteuid() == 0)
		return 2;
	close_range(0, 1, 0); // but standard error, which is to show what hospes says
	close_range(3, ~0U, 0);
	if (open("in", O_RDONLY | O_CREAT, 0600) != 0 || open("out", O_WRONLY | O_CREAT, 0600) != 1)
		return 4;
	state = strtoull(argv[1], 0, 0);
	long count = atol(argv[2]);
	prepare();
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	struct sigaction alarmed = {.sa_handler = nothing};
	pthread_t thread;
	if (pthread_create(&thread, 0, watchdog, 0))
		return 4;
	for (long i = 0; i < count; i++) {
		uint64_t nr = argc > 3 ? strtoull(argv[3], 0, 0) : below(40) ? below(481) : number();
		uint64_t a[6];
		for (int k = 0; k < 6; k++)
			a[k] = argument();
		if (!allowed(nr))
			continue;
		restrain(nr, a);
		fill();
		sigaction(SIGALRM, &alarmed, 0);
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, 0);
		struct itimerval soon = {{0, 5000}, {0, 2000}};
		setitimer(ITIMER_REAL, &soon, 0);
		progress++;
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	return 0;
}
