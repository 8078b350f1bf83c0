// Random system calls about files, from several threads and processes, for as many seconds as the argument says.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1 << 16 };
static char *memory; // SIZE bytes, with nothing around them that the calls could destroy
static time_t end;

static const char *paths[] = {
	"a", "b", "d", "d/a", "d/b", "d/d", "..", ".", "/", "", "d/..", "l", "l/a", "/tmp", "/tmp/a", "/tmp/d", "/tmp/d/a", "/proc/self/fd/3",
	"/proc/self/exe", "/proc/self/cwd/a", "/proc/self/root/tmp/a", "/dev/null", "/dev/fd/4", "/dev/stdin", "/deep", "/deep/er", "/deep/x",
	"/proc/self/task", "/proc/1/status", "/dev/shm/a", "sock", "fifo", "/proc/self/fdinfo/1", "/proc/self/comm", "a/", "/dev/random",
};

static uint64_t rnd(uint64_t *s) {
	*s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
	return *s;
}

// Not those that end or stop the process, wait without end, or are not about files.
static const short calls[] = {
	17, 19, 20, 21, 22, 23, 24, 25, 25, 29, 32, 33, 34, 34, 35, 36, 36, 37, 38, 43, 44, 45, 46, 47, 48, 49, 50, 52, 53, 54, 55, 56, 56, 56, 56, 56,
	57, 59, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 76, 78, 79, 80, 81, 82, 83, 85, 86, 87, 88, 166, 198, 198, 199, 199, 200,
	201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 222, 223, 242, 243, 269, 276, 276, 279, 285, 286, 287, 291, 436, 437, 439, 441, 452,
};

static uint64_t argument(uint64_t *s) {
	switch (rnd(s) % 12) {
	case 0: case 1: case 2: return rnd(s) % 24;              // a descriptor, a small number
	case 3: case 4: case 5: return (uint64_t)paths[rnd(s) % (sizeof paths / sizeof *paths)];
	case 6: return (uint64_t)memory + rnd(s) % SIZE;
	case 7: return (uint64_t)memory + (rnd(s) % 16) * 4096 - rnd(s) % 64;
	case 8: return -100;
	case 9: return 1UL << (rnd(s) % 2 ? rnd(s) % 12 : 32 + rnd(s) % 32); // not an address of the program's data
	case 10: return rnd(s) % 8192;
	}
	return rnd(s) % 3 ? 0 : rnd(s);
}

static void *run(void *seed) {
	uint64_t s = (uint64_t)seed * 0x9e3779b97f4a7c15 + 1;
	while (time(0) < end) {
		for (int i = 0; i < 8; i++) memory[rnd(&s) % SIZE] = rnd(&s) % 3 ? rnd(&s) % 24 : rnd(&s);
		long nr = calls[rnd(&s) % (sizeof calls / sizeof *calls)];
		if (nr == 222) { // mmap, but not over the program
			mmap(0, rnd(&s) % 65536, rnd(&s) % 8, 1 + rnd(&s) % 3, rnd(&s) % 24, rnd(&s) % 4 * 4096);
			continue;
		}
		syscall(nr, argument(&s), argument(&s), argument(&s), argument(&s), argument(&s), argument(&s));
		if (rnd(&s) % 4096 == 0 && fork() == 0) _exit(0);
		while (waitpid(-1, 0, WNOHANG) > 0) ;
	}
	return 0;
}

static void nothing(int sig) {}

int main(int argc, char **argv) {
	end = time(0) + atoi(argv[1]);
	memory = mmap(0, SIZE + (64 << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) + (32L << 20);
	mprotect(memory, SIZE, PROT_READ | PROT_WRITE);
	struct sigaction a = {.sa_handler = nothing}; // what waits gives up
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGSEGV && sig != SIGBUS) sigaction(sig, &a, 0);
	symlink("d", "l"), mkdir("d", 0700), mknod("fifo", S_IFIFO | 0600, 0);
	uint64_t seed = strtoul(argv[2], 0, 0);
	for (int p = 0; p < 2; p++) {
		if (fork()) continue;
		pthread_t t[3];
		for (long i = 0; i < 3; i++) pthread_create(&t[i], 0, run, (void *)(seed * 100 + p * 10 + i + 1));
		while (time(0) < end) {
			usleep(5000);
			for (int i = 0; i < 3; i++) pthread_kill(t[i], SIGUSR1);
		}
		_exit(0);
	}
	while (wait(0) > 0) ;
	return 0;
}
