// What a signal does to a call that waits: with SA_RESTART, without, without a
// handler, and for calls that a mask protects (signal(7), "Interruption of system calls").
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static int pipefd[2], sock[2], slow[2];
static uint32_t word;

static void handler(int sig) { handled++; }

static pthread_t waiter;
static pid_t waiter_tid;
static atomic_int go, returned, finished, stop;

// sleeping reports whether the waiting thread sleeps in the kernel.
static int sleeping(void) {
	char path[64], buf[256];
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", waiter_tid);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	if (n <= 0) return 0;
	buf[n] = 0;
	char *p = strrchr(buf, ')');
	return p && p[2] == 'S';
}

// The interrupter sends one signal to a waiter that sleeps, and has done so for some time: in the call, not on its way there.
// If the call goes on nevertheless for longer, it is ended by other means.
static void *interrupter(void *arg) {
	for (;;) {
		while (!atomic_load(&go))
			if (atomic_load(&stop)) return NULL;
			else usleep(200);
		int sig = atomic_exchange(&go, 0);
		for (int n = 0; n < 10 && !atomic_load(&returned); n = sleeping() ? n + 1 : 0) usleep(2000);
		pthread_kill(waiter, sig);
		for (int i = 0; i < 60 && !atomic_load(&returned); i++) usleep(2000);
		if (!atomic_load(&returned)) {
			if (write(pipefd[1], "x", 1) < 0 || write(sock[1], "y", 1) < 0) perror("write");
			__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
			syscall(SYS_futex, &word, FUTEX_WAKE, 1);
		}
		atomic_store(&finished, 1);
	}
}

static void interrupt(int sig) {
	atomic_store(&returned, 0);
	atomic_store(&finished, 0);
	atomic_store(&go, sig);
}

static void interrupted(void) {
	atomic_store(&returned, 1);
	while (!atomic_load(&finished)) usleep(500);
}

static void clean(void) {
	char c[16];
	for (int fd = 0; fd < 2; fd++) {
		struct pollfd p = {.fd = fd ? sock[0] : pipefd[0], .events = POLLIN};
		while (poll(&p, 1, 0) > 0 && read(p.fd, c, sizeof c) > 0) {}
	}
	__atomic_store_n(&word, 0, __ATOMIC_SEQ_CST);
}

static int efd, semid;
static struct timespec remaining;

// How long calls wait at most, in milliseconds. It is long where the signal has to come
// first, however busy the machine is.
static long patience;

static struct timespec limit(void) {
	return (struct timespec){patience / 1000, patience % 1000 * 1000000};
}

static void set_receive_timeout(void) {
	struct timeval tv = {patience / 1000, patience % 1000 * 1000};
	setsockopt(slow[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
}

static long do_read(void) { char c; return read(pipefd[0], &c, 1); }
static long do_recv(void) { char c; return recv(sock[0], &c, 1, 0); }
static long do_recv_timeout(void) { char c; return recv(slow[0], &c, 1, 0); }
static long do_poll(void) { struct pollfd p = {.fd = pipefd[0], .events = POLLIN}; return poll(&p, 1, patience); }
static long do_ppoll(void) {
	struct pollfd p = {.fd = slow[0], .events = POLLIN};
	struct timespec t = limit();
	return ppoll(&p, 1, &t, NULL);
}
static long do_select(void) {
	struct timeval t = {patience / 1000, patience % 1000 * 1000};
	return select(0, NULL, NULL, NULL, &t);
}
static long do_epoll(void) { struct epoll_event e; return epoll_wait(efd, &e, 1, patience); }
static long do_nanosleep(void) {
	struct timespec t = limit();
	remaining.tv_nsec = -1;
	return nanosleep(&t, &remaining);
}
static long do_sleep_until(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += patience / 1000;
	t.tv_nsec += patience % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return errno ? -1 : 0;
}
static long do_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL); }
static long do_futex_timeout(void) {
	struct timespec t = limit();
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t);
}
static long do_semop(void) {
	struct sembuf op = {.sem_op = -1};
	struct timespec t = limit();
	return semtimedop(semid, &op, 1, &t);
}
static long do_sigtimedwait(void) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	struct timespec t = limit();
	return sigtimedwait(&set, NULL, &t);
}
static const struct { const char *name; long (*call)(void); } calls[] = {
	{"read", do_read}, {"recv", do_recv}, {"recv with SO_RCVTIMEO", do_recv_timeout},
	{"poll", do_poll}, {"ppoll", do_ppoll}, {"select", do_select}, {"epoll_wait", do_epoll},
	{"nanosleep", do_nanosleep}, {"clock_nanosleep TIMER_ABSTIME", do_sleep_until},
	{"futex", do_futex}, {"futex with time-out", do_futex_timeout},
	{"semtimedop", do_semop}, {"sigtimedwait", do_sigtimedwait},
};

static long milliseconds(struct timespec t) { return t.tv_sec * 1000 + t.tv_nsec / 1000000; }

static void try(const char *how, int sig, long most) {
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
		patience = most;
		set_receive_timeout();
		clean();
		handled = 0;
		interrupt(sig);
		long r = calls[i].call();
		int e = errno;
		interrupted();
		printf("%s, %s: %s, handlers %d", calls[i].name, how, r < 0 ? strerror(e) : "ok", (int)handled);
		if (calls[i].call == do_nanosleep)
			printf(", %s", remaining.tv_nsec < 0 ? "no remainder" : milliseconds(remaining) < patience ? "a remainder" : "wrong remainder");
		puts("");
	}
}

static int in_mask;
static void check_mask(int sig) {
	sigset_t now;
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	in_mask = sigismember(&now, SIGUSR1) | sigismember(&now, SIGUSR2) << 1 | sigismember(&now, SIGHUP) << 2;
	handled++;
}

// Calls that install a mask: a signal that only this mask lets through interrupts
// them, and the handler runs with that mask; afterwards the old one is back.
static void with_masks(void) {
	struct sigaction sa = {.sa_handler = check_mask, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &sa, NULL);
	sigset_t block, temp, now;
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigemptyset(&temp);
	sigaddset(&temp, SIGHUP);
	for (int i = 0; i < 5; i++) {
		handled = 0;
		pthread_sigmask(SIG_SETMASK, &block, NULL);
		int pending = i & 1;
		if (pending) raise(SIGUSR1);
		else interrupt(SIGUSR1);
		long r;
		struct timespec t = {2, 0};
		if (i < 2) r = sigsuspend(&temp);
		else if (i < 4) r = ppoll(NULL, 0, &t, &temp);
		else r = epoll_pwait(efd, &(struct epoll_event){0}, 1, 2000, &temp);
		int e = errno;
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		printf("%s, %s: %s, handlers %d, mask inside %d, afterwards %d%d\n", i < 2 ? "sigsuspend" : i < 4 ? "ppoll" : "epoll_pwait",
		       pending ? "pending" : "sent", r < 0 ? strerror(e) : "ok", (int)handled, in_mask,
		       sigismember(&now, SIGUSR1), sigismember(&now, SIGHUP));
		if (!pending) interrupted();
	}
	// The same for a signal that is never really blocked.
	sigaction(SIGSEGV, &sa, NULL);
	sigaddset(&block, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &block, NULL);
	for (int i = 0; i < 3; i++) {
		handled = 0;
		if (i == 1) interrupt(SIGSEGV);
		else raise(SIGSEGV);
		long r = i < 2 ? sigsuspend(&temp) : ppoll(NULL, 0, NULL, &temp);
		int e = errno;
		printf("SIGSEGV %d: %s, handlers %d\n", i, r < 0 ? strerror(e) : "ok", (int)handled);
		if (i == 1) interrupted();
	}
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	printf("SIGSEGV blocked %d\n", sigismember(&now, SIGSEGV));
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct sigaction sa = {.sa_handler = handler};
	pthread_t p;
	if (pipe(pipefd) || socketpair(AF_UNIX, SOCK_STREAM, 0, sock) || socketpair(AF_UNIX, SOCK_STREAM, 0, slow)) return 1;
	efd = epoll_create1(0);
	semid = semget(IPC_PRIVATE, 1, 0600);
	waiter = pthread_self();
	waiter_tid = syscall(SYS_gettid);
	pthread_create(&p, NULL, interrupter, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	try("a handler", SIGUSR1, 20000);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &sa, NULL);
	try("SA_RESTART", SIGUSR2, 20000);
	try("ignored", SIGWINCH, 60);
	with_masks();
	semctl(semid, 0, IPC_RMID);
	atomic_store(&stop, 1);
	pthread_join(p, NULL);
	return 0;
}
