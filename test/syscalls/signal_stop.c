// link: -lrt
// Calls that wait while their process is stopped and continued (signal(7),
// "Interruption of system calls and library functions by stop signals"): which of them
// fail, and that those with a time-out end when they would have ended.
#define _GNU_SOURCE
#include "asleep.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STOPPED = 200 }; // ms

static long span_ms; // until what waits ends

static struct result {
	long value;
	int err;
	long ms; // which it took; 0 before it has ended
} *shared;

static long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct timespec span;
static uint32_t word;

static struct timespec later(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += span.tv_sec;
	t.tv_nsec += span.tv_nsec;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static int receiver(void) {
	int s[2];
	struct timeval tv = {span.tv_sec, span.tv_nsec / 1000};
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	return s[0];
}

// A pipe into which a child writes at the end.
static int feeding(void) {
	int p[2];
	pipe(p);
	if (fork() == 0) {
		usleep(span_ms * 1000);
		write(p[1], "x", 1);
		_exit(0);
	}
	return p[0];
}

static long call(int n) {
	struct timespec rem, at;
	struct pollfd p = {-1, 0};
	struct timeval tv = {span.tv_sec, span.tv_nsec / 1000};
	struct epoll_event ev;
	sigset_t s;
	char b[64];
	struct itimerspec its = {.it_value = span};
	switch (n) {
	case 0: return nanosleep(&span, &rem);
	case 1: return clock_nanosleep(CLOCK_REALTIME, 0, &span, &rem);
	case 2: at = later(); return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
	case 3: return poll(&p, 1, span_ms);
	case 4: return select(0, NULL, NULL, NULL, &tv);
	case 5: return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &span);
	case 6: return epoll_wait(epoll_create1(0), &ev, 1, span_ms);
	case 7: sigemptyset(&s); sigaddset(&s, SIGUSR1); return sigtimedwait(&s, NULL, &span);
	case 8: {
		int id = semget(IPC_PRIVATE, 1, 0600);
		struct sembuf op = {0, -1, 0};
		int r = semtimedop(id, &op, 1, &span), e = errno;
		semctl(id, 0, IPC_RMID);
		errno = e;
		return r;
	}
	case 9: return recv(receiver(), b, 1, 0);
	case 10: return read(feeding(), b, 1);
	case 11: {
		int fd = timerfd_create(CLOCK_MONOTONIC, 0);
		timerfd_settime(fd, 0, &its, NULL);
		uint64_t v;
		int r = read(fd, &v, 8);
		return r == 8 ? v : r;
	}
	case 12: {
		int fd = receiver();
		struct mmsghdr m = {.msg_hdr = {.msg_iov = &(struct iovec){b, 1}, .msg_iovlen = 1}};
		return recvmmsg(fd, &m, 1, 0, NULL);
	}
	case 13: {
		pid_t q = fork();
		if (q == 0) { usleep(span_ms * 1000); _exit(5); }
		int status;
		return waitpid(q, &status, 0) == q ? WEXITSTATUS(status) : -1;
	}
	case 14: { // until a timer's signal
		timer_t t;
		struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
		signal(SIGUSR1, (void (*)(int))usleep); // anything harmless
		timer_create(CLOCK_MONOTONIC, &e, &t);
		timer_settime(t, 0, &its, NULL);
		return pause();
	}
	case 15: {
		struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 16};
		char name[40];
		snprintf(name, sizeof name, "/hospes-stop-%d", getpid());
		mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, &a);
		mq_unlink(name);
		at = later();
		return mq_timedreceive(q, b, sizeof b, NULL, &at);
	}
	case 16: {
		at = later();
		return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &at, NULL, ~0u);
	}
	case 17: return ppoll(NULL, 0, &span, NULL);
	}
	return -2;
}

static const char *const names[] = {"nanosleep", "clock_nanosleep", "absolute", "poll", "select", "futex", "epoll_wait", "sigtimedwait",
	"semtimedop", "recv", "read", "timerfd", "recvmmsg", "waitpid", "pause", "mq_timedreceive", "futex bitset", "ppoll"};

enum { N = sizeof names / sizeof *names };
static pid_t p[N];

static void start(void) {
	for (int n = 0; n < N; n++) {
		shared[n].ms = 0;
		p[n] = fork();
		if (p[n] == 0) {
			setpgid(0, 0);
			long start = now();
			errno = 0;
			shared[n].value = call(n);
			shared[n].err = errno;
			shared[n].ms = now() - start;
			_exit(0);
		}
		setpgid(p[n], p[n]);
	}
}

// stop stops all of them, and reports whether they waited then.
static int stop(void) {
	int status, waited = 1;
	for (int n = 0; n < N; n++) await_sleep(p[n], p[n]);
	for (int n = 0; n < N; n++) kill(p[n], SIGSTOP);
	for (int n = 0; n < N; n++) {
		waitpid(p[n], &status, WUNTRACED);
		waited &= WIFSTOPPED(status) && shared[n].ms == 0;
	}
	return waited;
}

static void end(void) {
	for (int n = 0; n < N; n++) {
		kill(-p[n], SIGKILL);
		waitpid(p[n], NULL, 0);
	}
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (span_ms = 1500; span_ms < 60000; span_ms *= 2) { // as long as it takes a busy machine to stop them in time
		span = (struct timespec){span_ms / 1000, span_ms % 1000 * 1000000};
		start();
		if (stop()) break;
		end();
	}
	usleep(STOPPED * 1000);
	for (int n = 0; n < N; n++) kill(p[n], SIGCONT);
	for (int n = 0; n < N; n++) {
		int status;
		waitpid(p[n], &status, 0);
		struct result *r = &shared[n];
		const char *when = r->ms < span_ms - 2 ? "early" : r->ms < span_ms + 60000 ? "in time" : "late";
		if (r->value < 0 && r->err == EINTR) when = "when continued";
		printf("%s: %ld %s, %s (%d)\n", names[n], r->value, r->value < 0 ? strerror(r->err) : "", when, status);
	}
	return 0;
}
