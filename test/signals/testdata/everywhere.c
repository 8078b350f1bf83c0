// Signals in large numbers, from another process, at a process whose threads are in all
// kinds of places. Each real-time signal carries the next number of its kind: none may
// be lost, doubled, or overtake another one of its kind in a thread that takes them
// one at a time.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KINDS = 4, MAX = 100000 };
static _Atomic unsigned char seen[KINDS][MAX];
static int next_value[KINDS]; // only the thread that has these signals unblocked writes
static atomic_int total, doubled, disorder, wrong, failures, standard, stop;
static int per_kind;

// All real-time signals go to one thread, whose handlers exclude each other.
static void on_rt(int sig, siginfo_t *i, void *c) {
	int k = sig - SIGRTMIN, v = i->si_value.sival_int, e = errno;
	if (k < 0 || k >= KINDS || v < 0 || v >= per_kind || i->si_code != SI_QUEUE || i->si_signo != sig) {
		atomic_fetch_add(&wrong, 1);
		return;
	}
	if (atomic_fetch_add(&seen[k][v], 1)) atomic_fetch_add(&doubled, 1);
	if (next_value[k] != v) atomic_fetch_add(&disorder, 1);
	next_value[k] = v + 1;
	atomic_fetch_add(&total, 1);
	errno = e;
}

static void on_standard(int sig) { atomic_fetch_add(&standard, 1); }

#define CHECK(x)                                                                       \
	do {                                                                           \
		if (!(x)) {                                                            \
			if (atomic_fetch_add(&failures, 1) < 5) fprintf(stderr, "line %d: %s: %s\n", __LINE__, #x, strerror(errno)); \
		}                                                                      \
	} while (0)

static int pipes[2];
static uint32_t word;

// block makes a call of one of the kinds that block.
static void block(int n) {
	struct timespec t = {0, 200000}, rem;
	struct timeval tv = {0, 200};
	struct pollfd p = {pipes[0], POLLIN};
	fd_set set;
	char b;
	sigset_t now, s;
	switch (n % 9) {
	case 0: CHECK(nanosleep(&t, &rem) == 0 || errno == EINTR); break;
	case 1: CHECK(poll(&p, 1, 1) >= 0 || errno == EINTR); break;
	case 2:
		FD_ZERO(&set);
		FD_SET(pipes[0], &set);
		CHECK(select(pipes[0] + 1, &set, NULL, NULL, &tv) >= 0 || errno == EINTR);
		break;
	case 3: CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t) == -1 && (errno == ETIMEDOUT || errno == EINTR)); break;
	case 4: CHECK(write(pipes[1], "x", 1) == 1 && read(pipes[0], &b, 1) == 1 && b == 'x'); break;
	case 5: {
		pthread_sigmask(SIG_BLOCK, NULL, &now);
		sigdelset(&now, SIGWINCH);
		CHECK(ppoll(NULL, 0, &t, &now) == 0 || errno == EINTR);
		break;
	}
	case 6: {
		int fd = epoll_create1(0);
		struct epoll_event ev = {EPOLLIN, {.fd = pipes[0]}}, out;
		CHECK(fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, pipes[0], &ev) == 0);
		CHECK(epoll_wait(fd, &out, 1, 1) >= 0 || errno == EINTR);
		close(fd);
		break;
	}
	case 7:
		sigemptyset(&s);
		sigaddset(&s, SIGWINCH);
		CHECK(sigtimedwait(&s, NULL, &t) == -1 && (errno == EAGAIN || errno == EINTR));
		break;
	case 8: {
		int e = clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		CHECK(e == 0 || e == EINTR);
	}
	}
}

static void memory(int n) {
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, n, 65536);
	CHECK(mprotect(p, 4096, PROT_READ) == 0 && p[5000] == (char)n);
	CHECK(munmap(p, 65536) == 0);
}

// A fault among all the others of its number.
static atomic_int faults, repaired;
static void on_segv(int sig, siginfo_t *i, void *c) {
	if (i->si_code <= 0) {
		atomic_fetch_add(&standard, 1);
		return;
	}
	atomic_fetch_add(&repaired, 1);
	mprotect((void *)((uintptr_t)i->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

static void fault(void) {
	static __thread char *page;
	if (!page) page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page, 4096, PROT_NONE);
	atomic_fetch_add(&faults, 1);
	((volatile char *)page)[100]++;
}

static double compute(double x) {
	double a = 0, b = 0;
	for (int i = 1; i < 300; i++) a += i / (i + x);
	for (int i = 1; i < 300; i++) b += i / (i + x);
	CHECK(a == b);
	return a;
}

extern char **environ;
static char *self;

static pid_t waiting(pid_t p, int *status) {
	pid_t q;
	while ((q = waitpid(p, status, 0)) < 0 && errno == EINTR) ;
	return q;
}

static void process(int n) {
	int status = -1;
	if (n % 3 == 0) {
		pid_t p = fork();
		if (p == 0) _exit(n & 63);
		CHECK(p > 0 && waiting(p, &status) == p && WIFEXITED(status) && WEXITSTATUS(status) == (n & 63));
	} else if (n % 3 == 1) {
		char *argv[] = {self, "exit", NULL};
		pid_t p;
		CHECK(posix_spawn(&p, self, NULL, NULL, argv, environ) == 0 && waiting(p, &status) == p && WEXITSTATUS(status) == 9);
	} else {
		char *argv[] = {"/nonexistent", NULL};
		pid_t p;
		CHECK(posix_spawn(&p, argv[0], NULL, NULL, argv, environ) == ENOENT);
	}
}

static void work(const char *what, int n) {
	if (*what == 'b') block(n);
	else if (*what == 'm') memory(n);
	else if (*what == 'c') compute(n);
	else if (*what == 'f') fault();
	else if (*what == 'p') process(n);
	else { block(n); memory(n); fault(); compute(n); if (n % 16 == 0) process(n / 16); }
}

static void *nothing(void *arg) { return arg; }

static void *other(void *arg) { // no real-time signals here, but all others
	for (int n = 0; !stop; n++) {
		block((int)(intptr_t)arg + n);
		compute(n);
		memory(n);
		fault();
		if (n % 8 == 0) {
			pthread_t t;
			void *r;
			if (pthread_create(&t, NULL, nothing, &t) == 0) CHECK(pthread_join(t, &r) == 0 && r == &t);
		}
	}
	return NULL;
}

// storm sends: the real-time signals with their numbers, and others in between.
static int storm(pid_t to) {
	static const int others[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGCHLD, SIGURG, SIGSEGV, SIGFPE, SIGTRAP, SIGSTKFLT, SIGCONT};
	for (int v = 0; v < per_kind; v++)
		for (int k = 0; k < KINDS; k++) {
			while (sigqueue(to, SIGRTMIN + k, (union sigval){.sival_int = v}))
				if (errno == EAGAIN) usleep(200);
				else return 1;
			kill(to, others[(v * KINDS + k) % (sizeof others / sizeof *others)]);
		}
	return 0;
}

int main(int argc, char **argv) {
	static const int others[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGCHLD, SIGURG, SIGSEGV, SIGFPE, SIGTRAP, SIGSTKFLT, SIGCONT};
	self = argv[0];
	if (argc > 1 && strcmp(argv[1], "exit") == 0) return 9;
	const char *what = argc > 1 ? argv[1] : "all";
	per_kind = argc > 2 ? atoi(argv[2]) : 500;
	int threads = argc > 3 ? atoi(argv[3]) : 3;
	struct sigaction sa = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO | SA_RESTART};
	for (int k = 0; k < KINDS; k++) sigaddset(&sa.sa_mask, SIGRTMIN + k);
	for (int k = 0; k < KINDS; k++) sigaction(SIGRTMIN + k, &sa, NULL);
	struct sigaction sb = {.sa_handler = on_standard, .sa_flags = SA_RESTART};
	for (int i = 0; i < sizeof others / sizeof *others; i++) sigaction(others[i], &sb, NULL);
	struct sigaction sc = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sc, NULL);
	if (pipe(pipes)) return 1;
	puts("ready");
	fflush(stdout);
	sigset_t rt, old;
	sigemptyset(&rt);
	for (int k = 0; k < KINDS; k++) sigaddset(&rt, SIGRTMIN + k);
	pid_t sender = fork();
	if (sender == 0) _exit(storm(getppid()));
	pthread_t t[64];
	pthread_sigmask(SIG_BLOCK, &rt, &old); // which the threads inherit
	for (int i = 0; i < threads; i++) pthread_create(&t[i], NULL, other, (void *)(intptr_t)i);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	time_t start = time(NULL);
	for (int n = 0; total < KINDS * per_kind && time(NULL) - start < 200; n++) work(what, n);
	int status;
	CHECK(waiting(sender, &status) == sender && status == 0);
	stop = 1;
	for (int i = 0; i < threads; i++) pthread_join(t[i], NULL);
	printf("total %d doubled %d disorder %d wrong %d failures %d, others came %d, faults %d\n", total, doubled, disorder, wrong, failures, standard > 0, faults == repaired);
	return 0;
}
