// What clone and clone3 refuse, and what their flags do.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000UL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000UL
#endif

static volatile int got;
static void on_signal(int s) { got = s; }
static void on_usr2(int s) {}

static void result(const char *what, long pid, int options) {
  int e = errno, st = -1;
  if (pid < 0) {
    printf("%s: %s\n", what, strerror(e));
    return;
  }
  while (waitpid(pid, &st, options) < 0)
    if (errno != EINTR) {
      printf("%s: waitpid %s\n", what, strerror(errno));
      return;
    }
  printf("%s: status %x\n", what, st);
}

#define CLONE(what, flags, options) do { \
  fflush(stdout); \
  long pid = raw_clone(flags); \
  if (pid == 0) _exit(7); \
  result(what, pid, options); \
} while (0)

// The order of the arguments differs between machines; they are null.
static long raw_clone(unsigned long flags) { return syscall(SYS_clone, flags, 0, 0, 0, 0); }

#define CLONE3(what, options, ...) do { \
  struct args a = {__VA_ARGS__}; \
  fflush(stdout); \
  long pid = syscall(SYS_clone3, &a, sizeof a); \
  if (pid == 0) _exit(8); \
  result(what, pid, options); \
} while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  CLONE("plain", SIGCHLD, 0);
  CLONE("no signal", 0, __WCLONE);
  CLONE("no signal, all", 0, __WALL);
  signal(SIGUSR1, on_signal);
  CLONE("another signal", SIGUSR1, __WALL);
  printf("got it %d\n", got == SIGUSR1);
  CLONE("signal 64", 64, __WALL | 0);
  CLONE("sighand without vm", CLONE_SIGHAND | SIGCHLD, 0);
  CLONE("thread without sighand", CLONE_THREAD | CLONE_VM, 0);
  CLONE("thread without vm", CLONE_THREAD | CLONE_SIGHAND, 0);
  CLONE("newns and fs", CLONE_NEWNS | CLONE_FS | SIGCHLD, 0);
  CLONE("newuser and fs", CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0);
  CLONE("newipc and sysvsem", CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0);
  CLONE("thread and newpid", CLONE_NEWPID | CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, 0);
  CLONE("fs", CLONE_FS | SIGCHLD, 0);
  CLONE("io", CLONE_IO | SIGCHLD, 0);
  CLONE("sysvsem", CLONE_SYSVSEM | SIGCHLD, 0);
  CLONE("vfork alone", CLONE_VFORK | SIGCHLD, 0);
  CLONE("detached", CLONE_DETACHED | SIGCHLD, 0);
  CLONE("pidfd and parent_settid", CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0);
  CLONE("pidfd at null", CLONE_PIDFD | SIGCHLD, 0);
  CLONE("settid at null", CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0);

  // CLONE_PARENT: a sibling, with the signal of this process.
  long pid = fork();
  if (pid == 0) {
    long sibling = raw_clone(CLONE_PARENT | SIGUSR1);
    if (sibling == 0) _exit(12);
    int none = waitpid(sibling, NULL, __WALL);
    _exit(none == -1 && errno == ECHILD ? 11 : 10);
  }
  result("parent", pid, 0);
  int st;
  pid = wait(&st);
  printf("sibling %d %x\n", pid > 0, st);

  CLONE3("clone3", 0, .exit_signal = SIGCHLD);
  CLONE3("no signal", __WALL, .exit_signal = 0);
  CLONE3("signal 65", 0, .exit_signal = 65);
  CLONE3("signal 256", 0, .exit_signal = 256);
  CLONE3("signal in flags", 0, .flags = SIGCHLD);
  CLONE3("detached", 0, .flags = CLONE_DETACHED, .exit_signal = SIGCHLD);
  CLONE3("unknown flag", 0, .flags = 1UL << 40, .exit_signal = SIGCHLD);
  CLONE3("stack without size", 0, .stack = 4096, .exit_signal = SIGCHLD);
  CLONE3("size without stack", 0, .stack_size = 4096, .exit_signal = SIGCHLD);
  CLONE3("thread with signal", 0, .flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD);
  CLONE3("parent with signal", 0, .flags = CLONE_PARENT, .exit_signal = SIGCHLD);
  CLONE3("sighand and clear", 0, .flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
  CLONE3("set_tid without size", 0, .set_tid = 4096, .exit_signal = SIGCHLD);
  CLONE3("size without set_tid", 0, .set_tid_size = 1, .exit_signal = SIGCHLD);
  CLONE3("set_tid too many", 0, .set_tid = 4096, .set_tid_size = 33, .exit_signal = SIGCHLD);
  CLONE3("cgroup -1", 0, .flags = CLONE_INTO_CGROUP, .cgroup = -1, .exit_signal = SIGCHLD);
  struct args a = {.exit_signal = SIGCHLD};
  printf("small: %ld", syscall(SYS_clone3, &a, 63));
  printf(" %s\n", strerror(errno));
  printf("large: %ld", syscall(SYS_clone3, &a, 5000));
  printf(" %s\n", strerror(errno));
  printf("nowhere: %ld", syscall(SYS_clone3, (void *)8, sizeof a));
  printf(" %s\n", strerror(errno));

  // IDs in memory, shared with the child.
  int *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  m[0] = m[1] = m[2] = -1;
  struct args ids = {.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                     .parent_tid = (uint64_t)&m[0], .child_tid = (uint64_t)&m[1], .pidfd = (uint64_t)&m[2], .exit_signal = SIGCHLD};
  signal(SIGUSR2, SIG_IGN);
  pid = syscall(SYS_clone3, &ids, sizeof ids);
  if (pid == 0) {
    struct sigaction usr1, usr2;
    sigaction(SIGUSR1, NULL, &usr1);
    sigaction(SIGUSR2, NULL, &usr2);
    _exit((m[0] == getpid()) + 2 * (m[1] == getpid()) + 4 * (usr1.sa_handler == SIG_DFL) + 8 * (usr2.sa_handler == SIG_IGN));
  }
  int same = m[0] == pid, fd = m[2];
  result("IDs", pid, 0);
  printf("parent's %d, pidfd %d, cleared %d\n", same, fcntl(fd, F_GETFD), m[1]);
  close(fd);
  return 0;
}
