// Several threads spawn at once, while others work and a timer's signals arrive.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *self;
static volatile int stop, ticks;

static void on_alarm(int s) { ticks++; }

static void *spawner(void *arg) {
  long failures = 0;
  for (int i = 0; i < 60; i++) {
    pid_t pid;
    int st, e;
    char code[8];
    snprintf(code, sizeof code, "%d", i);
    char *guest[] = {"self", code, NULL}, *none[] = {"x", NULL};
    if (i % 3 == 2) {
      failures += posix_spawn(&pid, "/no/such", NULL, NULL, none, environ) != ENOENT;
      continue;
    }
    if ((e = posix_spawn(&pid, self, NULL, NULL, guest, environ))) {
      printf("posix_spawn: %s\n", strerror(e));
      failures++;
      continue;
    }
    while (waitpid(pid, &st, 0) < 0)
      if (errno != EINTR) failures++;
    failures += !WIFEXITED(st) || WEXITSTATUS(st) != i;
  }
  return (void *)failures;
}

static void *worker(void *arg) {
  while (!stop) {
    char *p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 1 << 16);
    munmap(p, 1 << 16);
    free(malloc(1000));
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc == 2) return atoi(argv[1]);
  self = argv[0];
  struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &sa, NULL);
  struct itimerval it = {{0, 2000}, {0, 2000}};
  setitimer(ITIMER_REAL, &it, NULL);
  pthread_t s[4], w[2];
  for (int i = 0; i < 2; i++) pthread_create(&w[i], NULL, worker, NULL);
  for (int i = 0; i < 4; i++) pthread_create(&s[i], NULL, spawner, NULL);
  for (int i = 0; i < 4; i++) {
    void *failures;
    pthread_join(s[i], &failures);
    printf("spawner %d: %ld failures\n", i, (long)failures);
  }
  stop = 1;
  for (int i = 0; i < 2; i++) pthread_join(w[i], NULL);
  printf("ticked %d\n", ticks > 0);
  return 0;
}
