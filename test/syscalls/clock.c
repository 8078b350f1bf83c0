// Clocks by the vdso and by system calls, which must be the same ones: in hot code, in threads, in children, and while
// signals arrive.
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 3000

static long ns(struct timespec t) { return t.tv_sec * 1000000000L + t.tv_nsec; }

static long by_vdso(clockid_t clock)
{
	struct timespec t = {-1, -1};
	return clock_gettime(clock, &t) ? -errno : ns(t);
}

static long by_call(clockid_t clock)
{
	struct timespec t = {-1, -1};
	return syscall(SYS_clock_gettime, clock, &t) ? -errno : ns(t);
}

// backwards counts how often a clock goes backwards from one way to ask to the other.
static int backwards(clockid_t clock)
{
	int n = 0;
	long last = by_call(clock);
	for (int i = 0; i < ROUNDS; i++) {
		long t = i % 2 ? by_call(clock) : by_vdso(clock);
		n += t < last;
		last = t;
	}
	return n;
}

static void all(void)
{
	clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
	for (int i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		struct timespec a = {0}, b = {0};
		int bad = 0;
		for (int k = 0; k < 100; k++)
			bad += clock_getres(clocks[i], &a) || syscall(SYS_clock_getres, clocks[i], &b) || ns(a) != ns(b);
		printf("clock %d: backwards %d, resolution differs %d\n", clocks[i], backwards(clocks[i]), bad);
	}
	for (int k = 0, bad = 0; k <= 100; k++) {
		bad += by_vdso(12) != -EINVAL || by_vdso(99) != -EINVAL || by_vdso(-1) != by_call(-1) || clock_getres(77, NULL) == 0 ||
			clock_getres(CLOCK_MONOTONIC, NULL) != 0;
		if (k == 100)
			printf("other clocks: bad %d\n", bad);
	}
}

static void others(void)
{
	int bad = 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct timeval tv = {-1, -1};
		long before = by_call(CLOCK_REALTIME) / 1000;
		bad += gettimeofday(&tv, NULL) != 0;
		long t = tv.tv_sec * 1000000L + tv.tv_usec, after = by_vdso(CLOCK_REALTIME) / 1000;
		bad += t < before || t > after;
		time_t s = time(NULL); // of the coarse clock
		bad += s < before / 1000000 - 1 || s > after / 1000000;
	}
	printf("gettimeofday, time: bad %d\n", bad);
	bad = 0;
	for (int i = 0; i < 200; i++) {
		struct timeval tv;
		struct timezone tz = {-1, -1}, want;
		syscall(SYS_gettimeofday, NULL, &want);
		bad += syscall(SYS_gettimeofday, &tv, &tz) || tz.tz_minuteswest != want.tz_minuteswest || tz.tz_dsttime != want.tz_dsttime;
	}
	printf("time zone: bad %d\n", bad);
	bad = 0;
	for (int i = 0; i < 200; i++) { // the thread may be moved between two looks
		unsigned cpu, node, again, its, same = 0;
		for (int k = 0; k < 20 && !same; k++) {
			cpu = node = again = its = -1;
			bad += getcpu(&cpu, i % 3 ? &node : NULL) != 0 || syscall(SYS_getcpu, &again, &its, NULL) != 0;
			same = cpu == again && node == (i % 3 ? its : -1);
		}
		bad += !same;
	}
	printf("getcpu: bad %d\n", bad);
}

static atomic_long latest;
static atomic_int behind;

// racer holds its time against the latest one that any thread has seen before.
static void *racer(void *by)
{
	for (int i = 0; i < 5 * ROUNDS; i++) {
		long seen = atomic_load(&latest);
		long t = by ? by_call(CLOCK_MONOTONIC) : by_vdso(CLOCK_MONOTONIC);
		if (t < seen)
			atomic_fetch_add(&behind, 1);
		while (t > seen && !atomic_compare_exchange_weak(&latest, &seen, t))
			;
	}
	return NULL;
}

static void threads(const char *who)
{
	pthread_t t[4];
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, racer, (void *)(i % 2));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("%s: threads behind each other: %d\n", who, behind);
	fflush(stdout);
}

static volatile sig_atomic_t ticks, wrong;

static void tick(int sig)
{
	static long last;
	long t = by_vdso(CLOCK_MONOTONIC);
	wrong += t < last;
	last = t;
	ticks++;
}

// interrupted asks for the time all the while that signals come, whose handlers do so, too.
static void interrupted(void)
{
	struct itimerval it = {{0, 200}, {0, 200}};
	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &it, NULL);
	register double kept = 1.5; // what a call must not change
	long last = 0, bad = 0, sum = 0;
	while (ticks < 200) {
		long t = by_vdso(CLOCK_MONOTONIC);
		bad += t < last;
		last = t;
		kept += 1;
		sum++;
	}
	memset(&it, 0, sizeof it);
	setitimer(ITIMER_REAL, &it, NULL);
	printf("interrupted: bad %ld, wrong %d, kept %d\n", bad, wrong, kept == sum + 1.5);
}

int main(void)
{
	all();
	others();
	interrupted();
	threads("parent");
	fflush(stdout);
	if (!fork()) {
		threads("child");
		_exit(0);
	}
	wait(NULL);
	if (!vfork())
		_exit(by_vdso(CLOCK_MONOTONIC) < latest);
	int status;
	wait(&status);
	printf("vfork: %d\n", status);
	return 0;
}
