// posix_spawn with all its attributes and file actions, and its errors.
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
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *self;

static void sets(const char *name, sigset_t *s) {
  printf(" %s", name);
  for (int i = 1; i < 65; i++)
    if (sigismember(s, i) == 1) printf(" %d", i);
}

// inspect is what the spawned program says about itself.
static int inspect(void) {
  sigset_t mask, ignored;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  sigemptyset(&ignored);
  for (int i = 1; i < 65; i++) {
    struct sigaction sa;
    if (i != 32 && i != 33 && sigaction(i, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN) sigaddset(&ignored, i);
  }
  printf("  session %d group %d", getsid(0) == getpid(), getpgrp() == getpid());
  sets("mask", &mask);
  sets("ignored", &ignored);
  struct sched_param sp = {0};
  sched_getparam(0, &sp);
  printf(" policy %d priority %d files", sched_getscheduler(0), sp.sched_priority);
  for (int fd = 0; fd < 20; fd++)
    if (fcntl(fd, F_GETFD) >= 0) printf(" %d", fd);
  char cwd[4096];
  printf(" cwd %s\n", strcmp(getcwd(cwd, sizeof cwd), "/") ? "elsewhere" : "/");
  return 17;
}

static void run(const char *what, posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, const char *path) {
  char *argv[] = {"spawn", "inspect", NULL};
  pid_t pid = -7;
  printf("%s\n", what);
  int e = posix_spawn(&pid, path ? path : self, fa, at, argv, environ), st;
  if (e) {
    printf("  %s, pid %d\n", strerror(e), pid);
  } else {
    waitpid(pid, &st, 0);
    printf("  status %x\n", st);
  }
  if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) printf("  a child is left\n");
}

static void attribute(const char *what, int flags, int policy, int priority, pid_t group) {
  posix_spawnattr_t at;
  sigset_t mask, def;
  struct sched_param sp = {priority};
  posix_spawnattr_init(&at);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  sigaddset(&mask, 40);
  sigemptyset(&def);
  sigaddset(&def, SIGHUP);
  posix_spawnattr_setsigmask(&at, &mask);
  posix_spawnattr_setsigdefault(&at, &def);
  posix_spawnattr_setschedpolicy(&at, policy);
  posix_spawnattr_setschedparam(&at, &sp);
  posix_spawnattr_setpgroup(&at, group);
  posix_spawnattr_setflags(&at, flags);
  run(what, NULL, &at, NULL);
}

static void file_actions(void) {
  posix_spawn_file_actions_t fa;
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_addclose(&fa, 5);
  posix_spawn_file_actions_addopen(&fa, 7, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&fa, 7, 12);
  posix_spawn_file_actions_adddup2(&fa, 6, 6); // clears close-on-exec
  posix_spawn_file_actions_addchdir_np(&fa, "/");
  run("file actions", &fa, NULL, NULL);
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_addclosefrom_np(&fa, 3);
  run("closefrom", &fa, NULL, NULL);
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_adddup2(&fa, 19, 3);
  run("dup2 of nothing", &fa, NULL, NULL);
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_addchdir_np(&fa, "/no/such");
  run("chdir to nowhere", &fa, NULL, NULL);
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_addfchdir_np(&fa, 0);
  run("fchdir to no directory", &fa, NULL, NULL);
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_addopen(&fa, 3, "/no/such", O_RDONLY, 0);
  run("open of nothing", &fa, NULL, NULL);
}

int main(int argc, char **argv) {
  if (argc > 1) return inspect();
  setvbuf(stdout, NULL, _IONBF, 0);
  self = realpath(argv[0], NULL);
  for (int fd = 3; fd < 40; fd++) close(fd);
  close(0);
  open("/dev/null", O_RDONLY);
  dup2(0, 5);
  open("/dev/null", O_RDONLY | O_CLOEXEC); // 3
  dup3(0, 6, O_CLOEXEC);
  signal(SIGHUP, SIG_IGN);
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, exit);
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGTERM);
  sigprocmask(SIG_SETMASK, &s, NULL);

  run("plain", NULL, NULL, NULL);
  attribute("no flags", 0, 0, 0, 0);
  attribute("setsid", POSIX_SPAWN_SETSID, 0, 0, 0);
  attribute("setpgroup", POSIX_SPAWN_SETPGROUP, 0, 0, 0);
  attribute("setpgroup of a stranger", POSIX_SPAWN_SETPGROUP, 0, 0, 1);
  attribute("sigmask", POSIX_SPAWN_SETSIGMASK, 0, 0, 0);
  attribute("sigdef", POSIX_SPAWN_SETSIGDEF, 0, 0, 0);
  attribute("both", POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, 0, 0, 0);
  attribute("resetids", POSIX_SPAWN_RESETIDS, 0, 0, 0);
  attribute("usevfork", POSIX_SPAWN_USEVFORK, 0, 0, 0);
  attribute("scheduler", POSIX_SPAWN_SETSCHEDULER, SCHED_BATCH, 0, 0);
  attribute("schedparam", POSIX_SPAWN_SETSCHEDPARAM, 0, 0, 0);
  attribute("bad priority", POSIX_SPAWN_SETSCHEDULER, SCHED_OTHER, 5, 0);
  file_actions();
  run("nothing", NULL, NULL, "/no/such");
  run("directory", NULL, NULL, "/tmp");
  run("no program", NULL, NULL, "/dev/null");
  int fd = open("text", O_WRONLY | O_CREAT, 0755);
  write(fd, "echo\n", 5);
  close(fd);
  run("no format", NULL, NULL, "./text");
  symlink("loop", "loop");
  run("loop", NULL, NULL, "./loop");
  run("not a directory", NULL, NULL, "./text/x");
  char *big[] = {"x", malloc(200000), NULL};
  memset(big[1], 'a', 199999);
  big[1][199999] = 0;
  pid_t pid = -7;
  printf("too big: %s, pid %d\n", strerror(posix_spawn(&pid, self, NULL, NULL, big, environ)), pid);
  return 0;
}
