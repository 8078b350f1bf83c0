// Children made by vfork and posix_spawn: shared memory, errors of exec, actions
// and masks of signals, IDs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static volatile int shared;
static volatile int chld, usr1;

static void on_chld(int s) { chld++; }
static void on_usr1(int s) { usr1++; }

static void report(const char *what, int status) {
  if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else
    printf("%s: signal %d\n", what, WTERMSIG(status));
}

static int reap(pid_t pid) {
  int status = -1;
  pid_t r;
  while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
    ;
  if (r != pid) printf("waitpid: %s\n", strerror(errno));
  return status;
}

static void spawn(const char *path, char **argv) {
  pid_t pid;
  int e = posix_spawn(&pid, path, NULL, NULL, argv, environ);
  printf("posix_spawn %s: %s\n", path, strerror(e));
  if (!e) report("spawned", reap(pid));
}

static void actions(void) {
  posix_spawn_file_actions_t fa;
  posix_spawnattr_t at;
  int p[2];
  char buf[64];
  pipe(p);
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_adddup2(&fa, p[1], 1);
  posix_spawn_file_actions_addclose(&fa, p[0]);
  posix_spawnattr_init(&at);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&at, &all);
  posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF);
  char *argv[] = {"echo", "through a pipe", NULL};
  pid_t pid;
  int e = posix_spawnp(&pid, "echo", &fa, &at, argv, environ);
  close(p[1]);
  int n = read(p[0], buf, sizeof buf);
  printf("spawnp: %s, read %.*s", strerror(e), n, buf);
  report("echo", reap(pid));
  close(p[0]);
  struct sigaction sa;
  sigaction(SIGUSR1, NULL, &sa);
  printf("handler still there: %d\n", sa.sa_handler == on_usr1);
  raise(SIGUSR1);
  printf("usr1: %d\n", usr1);
  posix_spawn_file_actions_addopen(&fa, 5, "/no/such/file", O_RDONLY, 0);
  e = posix_spawnp(&pid, "echo", &fa, &at, argv, environ);
  printf("bad file action: %s\n", strerror(e));
}

static int child(void *pidfd) { return *(int *)pidfd >= 0 ? 21 : 22; }

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGCHLD, on_chld);
  signal(SIGUSR1, on_usr1);
  pid_t self = getpid();

  volatile pid_t seen = 0, ppid = 0, tid = 0;
  pid_t pid = vfork();
  if (pid == 0) {
    shared = 42;
    seen = getpid();
    tid = syscall(SYS_gettid);
    ppid = getppid();
    _exit(7);
  }
  printf("shared %d, child's pid %d, tid %d, ppid %d, mine %d\n", shared, seen == pid, tid == pid, ppid == self, getpid() == self);
  report("vfork", reap(pid));

  // exec that fails, then exit with its error
  volatile int err = 0;
  if ((pid = vfork()) == 0) {
    char *a[] = {"x", NULL};
    execve("/no/such", a, environ);
    err = errno;
    execve("/etc", a, environ);
    _exit(errno == EACCES ? 3 : 4);
  }
  printf("execve: %s\n", strerror(err));
  report("failed exec", reap(pid));

  // signals end the child, not the parent
  static const int deadly[] = {SIGTERM, SIGABRT, SIGKILL, SIGSEGV, SIGPIPE, 40};
  for (int i = 0; i < sizeof deadly / sizeof *deadly; i++) {
    if ((pid = vfork()) == 0) {
      kill(getpid(), deadly[i]);
      _exit(1);
    }
    report("killed", reap(pid));
  }
  if ((pid = vfork()) == 0) {
    *(volatile int *)8 = 1;
    _exit(1);
  }
  report("fault", reap(pid));
  if ((pid = vfork()) == 0) {
    abort();
  }
  report("abort", reap(pid));

  // the child's own handler runs in the child; its actions, mask, directory and
  // descriptors are its own
  if ((pid = vfork()) == 0) {
    kill(getpid(), SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    chdir("/");
    close(0);
    umask(0777);
    struct rlimit l = {1, 1};
    setrlimit(RLIMIT_STACK, &l);
    kill(getpid(), SIGTERM);
    _exit(9);
  }
  report("own state", reap(pid));
  struct sigaction sa;
  sigaction(SIGUSR1, NULL, &sa);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  char cwd[4096];
  getcwd(cwd, sizeof cwd);
  struct rlimit l;
  getrlimit(RLIMIT_STACK, &l);
  printf("usr1 %d, handler %d, blocked %d, in root %d, stdin %d, umask %d, stack %d\n", usr1, sa.sa_handler == on_usr1,
         sigismember(&now, SIGTERM), !strcmp(cwd, "/"), fcntl(0, F_GETFD) >= 0, umask(022) == 0777, l.rlim_cur > 1);

  // nested
  if ((pid = vfork()) == 0) {
    pid_t p2 = vfork();
    if (p2 == 0) {
      shared++;
      _exit(5);
    }
    int st;
    waitpid(p2, &st, 0);
    shared += WEXITSTATUS(st);
    _exit(6);
  }
  report("nested", reap(pid));
  printf("shared %d\n", shared);

  char *ok[] = {"true", NULL}, *three[] = {"sh", "-c", "exit 3", NULL};
  spawn("/bin/true", ok);
  spawn("/bin/sh", three);
  spawn("/no/such", ok);
  spawn("/etc/passwd", ok);
  spawn("/etc", ok);
  actions();
  printf("system: %d\n", WEXITSTATUS(system("exit 11")));
  FILE *f = popen("echo from popen; exit 2", "r");
  char line[64];
  printf("popen: %s", fgets(line, sizeof line, f));
  report("pclose", pclose(f));

  // pidfd, and IDs in memory
  int pidfd = -1;
  static char stack[65536];
  pid = clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &pidfd, &pidfd);
  report("pidfd", reap(pid));
  printf("pidfd open %d cloexec %d\n", fcntl(pidfd, F_GETFD) >= 0, fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
  close(pidfd);

  chld = 0;
  for (int i = 0; i < 500; i++) {
    if ((pid = vfork()) == 0) {
      shared = i;
      _exit(i & 127);
    }
    int st = reap(pid);
    if (!WIFEXITED(st) || WEXITSTATUS(st) != (i & 127) || shared != i) printf("round %d: status %x\n", i, st);
  }
  printf("children %d\n", chld);
  return 0;
}
