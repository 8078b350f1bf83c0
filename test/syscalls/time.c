// Sleeping, timers, clocks: results, errors, and what happens on signals.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static volatile sig_atomic_t count;
static void handler(int sig) { count++; }

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void within(const char *what, double d, double least, double most)
{
	if (d >= least && d < most)
		printf("%s: in time\n", what);
	else
		printf("%s: took %f s, wanted %f to %f\n", what, d, least, most);
}

// alarms has SIGALRM come every so many microseconds, or no more: one may come before what it is to interrupt.
static void alarms(int us)
{
	struct itimerval it = {{0, us}, {0, us}};
	setitimer(ITIMER_REAL, &it, NULL);
}

static void sleeps(void)
{
	struct timespec bad = {0, 1000000000}, neg = {-1, 0}, t = {0, 20000000}, rem = {7, 7};
	TRY(syscall(SYS_nanosleep, &bad, NULL));
	TRY(syscall(SYS_nanosleep, &neg, NULL));
	TRY(syscall(SYS_nanosleep, NULL, NULL));
	TRY(syscall(SYS_nanosleep, (void *)8, NULL));
	double start = now();
	TRY(syscall(SYS_nanosleep, &t, &rem));
	within("nanosleep", now() - start, .02, 60);
	printf("rem untouched: %d\n", rem.tv_sec == 7 && rem.tv_nsec == 7);

	TRY(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &t, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &t, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_TAI, 0, &t, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL));
	TRY(syscall(SYS_clock_nanosleep, 99, 0, &t, NULL));
	TRY(syscall(SYS_clock_nanosleep, 99, 0, NULL, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &bad, NULL));
	struct timespec abs;
	start = now();
	clock_gettime(CLOCK_MONOTONIC, &abs);
	abs.tv_nsec += 30000000;
	if (abs.tv_nsec >= 1000000000)
		abs.tv_nsec -= 1000000000, abs.tv_sec++;
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &abs, NULL));
	within("until", now() - start, .03, 60);
	abs.tv_sec = 1;
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &abs, NULL));
}

static void *stop_and_go(void *arg)
{
	usleep(50000);
	kill(getpid(), SIGCONT); // no handler: does not end the sleep
	return NULL;
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, NULL);
	struct timespec t = {500, 0}, rem = {0, 0};
	alarms(50000);
	double start = now();
	TRY(syscall(SYS_nanosleep, &t, &rem));
	within("interrupted", now() - start, .001, 60);
	within("what remains", rem.tv_sec + rem.tv_nsec / 1e9, start + 500 - now(), 500);
	printf("handler %d\n", count > 0);
	TRY(syscall(SYS_nanosleep, &t, (void *)8));
	TRY(syscall(SYS_nanosleep, &t, NULL));
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 500;
	count = 0;
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &rem));
	alarms(0);
	printf("handler %d\n", count > 0);

	pthread_t th;
	pthread_create(&th, NULL, stop_and_go, NULL);
	struct timespec sleep = {0, 200000000};
	start = now();
	TRY(syscall(SYS_nanosleep, &sleep, NULL));
	within("continued", now() - start, .2, 60);
	pthread_join(th, NULL);
	TRY(syscall(SYS_restart_syscall));
}

static volatile int value;
static void info_handler(int sig, siginfo_t *si, void *uc)
{
	value = si->si_value.sival_int;
	printf("signal %d code %d value %d\n", sig, si->si_code, si->si_value.sival_int);
}

static void timers(void)
{
	struct sigaction sa = {.sa_sigaction = info_handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGRTMIN + 3, &sa, NULL);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 4711};
	int id;
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
	struct itimerspec it = {{0, 0}, {0, 10000000}}, old;
	TRY(syscall(SYS_timer_settime, id, 0, &it, &old));
	while (value == 0) // not pause: the signal may have come before it
		usleep(500);
	TRY(syscall(SYS_timer_gettime, id, &old));
	printf("%ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_nsec);
	TRY(syscall(SYS_timer_getoverrun, id));
	TRY(syscall(SYS_timer_delete, id));
	TRY(syscall(SYS_timer_delete, id));
	TRY(syscall(SYS_timer_create, 99, &ev, &id));
	ev.sigev_signo = 99;
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
	ev.sigev_signo = SIGRTMIN + 3;
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev._sigev_un._tid = syscall(SYS_gettid);
	value = 0;
	TRY(syscall(SYS_timer_create, CLOCK_REALTIME, &ev, &id));
	TRY(syscall(SYS_timer_settime, id, 0, &it, NULL));
	while (value == 0) // not pause: the signal may have come before it
		usleep(500);
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(fd, 0, &it, NULL);
	unsigned long long n;
	TRY(read(fd, &n, sizeof n));
	printf("expirations %llu\n", n);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	sleeps();
	interrupted();
	timers();
	struct timespec res;
	TRY(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &res));
	printf("%ld %ld\n", (long)res.tv_sec, (long)res.tv_nsec);
	struct timex tx = {0};
	printf("adjtimex %d\n", syscall(SYS_adjtimex, &tx) >= 0 && tx.tick > 0);
	struct tms tms;
	printf("times %d\n", times(&tms) > 0);
	struct timeval tv;
	struct timezone tz;
	TRY(syscall(SYS_gettimeofday, &tv, &tz));
	return 0;
}
