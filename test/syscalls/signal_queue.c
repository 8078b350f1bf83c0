// Queued signals: order, values, what merges and what does not.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N 1000

#define SHOW(name, call)                                                  \
	do {                                                              \
		long result = (call);                                     \
		printf("%s: %ld %s\n", name, result, result < 0 ? strerror(errno) : ""); \
	} while (0)

static volatile int log_sig[2 * N], log_val[2 * N], logged;
static volatile int bad_code, bad_pid, bad_ctx;

static void handler(int sig, siginfo_t *info, void *ctx) {
	if (logged < 2 * N) {
		log_sig[logged] = sig;
		log_val[logged++] = info->si_value.sival_int;
	}
	if (info->si_code != SI_QUEUE) bad_code++;
	if (info->si_pid != getpid() || info->si_uid != getuid()) bad_pid++;
	if (ctx == NULL || info->si_signo != sig) bad_ctx++;
}

static void plain(int sig) { log_sig[logged++] = sig; }

static void install(int sig, void (*f)(int, siginfo_t *, void *)) {
	struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO};
	sigfillset(&sa.sa_mask);
	if (sigaction(sig, &sa, NULL)) perror("sigaction");
}

static void queue(int sig, int v) {
	union sigval val = {.sival_int = v};
	if (sigqueue(getpid(), sig, val)) perror("sigqueue");
}

static void in_order(void) {
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, &old);
	install(SIGRTMIN + 3, handler);
	install(SIGRTMIN + 1, handler);
	logged = 0;
	for (int i = 0; i < N / 2; i++) {
		queue(SIGRTMIN + 3, i);
		queue(SIGRTMIN + 1, 10000 + i);
	}
	printf("while blocked: %d\n", logged);
	sigset_t pend;
	sigpending(&pend);
	printf("pending: %d %d %d\n", sigismember(&pend, SIGRTMIN + 1), sigismember(&pend, SIGRTMIN + 2), sigismember(&pend, SIGRTMIN + 3));
	sigprocmask(SIG_SETMASK, &old, NULL);
	int ok = logged == N;
	// Each handler is entered before the previous one has run: the last delivered
	// runs first unless its mask blocks the others, as here. The lowest number goes first.
	for (int i = 0; i < N / 2 && ok; i++) {
		ok = log_sig[i] == SIGRTMIN + 1 && log_val[i] == 10000 + i &&
		     log_sig[N / 2 + i] == SIGRTMIN + 3 && log_val[N / 2 + i] == i;
	}
	printf("delivered %d in order %d, bad code %d pid %d ctx %d\n", logged, ok, bad_code, bad_pid, bad_ctx);
}

// Signals that are sent while unblocked are handled before the call returns.
static void at_once(void) {
	logged = 0;
	for (int i = 0; i < N; i++) {
		queue(SIGRTMIN + 1, i);
		if (logged != i + 1 || log_val[i] != i) {
			printf("after %d: %d handled, last value %d\n", i, logged, log_val[i]);
			return;
		}
	}
	puts("handled at once");
}

static void merging(void) {
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGUSR1, plain);
	signal(SIGUSR2, plain);
	logged = 0;
	for (int i = 0; i < 5; i++) {
		kill(getpid(), SIGUSR2);
		kill(getpid(), SIGUSR1);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("merged: %d delivered, first run is the one with the %s number\n", logged,
	       log_sig[0] > log_sig[1] ? "higher" : "lower");
	logged = 0;
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1); // once for the process, once for the thread
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("process and thread: %d delivered\n", logged);
	// Ignoring discards what is pending.
	logged = 0;
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR2);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR1, plain);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("discarded: %d delivered\n", logged);
}

// SIGSEGV and its like behave as any other signal when somebody sends them.
static void fault_signals(void) {
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSTKFLT};
	sigset_t set, old, pend;
	sigfillset(&set);
	for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) install(sigs[i], handler);
	logged = bad_code = bad_pid = bad_ctx = 0;
	for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) queue(sigs[i], 100 + i);
	printf("sent: %d handled, last value %d\n", logged, log_val[5]);
	sigprocmask(SIG_BLOCK, &set, &old);
	logged = 0;
	for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		queue(sigs[i], 200 + i);
		queue(sigs[i], 300 + i);
	}
	sigpending(&pend);
	printf("blocked: %d handled, pending", logged);
	for (int s = 1; s < 32; s++)
		if (sigismember(&pend, s)) printf(" %d", s);
	puts("");
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("unblocked: %d handled:", logged);
	for (int i = 0; i < logged; i++) printf(" %d=%d", log_sig[i], log_val[i]);
	printf("\nbad code %d pid %d ctx %d\n", bad_code, bad_pid, bad_ctx);
	// Taken by sigwaitinfo instead.
	sigprocmask(SIG_BLOCK, &set, &old);
	queue(SIGSEGV, 7);
	sigemptyset(&pend);
	sigaddset(&pend, SIGSEGV);
	siginfo_t info;
	int r = sigwaitinfo(&pend, &info);
	printf("sigwaitinfo %d value %d\n", r, info.si_value.sival_int);
	struct timespec ts = {0, 1000000};
	SHOW("again", sigtimedwait(&pend, &info, &ts));
	// Ignored while pending.
	queue(SIGFPE, 8);
	signal(SIGFPE, SIG_IGN);
	sigpending(&pend);
	printf("pending after SIG_IGN: %d\n", sigismember(&pend, SIGFPE));
	sigprocmask(SIG_SETMASK, &old, NULL);
	queue(SIGFPE, 9);
	puts("ignored");
}

static pthread_barrier_t barrier;
static volatile int in_thread;
static pthread_t worker;

static void note(int sig) { in_thread = pthread_equal(pthread_self(), worker) ? sig : -sig; }

static void *wait_for_segv(void *arg) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_barrier_wait(&barrier);
	while (!in_thread) usleep(1000);
	return NULL;
}

// A signal for the process goes to the thread that does not block it.
static void other_thread(void) {
	sigset_t set, old;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	signal(SIGSEGV, note);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&worker, NULL, wait_for_segv, NULL);
	pthread_barrier_wait(&barrier);
	kill(getpid(), SIGSEGV);
	pthread_join(worker, NULL);
	printf("thread got %d\n", in_thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void errors(void) {
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	SHOW("kill 65", kill(getpid(), 65));
	SHOW("kill 0", kill(getpid(), 0));
	SHOW("tgkill 0", syscall(SYS_tgkill, 0, 1, SIGUSR1));
	SHOW("tgkill other", syscall(SYS_tgkill, getpid(), 0x3ffffff, SIGUSR1));
	SHOW("tkill -1", syscall(SYS_tkill, -1, SIGUSR1));
	SHOW("rt_sigqueueinfo bad address", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 16));
	SHOW("rt_tgsigqueueinfo 99", syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 99, &info));
	info.si_code = SI_USER;
	SHOW("pretending to be kill", syscall(SYS_rt_sigqueueinfo, 1, SIGCONT, &info));
}

int main(void) {
	in_order();
	at_once();
	merging();
	fault_signals();
	other_thread();
	errors();
	return 0;
}
