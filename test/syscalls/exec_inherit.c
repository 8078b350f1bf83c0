// What a program finds that a thread other than the first has executed: attributes
// that execve keeps, and those that it resets.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char **args;

static int count(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;
	for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void print(void)
{
	struct itimerval it;
	stack_t ss;
	char name[16], cwd[4096];
	struct rlimit l;
	int v = -1;
	printf("process ID kept %d, thread is the first %d, threads %d\n", getpid() == atoi(getenv("T_PID")), gettid() == getpid(), count("/proc/self/task"));
	printf("group kept %d, session kept %d, parent kept %d\n", getpgrp() == atoi(getenv("T_PGRP")), getsid(0) == atoi(getenv("T_SID")), getppid() == atoi(getenv("T_PPID")));
	getitimer(ITIMER_REAL, &it);
	printf("real timer %d, interval %ld\n", it.it_value.tv_sec > 3000, it.it_interval.tv_sec);
	getitimer(ITIMER_VIRTUAL, &it);
	printf("virtual timer %d\n", it.it_value.tv_sec > 3000);
	getitimer(ITIMER_PROF, &it);
	printf("profiling timer %d\n", it.it_value.tv_sec > 3000);
	sigaltstack(NULL, &ss);
	printf("alternate stack %d %#lx\n", ss.ss_flags, (long)ss.ss_size);
	prctl(PR_GET_NAME, name);
	printf("name %s\n", name);
	prctl(PR_GET_PDEATHSIG, &v);
	printf("parent death signal %d, dumpable %d, keep capabilities %d, no new privileges %d\n", v, prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	prctl(PR_GET_CHILD_SUBREAPER, &v);
	printf("subreaper %d, timer slack %d, THP disabled %d\n", v, prctl(PR_GET_TIMERSLACK), prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	mode_t m = umask(0);
	umask(m);
	getcwd(cwd, sizeof cwd);
	printf("umask %o, directory %s, nice %d, personality %x\n", m, basename(cwd), getpriority(PRIO_PROCESS, 0), personality(0xffffffff));
	cpu_set_t cpus;
	sched_getaffinity(0, sizeof cpus, &cpus);
	printf("CPUs %d, policy %d\n", CPU_COUNT(&cpus), sched_getscheduler(0));
	getrlimit(RLIMIT_CORE, &l);
	printf("core limit %ld, ", (long)l.rlim_cur);
	getrlimit(RLIMIT_FSIZE, &l);
	printf("file limit %ld\n", (long)l.rlim_cur);
	struct sigaction sa;
	printf("handlers");
	for (int i = 1; i < 65; i++)
		if (sigaction(i, NULL, &sa) == 0 && (sa.sa_handler != SIG_DFL || sa.sa_flags & ~0x04000000))
			printf(" %d:%s:%x", i, sa.sa_handler == SIG_IGN ? "ignored" : sa.sa_handler == SIG_DFL ? "default" : "handler", sa.sa_flags & ~0x04000000);
	sigset_t set;
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("\nblocked");
	for (int i = 1; i < 65; i++)
		if (sigismember(&set, i) == 1) printf(" %d", i);
	sigpending(&set);
	printf("\npending");
	for (int i = 1; i < 65; i++)
		if (sigismember(&set, i) == 1) printf(" %d", i);
	// What is queued keeps its value and order.
	struct timespec none = {0};
	siginfo_t si;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	while (sigtimedwait(&set, &si, &none) > 0) printf(" value %d code %d", si.si_value.sival_int, si.si_code);
	printf("\n");
	errno = 0;
	printf("timer of before: %s\n", timer_settime((timer_t)(long)atoi(getenv("T_TIMER")), 0, &(struct itimerspec){0}, NULL) < 0 ? "gone" : "there");
	struct itimerspec its;
	int timer = timerfd_gettime(20, &its);
	printf("timerfd %d %d, lock held %d, position %ld, append %d\n", timer, its.it_value.tv_sec > 3000,
	       flock(open("locked", O_RDONLY), LOCK_EX | LOCK_NB) < 0, (long)lseek(21, 0, SEEK_CUR), fcntl(21, F_GETFL) & O_APPEND);
	printf("epoll %d, record lock of before held: ", epoll_ctl(22, EPOLL_CTL_DEL, 20, NULL));
	fflush(stdout);
	int p = fork(), s;
	if (p == 0) {
		struct flock fl = {F_WRLCK, SEEK_SET, 0, 10};
		fcntl(21, F_GETLK, &fl);
		printf("%d\n", fl.l_type != F_UNLCK && fl.l_pid == getppid());
		fflush(stdout);
		_exit(0);
	}
	waitpid(p, &s, 0);
	printf("child of before: ");
	p = waitpid(atoi(getenv("T_CHILD")), &s, 0);
	printf("%d %#x\n", p == atoi(getenv("T_CHILD")), s);
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	printf("used CPU time of before %d\n", ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec > 20000);
	char link[64] = "", target[256] = "";
	sprintf(link, "/proc/self/task/%d/comm", getpid());
	int fd = open(link, O_RDONLY);
	read(fd, target, sizeof target - 1);
	printf("in /proc: %s", target);
}

static void number(const char *name, long n)
{
	char t[32];
	sprintf(t, "%ld", n);
	setenv(name, t, 1);
}

static void *executes(void *arg)
{
	// Of this thread, not of the process.
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	stack_t ss = {malloc(1 << 16), 0, 1 << 16};
	sigaltstack(&ss, NULL);
	prctl(PR_SET_NAME, "the other");
	prctl(PR_SET_TIMERSLACK, 123456);
	cpu_set_t cpus;
	sched_getaffinity(0, sizeof cpus, &cpus);
	for (int i = 0, seen = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus) && seen++) CPU_CLR(i, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	setpriority(PRIO_PROCESS, 0, 7);
	pthread_kill(pthread_self(), SIGUSR2); // pending for the thread
	kill(getpid(), SIGUSR1);	       // and for the process
	for (int i = 0; i < 5; i++) sigqueue(getpid(), SIGRTMIN + 1, (union sigval){i});
	execv("/proc/self/exe", args);
	perror("execv");
	exit(1);
}

static void *waits(void *arg)
{
	for (;;) pause();
}

static void *computes(void *arg)
{
	for (volatile long i = 0;; i++) {}
}

static void handler(int sig) {}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		print();
		return 0;
	}
	number("T_PID", getpid()), number("T_PGRP", getpgrp()), number("T_SID", getsid(0)), number("T_PPID", getppid());
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct itimerval it = {{9, 0}, {4000, 0}};
	setitimer(ITIMER_REAL, &it, NULL);
	setitimer(ITIMER_VIRTUAL, &it, NULL);
	setitimer(ITIMER_PROF, &it, NULL);
	timer_t tm;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};
	int id;
	syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id);
	syscall(SYS_timer_settime, id, 0, &(struct itimerspec){{0}, {600, 0}}, NULL);
	number("T_TIMER", id);
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_KEEPCAPS, 1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	umask(027);
	mkdir("elsewhere", 0777);
	chdir("elsewhere");
	personality(ADDR_NO_RANDOMIZE);
	struct rlimit l = {0, 1000};
	setrlimit(RLIMIT_CORE, &l);
	l = (struct rlimit){1 << 20, RLIM_INFINITY};
	setrlimit(RLIMIT_FSIZE, &l);
	struct sigaction sa = {.sa_handler = SIG_IGN, .sa_flags = SA_RESTART | SA_NODEFER};
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP}, NULL);
	sa.sa_handler = handler;
	sigaction(SIGWINCH, &sa, NULL);
	sigaction(SIGRTMIN + 1, &sa, NULL);
	int t = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(t, 0, &(struct itimerspec){{0}, {4000, 0}}, NULL);
	dup2(t, 20);
	int f = open("locked", O_RDWR | O_CREAT | O_APPEND, 0666);
	write(f, "0123456789", 10);
	lseek(f, 3, SEEK_SET);
	flock(f, LOCK_EX);
	struct flock fl = {F_WRLCK, SEEK_SET, 0, 10};
	dup2(f, 21);
	fcntl(21, F_SETLK, &fl);
	int ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, 20, &(struct epoll_event){EPOLLIN});
	dup2(ep, 22);
	int p = fork();
	if (p == 0) _exit(42);
	number("T_CHILD", p);
	struct timespec start, now;
	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < 50);
	args = (char *[]){argv[0], "after", NULL};
	pthread_t th;
	pthread_create(&th, NULL, waits, NULL);
	pthread_create(&th, NULL, computes, NULL);
	usleep(20000);
	pthread_create(&th, NULL, executes, NULL);
	for (;;) pause();
}
