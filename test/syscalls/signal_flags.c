// sigaction(2) in detail: what the kernel keeps of flags, SA_RESETHAND, SA_NODEFER, masks;
// siginfo of each way to send; queues and their order; what fork and exec keep.
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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// call prints the result of a system call or function.
#define CALL(what, call)                                                        \
	do {                                                                    \
		long r_ = (call);                                               \
		printf("%s: %ld %s\n", what, r_, r_ < 0 ? strerror(errno) : ""); \
	} while (0)

struct kaction {
	uint64_t handler, flags;
#ifndef __riscv
	uint64_t restorer;
#endif
	uint64_t mask;
};

static void nothing(int sig) {}

// Flags that the kernel does not know vanish: so programs find out (SA_UNSUPPORTED).
static void probing(void) {
	static const uint64_t probes[] = {0x400, 0xc00, 0xffffffff & ~0x04000000ull, 0x100000000ull, 0x800, 0x10, 0};
	for (int i = 0; i < sizeof probes / sizeof *probes; i++) {
		struct kaction old, a;
		struct sigaction sa = {.sa_handler = nothing};
		sigaction(SIGUSR1, &sa, NULL);
		syscall(SYS_rt_sigaction, SIGUSR1, NULL, &a, 8);
		a.flags = probes[i] | a.flags & 0x04000000;
		a.mask = ~0ull;
		long r = syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8);
		syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8);
		printf("flags %#llx: %ld %#llx mask %#llx\n", (long long)probes[i], r, (long long)(old.flags & ~0x04000000), (long long)old.mask);
	}
	CALL("sigaction", syscall(SYS_rt_sigaction, SIGKILL, NULL, &(struct kaction){0}, 8));
	CALL("sigaction", syscall(SYS_rt_sigaction, SIGKILL, &(struct kaction){0}, NULL, 8));
	CALL("sigaction", syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
	CALL("sigaction", syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
	CALL("sigaction", syscall(SYS_rt_sigaction, 1, NULL, NULL, 4));
	CALL("sigaction", syscall(SYS_rt_sigaction, 1, (void *)8, NULL, 8));
}

static int depth, again;
static volatile int handled;
static void record(int sig, siginfo_t *i, void *c) {
	sigset_t s;
	sigprocmask(0, NULL, &s);
	printf("%*shandler %d code %d from %d/%d value %d blocks own %d USR2 %d HUP %d\n", depth, "", sig, i->si_code,
	       i->si_pid == getpid(), i->si_uid == getuid(), i->si_code == SI_QUEUE || i->si_code == SI_TIMER || i->si_code == SI_MESGQ ? i->si_value.sival_int : 0,
	       sigismember(&s, sig), sigismember(&s, SIGUSR2), sigismember(&s, SIGHUP));
	handled++;
	if (sig == SIGUSR1 && again-- > 0) {
		depth++;
		raise(sig);
		depth--;
	}
}

static void act(int sig, int flags, int also) {
	struct sigaction sa = {.sa_sigaction = record, .sa_flags = SA_SIGINFO | flags};
	if (also) sigaddset(&sa.sa_mask, also);
	sigaction(sig, &sa, NULL);
}

static void flags(void) {
	again = 2;
	act(SIGUSR1, 0, SIGHUP);
	raise(SIGUSR1);
	again = 2;
	act(SIGUSR1, SA_NODEFER, 0);
	raise(SIGUSR1);
	again = 2;
	act(SIGUSR1, SA_NODEFER, SIGUSR1);
	raise(SIGUSR1);
	act(SIGHUP, SA_RESETHAND, SIGUSR2);
	raise(SIGHUP);
	struct sigaction sa;
	sigaction(SIGHUP, NULL, &sa);
	printf("reset: default %d flags %#x USR2 %d\n", sa.sa_handler == SIG_DFL, sa.sa_flags & ~0x04000000, sigismember(&sa.sa_mask, SIGUSR2));
	// SIGTRAP and SIGILL, too, are reset.
	act(SIGTRAP, SA_RESETHAND, 0);
	raise(SIGTRAP);
	sigaction(SIGTRAP, NULL, &sa);
	printf("reset: default %d\n", sa.sa_handler == SIG_DFL);
}

static void sending(void) {
	siginfo_t i;
	act(SIGHUP, 0, 0);
	kill(getpid(), SIGHUP);
	kill(0, 0);
	syscall(SYS_tkill, syscall(SYS_gettid), SIGHUP);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGHUP);
	sigqueue(getpid(), SIGHUP, (union sigval){.sival_int = 77});
	pthread_sigqueue(pthread_self(), SIGHUP, (union sigval){.sival_int = 78});
	memset(&i, 0, sizeof i);
	i.si_code = SI_MESGQ;
	i.si_value.sival_int = 79;
	i.si_pid = getpid();
	i.si_uid = getuid();
	printf("queueinfo %ld\n", syscall(SYS_rt_sigqueueinfo, getpid(), SIGHUP, &i));
	i.si_code = SI_TKILL;
	printf("tgqueueinfo %ld\n", syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGHUP, &i));
	i.si_code = SI_USER;
	printf("SI_USER to self %ld\n", syscall(SYS_rt_sigqueueinfo, getpid(), SIGHUP, &i));
	i.si_code = SI_USER;
	pid_t parent = getpid();
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		i.si_code = SI_USER;
		CALL("SI_USER to another", syscall(SYS_rt_sigqueueinfo, parent, 0, &i));
		i.si_code = SI_KERNEL;
		CALL("SI_KERNEL to another", syscall(SYS_rt_sigqueueinfo, parent, 0, &i));
		i.si_code = SI_TKILL;
		CALL("SI_TKILL to another", syscall(SYS_rt_sigqueueinfo, parent, 0, &i));
		i.si_code = SI_ASYNCIO;
		printf("SI_ASYNCIO to another %ld\n", syscall(SYS_rt_sigqueueinfo, parent, 0, &i));
		CALL("tgkill", syscall(SYS_tgkill, parent, getpid(), 0));
		CALL("tgkill 0", syscall(SYS_tgkill, 0, getpid(), 0));
		CALL("kill 65", kill(parent, 65));
		CALL("kill nobody", kill(99999999, 0));
		_exit(0);
	}
	wait(NULL);
	int fd = syscall(434, getpid(), 0); // pidfd_open
	printf("pidfd %ld\n", syscall(424, fd, SIGHUP, NULL, 0));
	i.si_signo = SIGHUP;
	i.si_code = SI_QUEUE;
	i.si_value.sival_int = 80;
	printf("pidfd info %ld\n", syscall(424, fd, SIGHUP, &i, 0));
	CALL("pidfd other signo", syscall(424, fd, SIGUSR2, &i, 0));
	CALL("pidfd flags", syscall(424, fd, SIGHUP, NULL, 64));
	close(fd);
	timer_t t;
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGHUP, .sigev_value.sival_int = 81};
	timer_create(CLOCK_MONOTONIC, &e, &t);
	struct itimerspec its = {.it_value.tv_nsec = 1000000};
	handled = 0;
	timer_settime(t, 0, &its, NULL);
	while (!handled) usleep(500); // not pause: the signal may have come before it
	timer_delete(t);
	alarm(0);
	act(SIGALRM, 0, 0);
	struct itimerval it = {.it_value.tv_usec = 1000};
	handled = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	while (!handled) usleep(500);
	act(SIGVTALRM, 0, 0);
	act(SIGPROF, 0, 0);
	setitimer(ITIMER_VIRTUAL, &it, NULL);
	do getitimer(ITIMER_VIRTUAL, &it); while (it.it_value.tv_usec);
	it.it_value.tv_usec = 1000;
	setitimer(ITIMER_PROF, &it, NULL);
	do getitimer(ITIMER_PROF, &it); while (it.it_value.tv_usec);
	act(SIGPIPE, 0, 0);
	int pf[2];
	pipe(pf);
	close(pf[0]);
	CALL("write", write(pf[1], "", 1));
	close(pf[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pf);
	close(pf[0]);
	CALL("send", send(pf[1], "", 1, 0));
	CALL("send", send(pf[1], "", 1, MSG_NOSIGNAL));
	close(pf[1]);
}

// O_ASYNC with F_SETSIG and F_SETOWN.
static void on_io(int sig, siginfo_t *i, void *c) {
	printf("io: signal %d code %d band %#lx fd %d\n", sig, i->si_code, i->si_code == SI_KERNEL ? 0 : i->si_band, i->si_code == SI_KERNEL ? 0 : i->si_fd);
}

static void io(void) {
	struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO};
	sigaction(SIGIO, &sa, NULL);
	sigaction(SIGRTMIN + 3, &sa, NULL);
	int s[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	dup2(s[0], 20);
	fcntl(20, F_SETOWN, getpid());
	fcntl(20, F_SETFL, fcntl(20, F_GETFL) | O_ASYNC);
	printf("owner %d sig %d\n", fcntl(20, F_GETOWN) == getpid(), fcntl(20, F_GETSIG));
	write(s[1], "a", 1);
	usleep(1000);
	fcntl(20, F_SETSIG, SIGRTMIN + 3);
	printf("sig %d\n", fcntl(20, F_GETSIG) == SIGRTMIN + 3);
	write(s[1], "a", 1);
	usleep(1000);
	struct f_owner_ex o = {F_OWNER_TID, syscall(SYS_gettid)};
	fcntl(20, F_SETOWN_EX, &o);
	write(s[1], "a", 1);
	usleep(1000);
	memset(&o, 0, sizeof o);
	fcntl(20, F_GETOWN_EX, &o);
	printf("owner type %d is me %d\n", o.type, o.pid == getpid());
	close(s[1]);
	usleep(1000);
	close(s[0]);
	close(20);
}

static int order[200], n_order;
static void ordered(int sig, siginfo_t *i, void *c) {
	if (n_order < 200) order[n_order++] = sig * 1000 + i->si_value.sival_int;
}

// Signals that wait come with the lowest number first, those of one number in order;
// handlers nest, so that the last one begins first.
static void queues(void) {
	sigset_t all, old;
	sigfillset(&all);
	struct sigaction sa = {.sa_sigaction = ordered, .sa_flags = SA_SIGINFO, .sa_mask = all};
	for (int nest = 0; nest < 2; nest++) {
		if (nest) sigemptyset(&sa.sa_mask);
		for (int sig = 34; sig <= 64; sig++) sigaction(sig, &sa, NULL);
		sigaction(SIGUSR1, &sa, NULL);
		sigprocmask(SIG_BLOCK, &all, &old);
		n_order = 0;
		for (int i = 0; i < 4; i++) {
			sigqueue(getpid(), 64, (union sigval){.sival_int = i});
			sigqueue(getpid(), 40, (union sigval){.sival_int = i});
			sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i});
			sigqueue(getpid(), 35, (union sigval){.sival_int = i});
			pthread_sigqueue(pthread_self(), 40, (union sigval){.sival_int = 100 + i});
		}
		sigset_t pend;
		sigpending(&pend);
		printf("pending USR1 %d 35 %d 36 %d\n", sigismember(&pend, SIGUSR1), sigismember(&pend, 35), sigismember(&pend, 36));
		sigprocmask(SIG_SETMASK, &old, NULL);
		for (int i = 0; i < n_order; i++) printf("%d ", order[i]);
		puts("");
	}
}

// fork clears what is pending, keeps masks and actions; exec keeps pending and mask.
static void inherited(char *self) {
	sigset_t s, pend;
	sigemptyset(&s);
	int sigs[] = {SIGUSR1, SIGSEGV, SIGFPE, SIGTRAP, 40, SIGSTKFLT, SIGTERM};
	int n = sizeof sigs / sizeof *sigs;
	for (int i = 0; i < n; i++) sigaddset(&s, sigs[i]);
	sigprocmask(SIG_BLOCK, &s, NULL);
	for (int i = 0; i < n; i++) kill(getpid(), sigs[i]);
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		sigpending(&pend);
		sigprocmask(0, NULL, &s);
		for (int i = 0; i < n; i++) printf("%d: pending %d blocked %d\n", sigs[i], sigismember(&pend, sigs[i]), sigismember(&s, sigs[i]));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGBUS, SIG_IGN);
	execl(self, self, "exec", NULL);
}

static int after_exec(void) {
	sigset_t s, pend;
	sigpending(&pend);
	sigprocmask(0, NULL, &s);
	struct sigaction sa;
	for (int sig = 1; sig < 65; sig++) {
		if (sig == 32 || sig == 33) continue;
		sigaction(sig, NULL, &sa);
		if (sigismember(&pend, sig) || sigismember(&s, sig) || sa.sa_handler != SIG_DFL)
			printf("%d: pending %d blocked %d ignored %d\n", sig, sigismember(&pend, sig), sigismember(&s, sig), sa.sa_handler == SIG_IGN);
	}
	struct timespec t = {0};
	siginfo_t i;
	sigdelset(&s, SIGSTKFLT); // whose place in the order hospes does not keep
	for (int sig; (sig = sigtimedwait(&s, &i, &t)) > 0;) printf("took %d code %d pid %d\n", sig, i.si_code, i.si_pid == getpid());
	return 0;
}

// sigreturn takes over what the handler changes in the context.
static void change(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	sigaddset(&u->uc_sigmask, SIGHUP);
	sigdelset(&u->uc_sigmask, SIGUSR2);
	sigaddset(&u->uc_sigmask, SIGKILL);
}

static void context(void) {
	struct sigaction sa = {.sa_sigaction = change, .sa_flags = SA_SIGINFO};
	sigset_t s;
	sigaction(SIGQUIT, &sa, NULL);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_SETMASK, &s, NULL);
	raise(SIGQUIT);
	sigprocmask(0, NULL, &s);
	printf("mask: HUP %d USR2 %d KILL %d QUIT %d\n", sigismember(&s, SIGHUP), sigismember(&s, SIGUSR2), sigismember(&s, SIGKILL), sigismember(&s, SIGQUIT));
	sigemptyset(&s);
	sigprocmask(SIG_SETMASK, &s, NULL);
}

int main(int argc, char **argv) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) return after_exec();
	probing();
	flags();
	sending();
	io();
	queues();
	context();
	inherited(argv[0]);
	return 1;
}
