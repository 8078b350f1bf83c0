// Threads that wait in system calls while the pages beside what they wait for change: where
// the host's pages are larger than the guest's, that gets another place in the host.
// host-pages: yes
#include "show.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>

enum { PAGE = 4096, AREA = 64 << 10 };

static char *area;
#define WORD ((atomic_int *)area)
static int ends[2], pollfd;
static atomic_int begun;

static long futex(void *word, int op, int val) {
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, val, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
}

// Each of these waits in a system call until main lets it go on, and returns 0 if all is well.

static long wait_word(void) {
	while (!*WORD)
		if (futex(area, FUTEX_WAIT, 0) && errno != EAGAIN)
			return errno;
	return 0;
}

static long wait_bitset(void) {
	while (!*WORD)
		if (futex(area, FUTEX_WAIT_BITSET, 0) && errno != EAGAIN)
			return errno;
	return 0;
}

static void wake(void) {
	*WORD = 1;
	futex(area, FUTEX_WAKE, 1);
}

static long lock(void) {
	if (futex(area, FUTEX_LOCK_PI, 0))
		return errno;
	return futex(area, FUTEX_UNLOCK_PI, 0) ? errno : 0;
}

static void unlock(void) {
	if (futex(area, FUTEX_UNLOCK_PI, 0))
		printf("unlock: %s\n", strerror(errno));
}

static long read_pipe(void) {
	long n = read(ends[0], area + 8, 5);
	return n == 5 ? memcmp(area + 8, "hello", 5) : n < 0 ? errno : -n;
}

static long poll_pipe(void) {
	struct pollfd *p = (struct pollfd *)area;
	*p = (struct pollfd){.fd = ends[0], .events = POLLIN};
	long n = poll(p, 1, -1);
	return n != 1 || p->revents != POLLIN || read_pipe() ? errno + 1000 : 0;
}

static long epoll_pipe(void) {
	struct epoll_event *e = (struct epoll_event *)area;
	long n = epoll_wait(pollfd, e, 1, -1);
	return n != 1 || e->events != EPOLLIN || read_pipe() ? errno + 1000 : 0;
}

static void write_pipe(void) {
	if (write(ends[1], "hello", 5) != 5)
		printf("write: %s\n", strerror(errno));
}

// What happens beside the memory in use.

static void protect(void) { mprotect(area + PAGE, PAGE, PROT_NONE); }
static void unmap(void) { munmap(area + 3 * PAGE, PAGE); }
static void replace(void) {
	mmap(area + PAGE, PAGE, PROT_READ, MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void *thread(void *f) {
	begun = 1;
	return (void *)((long (*)(void))f)();
}

static void rounds(const char *what, long (*waits)(void), void (*ends_wait)(void)) {
	static void (*const changes[])(void) = {protect, unmap, replace};
	long bad = 0, last = 0;
	for (int i = 0; i < 90; i++) {
		area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		begun = 0;
		if (waits == lock)
			*WORD = gettid();
		pthread_t t;
		void *r;
		pthread_create(&t, NULL, thread, waits);
		while (!begun)
			sched_yield();
		usleep(i % 10 * 100); // it sleeps by then, or not
		changes[i % 3]();
		usleep(i % 2 * 100);
		ends_wait();
		pthread_join(t, &r);
		if (r) {
			bad++;
			last = (long)r;
		}
		munmap(area, AREA);
	}
	printf("%s: %ld wrong, %ld\n", what, bad, last);
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(200); // for who is never woken, or late each time
	if (pipe(ends))
		return 1;
	pollfd = epoll_create1(0);
	epoll_ctl(pollfd, EPOLL_CTL_ADD, ends[0], &(struct epoll_event){.events = EPOLLIN});
	rounds("futex", wait_word, wake);
	rounds("futex, bitset", wait_bitset, wake);
	rounds("futex, priority inheritance", lock, unlock);
	rounds("read", read_pipe, write_pipe);
	rounds("poll", poll_pipe, write_pipe);
	rounds("epoll", epoll_pipe, write_pipe);
	return 0;
}
