// How signals end, stop and continue a process, as its parent learns it: the wait
// status, the siginfo of waitid(2), that of SIGCHLD; with and without core dumps.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void describe(const char *what, int sig, siginfo_t *i, int status) {
	printf("%s %d: code %d status %d;", what, sig, i->si_code, i->si_status);
	if (WIFEXITED(status)) printf(" exit %d\n", WEXITSTATUS(status));
	else if (WIFSIGNALED(status)) printf(" signal %d core %d\n", WTERMSIG(status), !!WCOREDUMP(status));
	else printf(" %#x\n", status);
}

static void limit(rlim_t soft) {
	struct rlimit r;
	getrlimit(RLIMIT_CORE, &r);
	r.rlim_cur = soft;
	if (setrlimit(RLIMIT_CORE, &r)) perror("setrlimit");
	getrlimit(RLIMIT_CORE, &r);
	printf("core limit %ld\n", (long)r.rlim_cur);
}

static int seen[2]; // a pipe

// A child sends itself a signal, in one of several ways.
static void child(int sig, int how) {
	sigset_t s;
	switch (how) {
	case 0: kill(getpid(), sig); break;
	case 1: syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig); break;
	case 2: // pending while blocked
		sigfillset(&s);
		sigprocmask(SIG_SETMASK, &s, NULL);
		kill(getpid(), sig);
		sigemptyset(&s);
		sigprocmask(SIG_SETMASK, &s, NULL);
		break;
	case 3: // while it waits
		pause();
	}
	if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
		struct pollfd p = {seen[0], POLLIN}; // until the parent has seen that it goes on
		if (poll(&p, 1, 60000) == 1) read(seen[0], &p, 1);
	}
	_exit(42);
}

static void round1(int how) {
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == 32 || sig == 33 || sig > 35 && sig < 63) continue; // two are the C library's
		siginfo_t i;
		int status = 0;
		memset(&i, 0, sizeof i);
		fflush(stdout);
		pid_t p = fork();
		if (p == 0) child(sig, how);
		if (how == 3) {
			usleep(3000);
			kill(p, sig);
			if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH) { kill(p, SIGKILL); }
		}
		if (waitid(P_PID, p, &i, WEXITED | WSTOPPED | WNOWAIT)) perror("waitid");
		if (i.si_pid != p || i.si_uid != getuid() || i.si_signo != SIGCHLD) printf("wrong siginfo\n");
		if (i.si_code == CLD_STOPPED) {
			pid_t q = waitpid(p, &status, WUNTRACED);
			printf("stopped %d %#x code %d status %d\n", q == p, status, i.si_code, i.si_status);
			kill(p, SIGCONT);
			q = waitpid(p, &status, WCONTINUED);
			printf("continued %d %d\n", q == p, WIFCONTINUED(status));
			if (how == 3) kill(p, SIGKILL);
			else write(seen[1], "", 1);
			memset(&i, 0, sizeof i);
			waitid(P_PID, p, &i, WEXITED | WNOWAIT);
		}
		waitpid(p, &status, 0);
		describe("signal", sig, &i, status);
	}
}

// Instructions that fault.
static void fault(int n) {
	switch (n) {
	case 0: *(volatile int *)0 = 1; break;
	case 1: __builtin_trap(); break;
	case 2: abort();
	case 3: raise(SIGFPE); break;
	case 4: { // blocked
		sigset_t s;
		sigfillset(&s);
		sigprocmask(SIG_SETMASK, &s, NULL);
		*(volatile int *)0 = 1;
		break;
	}
	case 5: signal(SIGSEGV, SIG_IGN); *(volatile int *)0 = 1; break;
	case 6: { // CPU time
		struct rlimit r = {1, 2};
		setrlimit(RLIMIT_CPU, &r);
		for (;;) ;
	}
	case 7: {
		struct rlimit r = {100, 100};
		setrlimit(RLIMIT_FSIZE, &r);
		char b[200];
		FILE *f = fopen("file", "w");
		for (int i = 0; i < 10; i++) { write(fileno(f), b, sizeof b); }
		break;
	}
	}
	_exit(41);
}

static void faults(void) {
	for (int n = 0; n < 8; n++) {
		int status = 0;
		siginfo_t i;
		fflush(stdout);
		pid_t p = fork();
		if (p == 0) fault(n);
		waitid(P_PID, p, &i, WEXITED | WNOWAIT);
		waitpid(p, &status, 0);
#ifdef __riscv
		if (n == 1 && WTERMSIG(status) == SIGTRAP) { // ebreak is what the compiler has here
			status = status & ~0x7f | SIGILL;
			i.si_status = SIGILL;
		}
#endif
		describe("fault", n, &i, status);
	}
}

static volatile sig_atomic_t got, stops;
static siginfo_t last;
static void on_child(int sig, siginfo_t *i, void *c) {
	last = *i;
	got = i->si_code;
	if (i->si_code == CLD_STOPPED || i->si_code == CLD_CONTINUED) stops++;
}

static void wait_for(pid_t p, int code) {
	for (int i = 0; i < 100000 && (got != code || last.si_pid != p); i++) usleep(1000);
	printf("SIGCHLD: signo %d errno %d code %d status %d uid %d utime %d\n", last.si_signo, last.si_errno, last.si_code,
	       last.si_status, last.si_uid == getuid(), last.si_utime >= 0 && last.si_utime < 1000);
	got = 0;
}

// SIGCHLD tells of each change.
static void changes(int flags) {
	struct sigaction sa = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | flags};
	sigaction(SIGCHLD, &sa, NULL);
	printf("flags %#x\n", flags);
	got = stops = 0;
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) for (;;) pause();
	int quiet = flags & SA_NOCLDSTOP;
	kill(p, SIGSTOP);
	waitpid(p, NULL, WUNTRACED);
	if (!quiet) wait_for(p, CLD_STOPPED);
	kill(p, SIGCONT);
	waitpid(p, NULL, WCONTINUED);
	if (!quiet) wait_for(p, CLD_CONTINUED);
	kill(p, SIGTSTP);
	waitpid(p, NULL, WUNTRACED);
	if (!quiet) wait_for(p, CLD_STOPPED);
	kill(p, SIGCONT);
	if (!quiet) wait_for(p, CLD_CONTINUED);
	kill(p, SIGQUIT);
	wait_for(p, CLD_DUMPED);
	int status;
	pid_t q = wait(&status);
	if (flags & SA_NOCLDWAIT) printf("wait: %s\n", q < 0 ? strerror(errno) : "a child");
	else printf("wait: %d signal %d core %d\n", q == p, WTERMSIG(status), !!WCOREDUMP(status));
	fflush(stdout);
	p = fork();
	if (p == 0) _exit(300 - 256 + 7);
	wait_for(p, CLD_EXITED);
	wait(NULL);
	printf("told of stopping: %d\n", stops > 0);
	signal(SIGCHLD, SIG_DFL);
}

int main(void) {
	char dir[] = "/tmp/statusXXXXXX";
	if (!mkdtemp(dir) || chdir(dir) || pipe(seen)) return 1;
	limit(0);
	round1(0);
	limit(RLIM_INFINITY);
	round1(1);
	round1(2);
	limit(1000);
	round1(3);
	limit(4096);
	faults();
	limit(0);
	faults();
	limit(RLIM_INFINITY);
	changes(0);
	changes(SA_NOCLDSTOP);
	changes(SA_NOCLDWAIT);
	changes(SA_RESTART);
	unlink("file");
	int left = 0;
	struct stat st;
	if (stat("core", &st) == 0) { unlink("core"); }
	chdir("/");
	char cmd[100];
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	return system(cmd);
}
