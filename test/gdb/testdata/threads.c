// Threads that compute, signals with a handler, a child.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int stop, shared, handled, hits;
static pthread_barrier_t started;

__attribute__((noinline)) void hit(int n) { __asm__ volatile("" ::"r"(n)); }

static void *spin(void *name)
{
	long n = 0;
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&started); // who stops in hit finds all three threads
	while (!stop)
		if ((++n & 0xfffff) == 0) {
			hit(n >> 20);
			__atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
		}
	return (void *)n;
}

static void on_signal(int sig) { handled++; }

int main(void)
{
	pthread_t t[2];
	int status;
	signal(SIGUSR1, on_signal);
	pthread_barrier_init(&started, 0, 2);
	pthread_create(&t[0], 0, spin, "alpha");
	pthread_create(&t[1], 0, spin, "beta");
	for (int i = 1; i <= 20; i++) {
		usleep(10000);
		raise(SIGUSR1);
		shared = i; // stored
	}
	while (hits < 5) // as often as somebody wants to stop there, however seldom the threads get to run
		usleep(1000);
	pid_t child = fork();
	if (child == 0) {
		hit(-1);
		_exit(3);
	}
	waitpid(child, &status, 0);
	stop = 1;
	pthread_join(t[0], 0);
	pthread_join(t[1], 0);
	printf("child %d, handled %d\n", WEXITSTATUS(status), handled);
	return 0;
}
