// Threads that fork, and threads that vfork and spawn, all at once. One vfork child
// needs another thread to go on.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int pipes[2];
static volatile int stop;

static int reap(pid_t pid) {
  int st;
  while (waitpid(pid, &st, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(st) ? WEXITSTATUS(st) : -2;
}

static void *forker(void *arg) {
  long failures = 0;
  for (int i = 0; i < 100; i++) {
    pid_t pid = fork();
    if (pid == 0) _exit(i);
    failures += reap(pid) != i;
  }
  return (void *)failures;
}

static void *spawner(void *arg) {
  long failures = 0;
  char *argv[] = {"false", NULL};
  for (int i = 0; i < 100; i++) {
    pid_t pid;
    failures += posix_spawn(&pid, "/bin/false", NULL, NULL, argv, environ) != 0 || reap(pid) != 1;
  }
  return (void *)failures;
}

static void *waiter(void *arg) {
  long failures = 0;
  for (int i = 0; i < 50; i++) {
    pid_t pid = vfork();
    if (pid == 0) {
      char c;
      _exit(read(pipes[0], &c, 1) == 1 ? c : 99);
    }
    failures += reap(pid) != 'w';
  }
  return (void *)failures;
}

static void *writer(void *arg) {
  while (!stop) {
    usleep(1000);
    write(pipes[1], "w", 1);
  }
  return NULL;
}

int main(void) {
  void *(*const functions[])(void *) = {forker, spawner, waiter, forker, spawner};
  enum { n = sizeof functions / sizeof *functions };
  pthread_t t[n], w;
  pipe(pipes);
  pthread_create(&w, NULL, writer, NULL);
  for (int i = 0; i < n; i++) pthread_create(&t[i], NULL, functions[i], NULL);
  for (int i = 0; i < n; i++) {
    void *failures;
    pthread_join(t[i], &failures);
    printf("%d: %ld failures\n", i, (long)failures);
  }
  stop = 1;
  pthread_join(w, NULL);
  return 0;
}
