// Signals that come through descriptors: ordinary ones, and those that faults raise
// when somebody sends them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;
static volatile int taken;

static void show(const char *what) {
	struct signalfd_siginfo i[4];
	memset(i, 0x55, sizeof i);
	ssize_t n = read(fd, i, sizeof i);
	printf("%s: %zd %s", what, n, n < 0 ? strerror(errno) : "");
	for (int k = 0; k < n / (int)sizeof *i; k++)
		printf(" [%d code %d pid %d uid %d int %d ptr %llx errno %d]", i[k].ssi_signo, i[k].ssi_code, i[k].ssi_pid == getpid(),
		       i[k].ssi_uid == getuid(), i[k].ssi_int, (long long)i[k].ssi_ptr, i[k].ssi_errno);
	puts("");
	taken++;
}

static void waits(int sig) {
	struct pollfd p[2] = {{fd, POLLIN | POLLOUT}, {0, 0}};
	struct epoll_event ev = {EPOLLIN, {.u64 = 0x123456789abcdef}}, out[3];
	int e = epoll_create1(0), r;
	fd_set set;
	struct timeval tv = {0, 0};
	epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev);
	for (int round = 0; round < 2; round++) {
		p[0].revents = 0;
		r = poll(p, 1, round ? 100000 : 0);
		printf("signal %d: poll %d %#x", round * sig, r, p[0].revents);
		FD_ZERO(&set);
		FD_SET(fd, &set);
		tv.tv_sec = round * 100;
		r = select(fd + 1, &set, NULL, NULL, &tv);
		printf(" select %d %d", r, FD_ISSET(fd, &set));
		memset(out, 0, sizeof out);
		r = epoll_wait(e, out, 3, round * 100000);
		printf(" epoll %d %#x %llx\n", r, r > 0 ? out[0].events : 0, r > 0 ? (long long)out[0].data.u64 : 0);
		if (round == 0) kill(getpid(), sig);
	}
	show("then");
	show("and then");
	close(e);
}

static volatile pid_t target;
static void *sender(void *arg) {
	for (int i = 0; i < 4; i++) {
		while (taken < i) usleep(1000);
		usleep(10000); // for the other to wait
		if (i % 2) kill(getpid(), (int)(intptr_t)arg);
		else syscall(SYS_tgkill, getpid(), target, (int)(intptr_t)arg);
	}
	return NULL;
}

// A thread that waits already is woken.
static void wakes(int sig) {
	pthread_t t;
	struct pollfd p = {fd, POLLIN};
	struct epoll_event ev = {EPOLLIN}, out;
	int e = epoll_create1(0), r;
	epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev);
	fcntl(fd, F_SETFL, 0);
	target = syscall(SYS_gettid);
	taken = 0;
	pthread_create(&t, NULL, sender, (void *)(intptr_t)sig);
	show("blocked in read");
	r = poll(&p, 1, 100000);
	printf("poll %d\n", r);
	show("");
	r = epoll_wait(e, &out, 1, 100000);
	printf("epoll %d\n", r);
	show("");
	show("read");
	pthread_join(t, NULL);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	close(e);
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	static const int sigs[] = {SIGUSR1, SIGSEGV, SIGFPE, SIGTRAP, SIGBUS, SIGILL, 40};
	enum { N = sizeof sigs / sizeof *sigs };
	sigset_t s, some;
	sigemptyset(&s);
	for (int i = 0; i < N; i++) sigaddset(&s, sigs[i]);
	sigprocmask(SIG_BLOCK, &s, NULL);
	fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
	printf("flags %#x %#x\n", fcntl(fd, F_GETFL) & O_NONBLOCK, fcntl(fd, F_GETFD));
	show("nothing");
	for (int i = 0; i < N; i++) waits(sigs[i]);
	for (int i = 0; i < N; i += 3) wakes(sigs[i]);
	sigqueue(getpid(), SIGSEGV, (union sigval){.sival_ptr = (void *)0x1122334455667788});
	show("with a value");
	// One that the descriptor does not want.
	sigemptyset(&some);
	sigaddset(&some, SIGFPE);
	int r = signalfd(fd, &some, 0);
	printf("changed %d\n", r == fd);
	kill(getpid(), SIGSEGV);
	kill(getpid(), SIGFPE);
	show("one of two");
	show("the other");
	struct timespec t = {0};
	printf("by other means: %d\n", sigtimedwait(&s, NULL, &t));
	fflush(stdout);
	kill(getpid(), SIGFPE);
	if (fork() == 0) { // the child's own
		show("in the child");
		kill(getpid(), SIGFPE);
		show("in the child");
		exit(0);
	}
	wait(NULL);
	show("in the parent");
	int bad = signalfd(0, &s, 0);
	printf("%d %s\n", bad, strerror(errno));
	bad = syscall(SYS_signalfd4, -1, &s, 4, 0);
	printf("%d %s\n", bad, strerror(errno));
	bad = syscall(SYS_signalfd4, -1, &s, 8, 1);
	printf("%d %s\n", bad, strerror(errno));
	return 0;
}
