// Signals to process groups and from terminals; timers that signal one thread, or none,
// and that overrun.
// link: -lutil -lrt
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define CALL(what, call)                                                          \
	do {                                                                      \
		long r_ = (call);                                                 \
		printf("%s: %ld %s\n", what, r_, r_ < 0 ? strerror(errno) : ""); \
	} while (0)

static volatile sig_atomic_t count;
static volatile int last_sig, last_code, last_int, last_overrun;
static volatile pid_t last_tid;
static void handler(int sig, siginfo_t *i, void *c) {
	last_sig = sig;
	last_code = i->si_code;
	if (i->si_code == SI_TIMER) {
		last_int = i->si_value.sival_int;
		if (i->si_overrun > last_overrun) last_overrun = i->si_overrun; // the next one may be here already
	}
	last_tid = syscall(SYS_gettid);
	__atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST); // another thread waits for it
}

static void handle(int sig, int flags) {
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
	sigaction(sig, &sa, NULL);
}

// timers

static volatile int done;
static void *thread(void *arg) {
	*(pid_t *)arg = syscall(SYS_gettid);
	while (!done) usleep(500);
	return NULL;
}

static void timers(void) {
	pthread_t th;
	pid_t tid = 0;
	timer_t t;
	pthread_create(&th, NULL, thread, &tid);
	while (!*(volatile pid_t *)&tid) usleep(100);
	handle(SIGRTMIN + 1, 0);
	struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 7};
	e.sigev_notify_thread_id = tid;
	CALL("thread timer", timer_create(CLOCK_MONOTONIC, &e, &t));
	struct itimerspec its = {.it_value.tv_nsec = 1000000}, cur;
	timer_settime(t, 0, &its, NULL);
	while (!count) usleep(500);
	printf("in that thread %d code %d value %d\n", last_tid == tid, last_code, last_int);
	timer_delete(t);
	e.sigev_notify_thread_id = 1;
	CALL("thread of others", timer_create(CLOCK_MONOTONIC, &e, &t));
	e.sigev_notify = SIGEV_NONE;
	CALL("none", timer_create(CLOCK_MONOTONIC, &e, &t));
	its = (struct itimerspec){.it_value.tv_sec = 1000};
	count = 0;
	timer_settime(t, 0, &its, NULL);
	timer_gettime(t, &cur);
	printf("runs %d\n", cur.it_value.tv_sec > 0);
	its = (struct itimerspec){.it_value.tv_nsec = 20000000};
	timer_settime(t, 0, &its, NULL);
	do timer_gettime(t, &cur); while (cur.it_value.tv_nsec);
	printf("over, signals %d\n", count);
	timer_delete(t);
	// Expirations while the signal is blocked count as overrun of one signal.
	e.sigev_notify = SIGEV_SIGNAL;
	CALL("signal", timer_create(CLOCK_REALTIME, &e, &t));
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
	done = 1;
	pthread_join(th, NULL);
	count = 0;
	last_overrun = 0;
	its = (struct itimerspec){{0, 1000000}, {0, 1000000}};
	timer_settime(t, 0, &its, NULL);
	usleep(20000);
	pthread_sigmask(SIG_UNBLOCK, &s, NULL);
	int o = last_overrun;
	timer_settime(t, 0, &(struct itimerspec){0}, NULL);
	printf("overrun %d\n", o >= 10 && o < 10000);
	CALL("getoverrun plausible", timer_getoverrun(t) >= 0);
	timer_delete(t);
	CALL("deleted", timer_getoverrun(t));
	e.sigev_signo = 65;
	CALL("bad signal", timer_create(CLOCK_REALTIME, &e, &t));
	CALL("default event", timer_create(CLOCK_REALTIME, NULL, &t)); // SIGALRM
	handle(SIGALRM, 0);
	count = 0;
	its = (struct itimerspec){{0, 0}, {0, 1}};
	timer_settime(t, 0, &its, NULL);
	while (!count) usleep(100);
	printf("signal %d code %d\n", last_sig, last_code);
	timer_delete(t);
	alarm(100);
	struct itimerval it;
	getitimer(ITIMER_REAL, &it);
	printf("alarm is the timer %d, remaining %u\n", it.it_value.tv_sec > 90, alarm(0));
}

// groups

static void reports(int fd, const char *what) {
	char b[100];
	int n = snprintf(b, sizeof b, "%s signal %d\n", what, last_sig);
	write(fd, b, n);
	_exit(0);
}

static void groups(void) {
	int p[2];
	char b[1000];
	pid_t k[3], g = 0;
	signal(SIGUSR1, SIG_IGN);
	pipe(p);
	for (int i = 0; i < 3; i++) {
		k[i] = fork();
		if (k[i] == 0) {
			sigset_t s;
			sigemptyset(&s);
			sigaddset(&s, SIGUSR1);
			sigprocmask(SIG_BLOCK, &s, NULL);
			setpgid(0, g);
			handle(SIGUSR1, 0);
			write(p[1], "r", 1);
			sigemptyset(&s);
			sigsuspend(&s);
			reports(p[1], "child");
		}
		if (i == 0) g = k[0];
		setpgid(k[i], g);
		while (read(p[0], b, 1) < 0) ;
	}
	CALL("kill group", kill(-g, SIGUSR1));
	for (int i = 0; i < 3; i++) waitpid(k[i], NULL, 0);
	int n = read(p[0], b, sizeof b);
	printf("%.*s", n, b);
	CALL("kill empty group", kill(-g, 0));
	pid_t q = fork();
	if (q == 0) {
		setsid();
		handle(SIGUSR1, 0);
		CALL("kill 0", kill(0, SIGUSR1));
		printf("count %d\n", count > 0);
		_exit(0);
	}
	waitpid(q, NULL, 0);
}

// terminals

static int master;

static int session(void (*f)(void)) {
	int m, s, status;
	fflush(stdout);
	openpty(&m, &s, NULL, NULL, NULL);
	master = m;
	pid_t p = fork();
	if (p == 0) {
		setsid();
		ioctl(s, TIOCSCTTY, 0);
		dup2(s, 0);
		close(s);
		f();
		fflush(stdout);
		_exit(0);
	}
	close(s);
	if (f == NULL) return 0;
	waitpid(p, &status, 0);
	close(m);
	return status;
}

static void keys(void) {
	handle(SIGINT, 0);
	handle(SIGQUIT, 0);
	handle(SIGTSTP, 0);
	handle(SIGWINCH, 0);
	const char k[] = "\003\034\032";
	for (int i = 0; i < 3; i++) {
		count = 0;
		write(master, k + i, 1);
		while (!count) usleep(100);
		printf("key %d: signal %d code %d\n", k[i], last_sig, last_code);
	}
	count = 0;
	struct winsize w = {30, 90};
	ioctl(master, TIOCSWINSZ, &w);
	while (!count) usleep(100);
	printf("size: signal %d code %d\n", last_sig, last_code);
}

static void background(void) {
	pid_t p = fork();
	int status;
	if (p == 0) {
		char c;
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		handle(SIGTTIN, 0);
		CALL("read in the background", read(0, &c, 1));
		printf("signal %d\n", last_sig);
		signal(SIGTTIN, SIG_IGN);
		CALL("read, ignored", read(0, &c, 1));
		CALL("tcsetpgrp, ignored", tcsetpgrp(0, getpgrp()));
		CALL("and back", tcsetpgrp(0, getppid()));
		handle(SIGTTOU, 0);
		CALL("tcsetpgrp, handled", tcsetpgrp(0, getpgrp()));
		fflush(stdout);
		signal(SIGTTIN, SIG_DFL);
		read(0, &c, 1); // stops
		write(1, "continued\n", 10);
		_exit(0);
	}
	setpgid(p, p);
	waitpid(p, &status, WUNTRACED);
	printf("stopped %d by %d\n", WIFSTOPPED(status), WIFSTOPPED(status) ? WSTOPSIG(status) : 0);
	fflush(stdout);
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(0, p);
	write(master, "x\n", 2);
	kill(-p, SIGCONT);
	waitpid(p, &status, 0);
	tcsetpgrp(0, getpgrp());
	printf("end %#x\n", status);
}

// The leader's end hangs up the foreground group; a stopped orphaned group is continued.
static void hangup(void) {
	count = 0;
	int p[2];
	pipe(p);
	pid_t q = fork();
	if (q == 0) {
		handle(SIGHUP, 0);
		write(p[1], "r", 1);
		while (!count) usleep(500); // not pause: it may have come before
		reports(1, "foreground");
	}
	char c;
	read(p[0], &c, 1);
	pid_t o = fork();
	if (o == 0) {
		setpgid(0, 0);
		handle(SIGHUP, 0);
		handle(SIGCONT, 0);
		raise(SIGSTOP);
		while (count < 2) usleep(500);
		close(p[1]);
		while (read(p[0], &c, 1) != 0) {} // until the other one has reported, and ended
		write(1, "orphaned group told\n", 20);
		_exit(0);
	}
	setpgid(o, o);
	waitpid(o, NULL, WUNTRACED);
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	timers();
	groups();
	session(keys);
	session(background);
	session(hangup);
	while (wait(NULL) > 0) ;
	return 0;
}
