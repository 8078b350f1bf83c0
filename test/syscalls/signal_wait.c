// Signals that are waited for instead of handled: sigwaitinfo, sigtimedwait, signalfd,
// timers, and threads that share the work.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHOW(name, call)                                                  \
	do {                                                              \
		long result = (call);                                     \
		printf("%s: %ld %s\n", name, result, result < 0 ? strerror(errno) : ""); \
	} while (0)

static sigset_t set_of(int a, int b, int c) {
	sigset_t s;
	sigemptyset(&s);
	if (a) sigaddset(&s, a);
	if (b) sigaddset(&s, b);
	if (c) sigaddset(&s, c);
	return s;
}

static void *sender(void *arg) {
	usleep(20000);
	union sigval v = {.sival_int = 77};
	sigqueue(getpid(), (int)(long)arg, v);
	return NULL;
}

static void waiting(void) {
	sigset_t s = set_of(SIGUSR1, SIGRTMIN, SIGCHLD);
	siginfo_t info;
	struct timespec t = {0, 10000000}, none = {0, 0}, bad = {0, -1};
	pthread_t p;
	sigprocmask(SIG_BLOCK, &s, NULL);
	SHOW("nothing there", sigtimedwait(&s, &info, &none));
	SHOW("nothing came", sigtimedwait(&s, &info, &t));
	SHOW("bad time", sigtimedwait(&s, &info, &bad));
	pthread_create(&p, NULL, sender, (void *)(long)SIGRTMIN);
	memset(&info, 0xff, sizeof info);
	SHOW("sigwaitinfo", sigwaitinfo(&s, &info) == SIGRTMIN);
	printf("signo %d code %d errno %d value %d pid %d\n", info.si_signo == SIGRTMIN, info.si_code, info.si_errno,
	       info.si_value.sival_int, info.si_pid == getpid());
	pthread_join(p, NULL);
	raise(SIGUSR1);
	SHOW("raised", sigwaitinfo(&s, &info));
	printf("code %d pid %d\n", info.si_code, info.si_pid == getpid());
	// Ignored by default, yet kept while blocked.
	kill(getpid(), SIGCHLD);
	SHOW("SIGCHLD", sigtimedwait(&s, &info, &none));
	SHOW("bad set", syscall(SYS_rt_sigtimedwait, 8, NULL, &none, 8));
	SHOW("bad size", syscall(SYS_rt_sigtimedwait, &s, NULL, &none, 4));
	raise(SIGUSR1);
	SHOW("bad info", syscall(SYS_rt_sigtimedwait, &s, (void *)8, &none, 8));
	SHOW("lost by that", sigtimedwait(&s, NULL, &none));
	// A fault signal that comes while waiting for it.
	sigset_t segv = set_of(SIGSEGV, 0, 0);
	sigprocmask(SIG_BLOCK, &segv, NULL);
	pthread_create(&p, NULL, sender, (void *)(long)SIGSEGV);
	SHOW("SIGSEGV", sigwaitinfo(&segv, &info));
	printf("value %d\n", info.si_value.sival_int);
	pthread_join(p, NULL);
}

static void descriptors(void) {
	sigset_t s = set_of(SIGUSR2, SIGRTMIN + 5, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	int fd = signalfd(-1, &s, SFD_NONBLOCK);
	struct signalfd_siginfo si[4];
	SHOW("empty", read(fd, si, sizeof si));
	union sigval v = {.sival_int = 5};
	sigqueue(getpid(), SIGRTMIN + 5, v);
	sigqueue(getpid(), SIGUSR2, v);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	SHOW("poll", poll(&p, 1, 60000));
	long n = read(fd, si, sizeof si);
	printf("read %ld: %d value %d, %d\n", n / (long)sizeof *si, si[0].ssi_signo, si[0].ssi_int, si[1].ssi_signo == SIGRTMIN + 5);
	s = set_of(SIGRTMIN + 5, 0, 0);
	SHOW("change", signalfd(fd, &s, 0) == fd);
	kill(getpid(), SIGUSR2);
	SHOW("not this one", read(fd, si, sizeof si));
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	sigqueue(getpid(), SIGRTMIN + 5, v);
	SHOW("epoll", epoll_wait(ep, &e, 1, 60000));
	SHOW("bad size", syscall(SYS_signalfd4, -1, &s, 4, 0));
	SHOW("bad flags", signalfd(-1, &s, 3));
	SHOW("not a signalfd", signalfd(0, &s, 0));
	close(fd);
	close(ep);
}

static volatile sig_atomic_t ticks, last_value, last_code, overruns;

static void tick(int sig, siginfo_t *info, void *context) {
	ticks++;
	last_code = info->si_code;
	if (info->si_code == SI_TIMER) {
		last_value = info->si_value.sival_int;
		overruns += info->si_overrun;
	}
}

static void timers(void) {
	struct sigaction sa = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO};
	sigset_t none;
	sigemptyset(&none);
	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGVTALRM, &sa, NULL);
	sigaction(SIGPROF, &sa, NULL);
	sigaction(SIGRTMIN + 7, &sa, NULL);
	struct itimerval it = {{0, 2000}, {0, 2000}}, off = {0};
	setitimer(ITIMER_REAL, &it, NULL);
	while (ticks < 20) pause();
	setitimer(ITIMER_REAL, &off, NULL);
	printf("ITIMER_REAL ticks, code %d\n", last_code);
	ticks = 0;
	setitimer(ITIMER_PROF, &it, NULL);
	while (ticks < 5) {}
	setitimer(ITIMER_PROF, &off, NULL);
	printf("ITIMER_PROF ticks, code %d\n", last_code);
	timer_t timer;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 7, .sigev_value.sival_int = 99};
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	struct itimerspec spec = {{0, 1000000}, {0, 1000000}};
	ticks = 0;
	timer_settime(timer, 0, &spec, NULL);
	while (ticks < 30) pause();
	timer_delete(timer);
	printf("timer ticks, code %d value %d\n", last_code, last_value);
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev._sigev_un._tid = syscall(SYS_gettid);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	ticks = 0;
	timer_settime(timer, 0, &spec, NULL);
	while (ticks < 10) pause();
	timer_delete(timer);
	puts("thread timer ticks");
	alarm(1);
	ticks = 0;
	while (!ticks) usleep(500); // not pause: it may have come before
	puts("alarm");
}

// Several threads wait for the same signal; each instance wakes one of them.
static atomic_int taken[4];
static atomic_int total;

static void *taker(void *arg) {
	sigset_t s = set_of(SIGRTMIN + 9, 0, 0);
	for (;;) {
		siginfo_t info;
		if (sigwaitinfo(&s, &info) < 0) continue;
		if (info.si_value.sival_int < 0) return NULL;
		atomic_fetch_add(&taken[(long)arg], 1);
		atomic_fetch_add(&total, 1);
	}
}

static void sharing(void) {
	pthread_t t[4];
	sigset_t s = set_of(SIGRTMIN + 9, 0, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, taker, (void *)i);
	union sigval v = {.sival_int = 1};
	for (int i = 0; i < 500; i++)
		while (sigqueue(getpid(), SIGRTMIN + 9, v)) usleep(100);
	while (total < 500) usleep(1000);
	v.sival_int = -1;
	for (int i = 0; i < 4; i++) sigqueue(getpid(), SIGRTMIN + 9, v);
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
	printf("taken %d\n", total);
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	waiting();
	descriptors();
	timers();
	sharing();
	return 0;
}
