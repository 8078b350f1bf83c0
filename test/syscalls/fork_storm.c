// Forks, spawns and failing spawns, one after another, from a process whose threads
// compute, block, allocate, map, come and go, with signals on the way. The arguments
// are how many forks, and how many spawns.
// args: 200 100
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static volatile int stop, ticks, wrong;
static int quiet[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void on_signal(int s) { ticks++; }

static void *compute(void *arg) {
  unsigned long a = 1;
  double d = 1;
  while (!stop) {
    a = a * 6364136223846793005UL + 1442695040888963407UL;
    d = d * 1.0000001 + (double)(a >> 60);
  }
  return (void *)(a + (long)d != 0);
}

static void *allocate(void *arg) {
  char *p[64] = {0};
  for (unsigned i = 0; !stop; i++) {
    free(p[i % 64]);
    size_t n = (i * 7919) % 20000 + 1;
    if ((p[i % 64] = malloc(n))) memset(p[i % 64], i, n);
  }
  for (int i = 0; i < 64; i++) free(p[i]);
  return NULL;
}

static void *map(void *arg) {
  while (!stop) {
    char *p = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 1 << 14);
    mprotect(p, 1 << 12, PROT_READ);
    munmap(p, 1 << 18);
  }
  return NULL;
}

static void *block(void *arg) {
  struct pollfd p = {quiet[0], POLLIN, 0};
  while (!stop)
    if (poll(&p, 1, -1) < 0 && errno != EINTR) wrong++;
  return NULL;
}

static void *nap(void *arg) {
  while (!stop) {
    struct timespec ts = {0, 300000};
    nanosleep(&ts, NULL);
  }
  return NULL;
}

static void *wait_cond(void *arg) {
  while (!stop) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if ((ts.tv_nsec += 500000) >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
    pthread_mutex_lock(&lock);
    pthread_cond_timedwait(&cond, &lock, &ts);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void *nothing(void *arg) { return arg; }

static void *churn(void *arg) {
  while (!stop) {
    pthread_t t;
    if (pthread_create(&t, NULL, nothing, NULL) == 0) pthread_join(t, NULL);
  }
  return NULL;
}

static int reap(pid_t pid) {
  int st;
  while (waitpid(pid, &st, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

static int open_files(void) {
  DIR *d = opendir("/proc/self/fd");
  int n = 0;
  while (d && readdir(d)) n++;
  closedir(d);
  return n;
}

// What a child does: memory, a thread now and then, and children of its own.
static int child(int i) {
  char *p = malloc(50000);
  memset(p, i, 50000);
  int ok = p[49999] == (char)i;
  free(p);
  if (i % 16 == 1) {
    pthread_t t;
    void *r;
    ok = ok && pthread_create(&t, NULL, nothing, p) == 0 && pthread_join(t, &r) == 0 && r == p;
  }
  if (i % 16 == 2) {
    pid_t pid = fork();
    if (pid == 0) _exit(33);
    ok = ok && reap(pid) == 33;
  }
  if (i % 16 == 3) {
    pid_t pid;
    char *argv[] = {"x", NULL};
    ok = ok && posix_spawn(&pid, "/no/such", NULL, NULL, argv, environ) == ENOENT;
  }
  return ok ? i & 63 : 99;
}

static void forks(int n) {
  int failures = 0;
  for (int i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid == 0) _exit(child(i));
    int r = pid < 0 ? -1000 - errno : reap(pid);
    if (r != (i & 63) && failures++ < 5) printf("fork %d: %d\n", i, r);
  }
  printf("forks: %d failures\n", failures);
}

static void spawns(const char *self, int n) {
  int failures = 0;
  char *none[] = {"x", NULL}, code[8], *argv[] = {"self", code, NULL};
  for (int i = 0; i < n; i++) {
    pid_t pid = -1;
    int e = posix_spawn(&pid, "/no/such", NULL, NULL, none, environ);
    if (e != ENOENT && failures++ < 5) printf("spawn %d: %s\n", i, strerror(e));
    if (i % 8) continue;
    snprintf(code, sizeof code, "%d", i & 63);
    e = posix_spawn(&pid, self, NULL, NULL, argv, environ);
    int r = e ? -1000 - e : reap(pid);
    if (r != (i & 63) && failures++ < 5) printf("spawn of self %d: %d\n", i, r);
  }
  printf("spawns: %d failures\n", failures);
}

int main(int argc, char **argv) {
  if (argc == 2) return atoi(argv[1]);
  setvbuf(stdout, NULL, _IOLBF, 0);
  pipe(quiet);
  struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &sa, NULL);
  sigaction(SIGCHLD, &sa, NULL);
  struct itimerval it = {{0, 1500}, {0, 1500}};
  setitimer(ITIMER_REAL, &it, NULL);
  void *(*const work[])(void *) = {compute, compute, allocate, map, block, nap, wait_cond, churn};
  enum { n = sizeof work / sizeof *work };
  pthread_t t[n];
  int files = open_files();
  for (int i = 0; i < n; i++) pthread_create(&t[i], NULL, work[i], NULL);
  forks(atoi(argv[1]));
  spawns(argv[0], atoi(argv[2]));
  stop = 1;
  write(quiet[1], "x", 1);
  for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
  printf("files %d, ticked %d, wrong %d, children left %d\n", open_files() - files, ticks > 0, wrong,
         waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD);
  return 0;
}
