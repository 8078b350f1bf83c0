// fork by threads that hold and want locks, while others compute, sleep, read, and
// come and go, and a timer ticks.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { rounds = 150 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int stop, ticks;
static volatile long guarded[2];
static int quiet[2];

static void on_alarm(int s) { ticks++; }
static void prepare(void) { pthread_mutex_lock(&lock); }
static void release(void) { pthread_mutex_unlock(&lock); }

static void *contend(void *arg) {
  while (!stop) {
    pthread_mutex_lock(&lock);
    guarded[0]++;
    free(malloc(300));
    guarded[1]++;
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

// A read that nothing but the end interrupts.
static void *reader(void *arg) {
  char c = 0;
  long n = read(quiet[0], &c, 1);
  return (void *)(n == 1 && c == 'x' ? 0L : n < 0 ? (long)errno : 1000L);
}

// A wait that must last: an interruption by somebody's fork would shorten it.
static void *sleeper(void *arg) {
  long wrong = 0;
  while (!stop) {
    struct timespec ts = {0, 30000000}, a, b;
    struct pollfd p = {quiet[0], 0, 0};
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (poll(&p, 0, 20) != 0 || clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL)) wrong++;
    clock_gettime(CLOCK_MONOTONIC, &b);
    if ((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec < 50000000L) wrong++;
  }
  return (void *)wrong;
}

static void *nothing(void *arg) { return arg; }

static void *churn(void *arg) {
  while (!stop) {
    pthread_t t;
    if (pthread_create(&t, NULL, nothing, NULL) == 0) pthread_join(t, NULL);
  }
  return NULL;
}

static void *forker(void *arg) {
  long failures = 0;
  for (int i = 0; i < rounds; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      pthread_mutex_lock(&lock);
      int ok = guarded[0] == guarded[1];
      pthread_mutex_unlock(&lock);
      char *p = malloc(100000);
      memset(p, 7, 100000);
      free(p);
      if (i % 8 == 0) {
        pthread_t t;
        void *r = NULL;
        if (pthread_create(&t, NULL, nothing, p) || pthread_join(t, &r) || r != p) ok = 0;
      }
      _exit(ok ? i & 63 : 99);
    }
    int st;
    if (pid < 0) {
      failures++;
      continue;
    }
    while (waitpid(pid, &st, 0) < 0)
      if (errno != EINTR) failures++;
    failures += !WIFEXITED(st) || WEXITSTATUS(st) != (i & 63);
  }
  return (void *)failures;
}

int main(void) {
  pipe(quiet);
  pthread_atfork(prepare, release, release);
  sigset_t alarm, old;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  signal(SIGALRM, on_alarm);
  sigprocmask(SIG_BLOCK, &alarm, &old); // for the main thread only
  pthread_t f[2], c[2], r, s, ch;
  pthread_create(&r, NULL, reader, NULL);
  pthread_create(&s, NULL, sleeper, NULL);
  pthread_create(&ch, NULL, churn, NULL);
  for (int i = 0; i < 2; i++) pthread_create(&c[i], NULL, contend, NULL);
  for (int i = 0; i < 2; i++) pthread_create(&f[i], NULL, forker, NULL);
  sigprocmask(SIG_SETMASK, &old, NULL);
  struct itimerval it = {{0, 3000}, {0, 3000}};
  setitimer(ITIMER_REAL, &it, NULL);
  for (int i = 0; i < 2; i++) {
    void *failures;
    pthread_join(f[i], &failures);
    printf("forker %d: %ld failures\n", i, (long)failures);
  }
  stop = 1;
  write(quiet[1], "x", 1);
  void *result;
  pthread_join(r, &result);
  printf("reader: %ld\n", (long)result);
  pthread_join(s, &result);
  printf("sleeper: %ld\n", (long)result);
  for (int i = 0; i < 2; i++) pthread_join(c[i], NULL);
  pthread_join(ch, NULL);
  printf("ticked %d\n", ticks > 0);
  return 0;
}
