// Waiting for descriptors: poll, select and epoll, their time-outs and signal masks.
#include "show.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static volatile int caught;
static void handler(int sig) { caught = sig; }

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

// alarms has SIGALRM come every so many milliseconds: it may come before what it is to interrupt.
static void alarms(int ms) { setitimer(ITIMER_REAL, &(struct itimerval){{0, ms * 1000}, {0, ms * 1000}}, NULL); }

static void polling(int r, int w) {
	puts("== poll");
	struct pollfd p[4] = {{r, POLLIN}, {w, POLLOUT | POLLIN}, {-1, POLLIN, 99}, {50, POLLIN}};
	show(poll(p, 4, 0));
	for (int i = 0; i < 4; i++)
		printf("%d: %#x %#x\n", i, p[i].events, p[i].revents);
	struct pollfd closed[24];
	for (int i = 0; i < 24; i++)
		closed[i] = (struct pollfd){40 + i, POLLIN};
	show(poll(closed, 24, -1));
	int invalid = 0;
	for (int i = 0; i < 24; i++)
		invalid += closed[i].fd == 40 + i && closed[i].revents == POLLNVAL;
	printf("invalid %d\n", invalid);
	show(poll(p, 1, 20));
	write(w, "x", 1);
	show(poll(p, 1, -1));
	printf("%#x\n", p[0].revents);
	show(syscall(SYS_ppoll, p, 1, NULL, (void *)1, 7));
	show(syscall(SYS_ppoll, (void *)8, 1, NULL, NULL, 8));
	show(syscall(SYS_ppoll, NULL, 100000000, NULL, NULL, 8));
	show(syscall(SYS_ppoll, p, 1, &(struct timespec){-1, 0}, NULL, 8));
	show(syscall(SYS_ppoll, p, 1, &(struct timespec){0, 2000000000}, NULL, 8));
	show(syscall(SYS_ppoll, p, 1, (void *)8, NULL, 8));
	struct timespec t = {500, 0};
	show(syscall(SYS_ppoll, p, 1, &t, NULL, 8));
	printf("left %d\n", t.tv_sec > 400);
	t = (struct timespec){0, 30000000};
	double start = now();
	show(syscall(SYS_ppoll, NULL, 0, &t, NULL, 8));
	printf("waited %d, left %ld\n", now() - start >= 0.03, t.tv_sec * 1000000000L + t.tv_nsec);
	char c;
	read(r, &c, 1);
}

// A signal that is blocked but for the wait ends the wait, and the handler sees
// the mask of the wait.
static sigset_t in_handler;
static void mask_handler(int sig) {
	caught = sig;
	sigprocmask(SIG_BLOCK, NULL, &in_handler);
}

static void masks(int r) {
	puts("== masks");
	struct sigaction sa = {.sa_handler = mask_handler, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigset_t block, none, usr2;
	sigemptyset(&none);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGSEGV);
	sigprocmask(SIG_BLOCK, &block, NULL);
	for (int sig = SIGUSR1; sig; sig = sig == SIGUSR1 ? SIGSEGV : 0) {
		kill(getpid(), sig);
		struct pollfd p = {r, POLLIN};
		show(poll(&p, 1, 10));
		show(caught);
		struct timespec t = {10, 0};
		show(ppoll(&p, 1, &t, &usr2));
		printf("caught %d usr2 %d usr1 %d segv %d\n", caught == sig, sigismember(&in_handler, SIGUSR2),
		       sigismember(&in_handler, SIGUSR1), sigismember(&in_handler, SIGSEGV));
		sigset_t after;
		sigprocmask(SIG_BLOCK, NULL, &after);
		printf("after: usr1 %d segv %d usr2 %d\n", sigismember(&after, SIGUSR1), sigismember(&after, SIGSEGV), sigismember(&after, SIGUSR2));
		caught = 0;
		kill(getpid(), sig);
		fd_set f;
		FD_ZERO(&f);
		FD_SET(r, &f);
		show(pselect(r + 1, &f, NULL, NULL, &t, &none));
		show(caught == sig);
		caught = 0;
		kill(getpid(), sig);
		int e = epoll_create1(0);
		struct epoll_event ev;
		show(epoll_pwait(e, &ev, 1, 10000, &none));
		show(caught == sig);
		show(epoll_pwait(e, &ev, 1, 1, &usr2));
		close(e);
		caught = 0;
	}
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	// A handler ends each of them, SA_RESTART or not.
	sa.sa_handler = handler;
	sigaction(SIGALRM, &sa, NULL);
	struct pollfd p = {r, POLLIN};
	alarms(20);
	show(poll(&p, 1, 100000));
	fd_set f;
	FD_ZERO(&f);
	FD_SET(r, &f);
	struct timespec t = {500, 0};
	show(syscall(SYS_pselect6, r + 1, &f, NULL, NULL, &t, NULL));
	printf("left %d, set kept %d\n", t.tv_sec < 500 && t.tv_sec > 400, FD_ISSET(r, &f) != 0);
	int e = epoll_create1(0);
	struct epoll_event ev;
	show(epoll_wait(e, &ev, 1, 100000));
	close(e);
	// An ignored signal ends none.
	signal(SIGALRM, SIG_IGN);
	show(poll(&p, 1, 50));
	alarms(0);
}

static void selecting(int r, int w) {
	puts("== select");
	fd_set rd, wr, ex;
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_ZERO(&ex);
	FD_SET(r, &rd);
	FD_SET(w, &wr);
	FD_SET(r, &ex);
	show(select(w + 1, &rd, &wr, &ex, NULL));
	printf("%d %d %d\n", FD_ISSET(r, &rd) != 0, FD_ISSET(w, &wr) != 0, FD_ISSET(r, &ex) != 0);
	write(w, "abc", 3);
	FD_SET(r, &rd);
	show(select(w + 1, &rd, NULL, NULL, &(struct timeval){0, 0}));
	FD_ZERO(&rd);
	for (int fd = 45; fd < 60; fd++)
		FD_SET(fd, &rd); // all closed
	show(select(60, &rd, NULL, NULL, &(struct timeval){0, 0}));
	show(select(-1, NULL, NULL, NULL, NULL));
	show(syscall(SYS_pselect6, 1, (void *)8, NULL, NULL, NULL, NULL));
	show(syscall(SYS_pselect6, 1, NULL, NULL, NULL, NULL, (void *)8));
	show(select(0, NULL, NULL, NULL, &(struct timeval){0, 1000}));
	char c[3];
	read(r, c, 3);
}

static void epolling(int r, int w) {
	puts("== epoll");
	int e = epoll_create1(EPOLL_CLOEXEC);
	printf("%d\n", fcntl(e, F_GETFD));
	struct epoll_event ev = {EPOLLIN | EPOLLET, {.u64 = 0x123456789abcdef0}}, got[5];
	show(epoll_ctl(e, EPOLL_CTL_ADD, r, &ev));
	show(epoll_ctl(e, EPOLL_CTL_ADD, r, &ev));
	ev = (struct epoll_event){EPOLLOUT, {.u64 = 0xfedcba9876543210}};
	show(epoll_ctl(e, EPOLL_CTL_ADD, w, &ev));
	show(epoll_ctl(e, EPOLL_CTL_MOD, 50, &ev));
	show(epoll_ctl(e, EPOLL_CTL_ADD, e, &ev));
	show(epoll_ctl(e, EPOLL_CTL_ADD, w, (void *)8));
	show(epoll_ctl(e, 77, w, &ev));
	write(w, "x", 1);
	memset(got, 0xff, sizeof got);
	int n = epoll_wait(e, got, 5, -1);
	for (int i = 0; i < n; i++)
		printf("%#x %#llx\n", got[i].events, (long long)got[i].data.u64);
	show(epoll_wait(e, got, 5, 0)); // the edge is gone
	show(epoll_ctl(e, EPOLL_CTL_DEL, w, NULL));
	show(epoll_wait(e, got, 5, 0));
	show(epoll_wait(e, got, 0, 0));
	show(epoll_wait(e, got, -1, 0));
	show(epoll_wait(r, got, 1, 0));
	show(epoll_wait(999, got, 1, 0));
	struct timespec t = {0, 20000000};
	show(syscall(SYS_epoll_pwait2, e, got, 5, &t, NULL, 8));
	printf("unchanged %ld\n", t.tv_nsec);
	write(w, "x", 1);
	show(syscall(SYS_epoll_pwait, e, (void *)8, 5, 0, NULL, 8));
	close(e);
	char c[3];
	read(r, c, 3);
}

static void sources(void) {
	puts("== event, timer and signal descriptors");
	int ev = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	unsigned long v;
	for (int i = 0; i < 4; i++) {
		long n = read(ev, &v, 8);
		printf("%ld %ld\n", n, n < 0 ? (long)errno : (long)v);
	}
	printf("%d %#o\n", fcntl(ev, F_GETFD), fcntl(ev, F_GETFL) & O_NONBLOCK);
	show(read(ev, &v, 4));
	int tf = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec its = {{0, 5000000}, {0, 5000000}}, old;
	show(timerfd_settime(tf, 0, &its, NULL));
	struct pollfd p = {tf, POLLIN};
	show(poll(&p, 1, 60000));
	show(read(tf, &v, 8));
	printf("%d\n", v >= 1);
	show(timerfd_gettime(tf, &old));
	printf("%ld\n", old.it_interval.tv_nsec);
	show(timerfd_settime(tf, 0, (void *)8, NULL));
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int sf = signalfd(-1, &set, SFD_NONBLOCK);
	struct signalfd_siginfo si;
	show(read(sf, &si, sizeof si));
	sigqueue(getpid(), SIGUSR2, (union sigval){.sival_ptr = (void *)0x1234567812345678});
	p.fd = sf;
	show(poll(&p, 1, 60000));
	show(read(sf, &si, sizeof si));
	printf("%u %d %d %#llx\n", si.ssi_signo, si.ssi_code, si.ssi_pid == getpid(), (long long)si.ssi_ptr);
	close(ev), close(tf), close(sf);
}

int main(void) {
	setvbuf(stdout, NULL, _IONBF, 0);
	int p[2];
	pipe(p);
	polling(p[0], p[1]);
	selecting(p[0], p[1]);
	epolling(p[0], p[1]);
	masks(p[0]);
	sources();
}
