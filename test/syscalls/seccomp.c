// Filters of system calls: what is accepted, what each action does, who inherits them.
// args: main
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __riscv
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define IF(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, yes, no)

static long seccomp(unsigned op, unsigned flags, void *args) { return syscall(SYS_seccomp, op, flags, args); }

static long install(struct sock_filter *f, int n, unsigned flags)
{
	struct sock_fprog p = {n, f};
	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &p);
}

// on installs a filter that has an action for one system call, of any machine's number.
static long on(long nr, unsigned action, unsigned flags)
{
	struct sock_filter f[] = {LOAD(arch), IF(ARCH, 1, 0), RET(SECCOMP_RET_KILL_PROCESS), LOAD(nr), IF(nr, 0, 1), RET(action), RET(SECCOMP_RET_ALLOW)};
	return install(f, sizeof f / sizeof *f, flags);
}

// in runs a function in a child and tells how that ended.
static void in(const char *what, void (*run)(void))
{
	int status;
	printf("-- %s\n", what);
	fflush(stdout);
	pid_t p = fork();
	if (!p) {
		run();
		fflush(stdout);
		_exit(7);
	}
	waitpid(p, &status, 0);
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("status %d\n", WEXITSTATUS(status));
}

static void program(const char *what, struct sock_filter *f, int n)
{
	long r = install(f, n, 0);
	printf("%s: %ld %s\n", what, r, r ? strerrorname_np(errno) : "");
}
#define PROGRAM(...) \
	do { \
		struct sock_filter f_[] = {__VA_ARGS__}; \
		program(#__VA_ARGS__, f_, sizeof f_ / sizeof *f_); \
	} while (0)

static void checks(void)
{
	struct sock_filter allow[] = {RET(SECCOMP_RET_ALLOW)};
	struct sock_fprog none = {0, allow}, null = {1, NULL}, bad = {1, (void *)8}, large = {4097, allow};
	TRY(seccomp(SECCOMP_SET_MODE_FILTER, 0, &none));
	TRY(seccomp(SECCOMP_SET_MODE_FILTER, 0, &null));
	TRY(seccomp(SECCOMP_SET_MODE_FILTER, 0, &bad));
	TRY(seccomp(SECCOMP_SET_MODE_FILTER, 0, &large));
	TRY(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *)8));
	TRY(seccomp(SECCOMP_SET_MODE_FILTER, 0x8000, &none));
	TRY(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL));
	TRY(seccomp(SECCOMP_SET_MODE_STRICT, 0, &none));
	TRY(seccomp(99, 0, NULL));
	unsigned a[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
	                SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0x1234, 0x50001};
	for (int i = 0; i < 10; i++)
		TRY(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &a[i]));
	TRY(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, a));
	TRY(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL));
	struct seccomp_notif_sizes s;
	TRY(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &s));
	printf("%d %d %d\n", s.seccomp_notif, s.seccomp_notif_resp, s.seccomp_data);
	TRY(prctl(PR_SET_SECCOMP, 9, 0));
	TRY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &none));
	TRY(prctl(PR_GET_SECCOMP));

	PROGRAM(BPF_STMT(BPF_LD | BPF_IMM, 1));
	PROGRAM(BPF_STMT(BPF_RET | BPF_X, 1));
	PROGRAM(BPF_STMT(BPF_RET | BPF_A, 1));
	PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 4), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 4), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 4), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_LD | BPF_MEM, 4), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ST, 4), BPF_STMT(BPF_LD | BPF_MEM, 4), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ST, 16), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_ALU | BPF_NEG, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_JMP | BPF_JA, 1), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_JMP | BPF_JA, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_JUMP(BPF_JMP | 0x50, 1, 0, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(0x100 | BPF_LD | BPF_IMM, 1), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_MISC | BPF_TAX, 1), BPF_STMT(BPF_MISC | BPF_TXA, 1), RET(SECCOMP_RET_ALLOW));
	PROGRAM(BPF_STMT(BPF_MISC | 0x40, 1), RET(SECCOMP_RET_ALLOW));
	TRY(prctl(PR_GET_SECCOMP));
	TRY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0));
}

// compute has programs calculate with the arguments of a call.
static void compute(void)
{
	struct sock_filter f[] = {
		LOAD(nr), IF(SYS_getpriority, 0, 18),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), // a = low half of the first argument
		BPF_STMT(BPF_ST, 15),
		BPF_STMT(BPF_LDX | BPF_MEM, 15),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), // 2a
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 10), // 20a
		BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 5), // 20a - 5
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), // /a: kills for 0
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 1),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0x20),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 20), // high half
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0x80000000, 3, 0),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
		RET(SECCOMP_RET_ERRNO | 77),
		RET(SECCOMP_RET_KILL),
		RET(SECCOMP_RET_ALLOW),
	};
	TRY(install(f, sizeof f / sizeof *f, 0));
	for (long v = 1; v < 8; v++) {
		long r = syscall(SYS_getpriority, v, 0);
		printf("%ld: %ld %d\n", v, r, errno);
	}
	long r = syscall(SYS_getpriority, 0xfffffffffffffff0UL, 0);
	printf("%ld %d\n", r, errno);
	fflush(stdout);
	syscall(SYS_getpriority, 0UL, 0);
}

static volatile long a0_seen;

static void on_sys(int sig, siginfo_t *si, void *uc)
{
	printf("SIGSYS code %d errno %d nr %d arch %d addr %d\n", si->si_code, si->si_errno, si->si_syscall == SYS_setgroups,
	       si->si_arch == ARCH, si->si_call_addr != NULL);
#ifdef __riscv
	ucontext_t *u = uc;
	printf("a0 %d pc %d\n", (int)u->uc_mcontext.__gregs[10] == 4711, (void *)u->uc_mcontext.__gregs[0] == si->si_call_addr);
	u->uc_mcontext.__gregs[10] = -EXDEV;
#else
	ucontext_t *u = uc;
	printf("a0 %d pc %d\n", (int)u->uc_mcontext.gregs[REG_RDI] == 4711, (void *)u->uc_mcontext.gregs[REG_RIP] == si->si_call_addr);
	u->uc_mcontext.gregs[REG_RAX] = -EXDEV;
#endif
}

static void trapped(void)
{
	struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
	sigaction(SIGSYS, &sa, NULL);
	on(SYS_setgroups, SECCOMP_RET_TRAP | 0x1234, 0);
	TRY(syscall(SYS_setgroups, 4711, 0));
	sigset_t s;
	sigfillset(&s);
	sigprocmask(SIG_BLOCK, &s, NULL);
	fflush(stdout);
	syscall(SYS_setgroups, 4711, 0);
}

static void ignored(void)
{
	signal(SIGSYS, SIG_IGN);
	on(SYS_setgroups, SECCOMP_RET_TRAP, 0);
	syscall(SYS_setgroups, 0, 0);
}

static void error(void)
{
	on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, 0);
	TRY(syscall(SYS_sync));
	on(SYS_sync, SECCOMP_RET_ERRNO | EBADFD, 0); // the later one counts
	TRY(syscall(SYS_sync));
	on(SYS_sync, SECCOMP_RET_ALLOW, 0); // the more severe one counts
	TRY(syscall(SYS_sync));
	on(SYS_sync, SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG);
	TRY(syscall(SYS_sync));
	on(SYS_setgroups, SECCOMP_RET_ERRNO | 0, 0);
	TRY(syscall(SYS_setgroups, 1, 8));
	on(SYS_setgroups, SECCOMP_RET_ERRNO | 0xffff, 0);
	long r = syscall(SYS_setgroups, 1, 8);
	printf("%ld %d\n", r, errno);
	on(SYS_acct, SECCOMP_RET_TRACE | 1, 0);
	TRY(syscall(SYS_acct, 0));
	on(SYS_acct, SECCOMP_RET_USER_NOTIF, 0);
	TRY(syscall(SYS_acct, 0));
	on(9999, SECCOMP_RET_ERRNO | EPROTO, 0);
	TRY(syscall(9999));
	TRY(syscall(9998));
	TRY(prctl(PR_GET_SECCOMP));
	char line[200];
	FILE *status = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, status))
		if (!strncmp(line, "Seccomp", 7) || !strncmp(line, "NoNewPrivs", 10))
			fputs(line, stdout);
}

static void kill_process(void) { on(SYS_sync, SECCOMP_RET_KILL_PROCESS, 0), syscall(SYS_sync); }
static void kill_last_thread(void) { on(SYS_sync, SECCOMP_RET_KILL_THREAD, 0), syscall(SYS_sync); }
static void kill_unknown(void) { on(SYS_sync, 0x12340000, 0), syscall(SYS_sync); }

static void *one(void *arg)
{
	syscall(SYS_sync);
	return NULL;
}

static void *waiting(void *arg)
{
	int *fd = arg;
	char c;
	read(fd[0], &c, 1);
	errno = 0;
	long r = syscall(SYS_sync);
	printf("thread %ld %s mode %d\n", r, errno ? strerrorname_np(errno) : "", prctl(PR_GET_SECCOMP));
	return NULL;
}

static void *killing(void *arg)
{
	on(SYS_sync, SECCOMP_RET_KILL_THREAD, 0);
	syscall(SYS_sync);
	printf("not reached\n");
	return NULL;
}

static void kill_thread(void)
{
	pthread_t t;
	pthread_create(&t, NULL, killing, NULL);
	sleep(1);
	printf("main lives, mode %d\n", prctl(PR_GET_SECCOMP));
}

static void kill_process_of_threads(void)
{
	pthread_t t;
	on(SYS_sync, SECCOMP_RET_KILL_PROCESS, 0);
	pthread_create(&t, NULL, one, NULL);
	pause();
}

static void tsync(void)
{
	pthread_t t;
	int fd[2];
	pipe(fd);
	pthread_create(&t, NULL, waiting, fd);
	TRY(on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, SECCOMP_FILTER_FLAG_TSYNC));
	write(fd[1], "x", 1);
	pthread_join(t, NULL);
}

static void *own_filter(void *arg)
{
	int *fd = arg;
	on(SYS_acct, SECCOMP_RET_ERRNO | EDOM, 0);
	write(fd[3], "x", 1);
	char c;
	read(fd[0], &c, 1);
	return NULL;
}

static void tsync_diverged(void)
{
	pthread_t t;
	int fd[4];
	char c;
	pipe(fd), pipe(fd + 2);
	pthread_create(&t, NULL, own_filter, fd);
	read(fd[2], &c, 1);
	printf("a thread is named: %d\n", on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, SECCOMP_FILTER_FLAG_TSYNC) > 0);
	TRY(on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
	TRY(syscall(SYS_sync));
	write(fd[1], "x", 1);
	pthread_join(t, NULL);
}

static void inherited(void)
{
	on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, 0);
	fflush(stdout);
	if (!fork()) {
		printf("fork ");
		TRY(syscall(SYS_sync));
		fflush(stdout);
		if (!vfork()) {
			execl("/proc/self/exe", "x", "exec", NULL);
			_exit(1);
		}
		wait(NULL);
		execl("/proc/self/exe", "x", "exec", NULL);
	}
	int status;
	wait(&status);
	printf("%x\n", status);
	pthread_t t;
	int fd[2];
	pipe(fd);
	write(fd[1], "x", 1);
	pthread_create(&t, NULL, waiting, fd);
	pthread_join(t, NULL);
}

static void strict(void)
{
	int fd[2];
	pipe(fd);
	fflush(stdout);
	TRY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	fflush(stdout);
	write(1, "still here\n", 11);
	write(fd[1], "x", 1);
	char c;
	read(fd[0], &c, 1);
	syscall(SYS_exit, c == 'x' ? 42 : 1);
}

static void strict_dies(void)
{
	seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
	getppid();
}

static void unprivileged(void)
{
	if (geteuid() == 0)
		setresuid(65534, 65534, 65534);
	if (prctl(PR_GET_NO_NEW_PRIVS) != 0)
		return;
	TRY(on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(on(SYS_sync, SECCOMP_RET_ERRNO | ENOTNAM, 0));
	TRY(syscall(SYS_sync));
}

static void chain(void)
{
	static struct sock_filter f[4096];
	for (int i = 0; i < 4096; i++)
		f[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	int n = 0;
	while (install(f, 4096, 0) == 0)
		n++;
	printf("%d filters of full length, %s\n", n, strerrorname_np(errno));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (!strcmp(argv[1], "exec")) {
		printf("exec ");
		TRY(syscall(SYS_sync));
		printf("mode %d\n", prctl(PR_GET_SECCOMP));
		return 0;
	}
	in("unprivileged", unprivileged);
	if (geteuid() != 0)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	in("checks", checks);
	in("compute", compute);
	in("trap", trapped);
	in("trap ignored", ignored);
	in("errors", error);
	in("kill process", kill_process);
	in("kill last thread", kill_last_thread);
	in("kill by an unknown action", kill_unknown);
	in("kill a thread", kill_thread);
	in("kill a process of threads", kill_process_of_threads);
	in("tsync", tsync);
	in("tsync, diverged", tsync_diverged);
	in("inherited", inherited);
	in("strict", strict);
	in("strict dies", strict_dies);
	in("chain", chain);
	return 0;
}
