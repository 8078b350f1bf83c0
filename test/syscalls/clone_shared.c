// Children that share memory and run beside their parent (CLONE_VM without
// CLONE_VFORK): they are processes, and end and exec as such.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/futex.h>

enum { stack_size = 65536 };
static volatile int word, seen_pid, seen_ppid, chld, usr1, release_child;
static int pipes[2];

static void on_chld(int s) { chld++; }
static void on_usr1(int s) { usr1++; }

static void report(const char *what, pid_t pid, int options) {
  int st = -1;
  pid_t r;
  while ((r = waitpid(pid, &st, options)) < 0 && errno == EINTR)
    ;
  if (r != pid)
    printf("%s: waitpid %s\n", what, strerror(errno));
  else if (WIFEXITED(st))
    printf("%s: exit %d\n", what, WEXITSTATUS(st));
  else
    printf("%s: signal %d\n", what, WTERMSIG(st));
}

static pid_t start(int (*f)(void *), int flags, void *arg) {
  char *stack = malloc(stack_size);
  pid_t pid = clone(f, stack + stack_size, CLONE_VM | flags, arg, &seen_pid, NULL, (void *)&word);
  if (pid < 0) printf("clone: %s\n", strerror(errno));
  return pid;
}

// The child and its parent answer each other in memory.
static int ping(void *arg) {
  for (int i = 0; i < 100; i++) {
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 2 * i + 1) sched_yield();
    __atomic_store_n(&word, 2 * i + 2, __ATOMIC_SEQ_CST);
  }
  seen_ppid = syscall(SYS_getppid);
  _exit(5);
}

static int wait_release(void *arg) {
  while (!release_child) sched_yield();
  return 6;
}

static int own(void *arg) {
  chdir("/");
  close(pipes[0]);
  signal(SIGUSR1, SIG_DFL);
  int d = -1;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_GET_PDEATHSIG, &d);
  return d == SIGTERM ? 7 : 8;
}

static int run(void *arg) {
  char *argv[] = {"sh", "-c", "exit 9", NULL};
  execv("/no/such", argv);
  if (errno != ENOENT) return 1;
  execv("/bin/sh", argv);
  return 2;
}

static int fall(void *arg) { return *(volatile int *)8; }
static int files(void *arg) {
  close(pipes[1]);
  return 10;
}

static void *reaper(void *pid) {
  report("another thread waits", (pid_t)(long)pid, 0);
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGCHLD, on_chld);
  signal(SIGUSR1, on_usr1);
  pipe(pipes);

  pid_t pid = start(ping, CLONE_PARENT_SETTID | SIGCHLD, NULL);
  for (int i = 0; i < 100; i++) {
    __atomic_store_n(&word, 2 * i + 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 2 * i + 2) sched_yield();
  }
  report("ping", pid, 0);
  printf("parent's ID %d, child's %d, SIGCHLD %d\n", seen_ppid == getpid(), seen_pid == pid, chld > 0);

  pid = start(own, SIGCHLD, NULL);
  report("own", pid, 0);
  raise(SIGUSR1);
  char cwd[4096];
  printf("usr1 %d, in root %d, pipe open %d\n", usr1, !strcmp(getcwd(cwd, sizeof cwd), "/"), fcntl(pipes[0], F_GETFD) >= 0);

  report("exec", start(run, SIGCHLD, NULL), 0);
  report("fault", start(fall, SIGCHLD, NULL), 0);
  pid = start(wait_release, SIGCHLD, NULL);
  kill(pid, SIGTERM);
  report("killed", pid, 0);

  // no exit signal: only __WCLONE and __WALL find it
  chld = 0;
  release_child = 0;
  pid = start(wait_release, 0, NULL);
  int none = waitpid(pid, NULL, 0);
  printf("without __WCLONE: %d %s\n", none, strerror(errno));
  release_child = 1;
  report("with", pid, __WCLONE);
  printf("SIGCHLD %d\n", chld);

  report("files", start(files, CLONE_FILES | SIGCHLD, NULL), 0);
  printf("pipe open %d\n", fcntl(pipes[1], F_GETFD) >= 0);

  // the word is cleared, and its futex woken
  release_child = 0;
  word = 1;
  pid = start(wait_release, CLONE_CHILD_CLEARTID | SIGCHLD, NULL);
  release_child = 1;
  while (word) syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
  report("cleared", pid, 0);

  release_child = 0;
  pthread_t t;
  pid = start(wait_release, SIGCHLD, NULL);
  pthread_create(&t, NULL, reaper, (void *)(long)pid);
  release_child = 1;
  pthread_join(t, NULL);

  pid_t all[20];
  release_child = 0;
  for (int i = 0; i < 20; i++) all[i] = start(wait_release, CLONE_FS | SIGCHLD, NULL);
  release_child = 1;
  for (int i = 0; i < 20; i++) report("of many", all[i], 0);
  if ((pid = fork()) == 0) _exit(11);
  report("fork", pid, 0);
  return 0;
}
