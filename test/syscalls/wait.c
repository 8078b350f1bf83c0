// wait4 and waitid in all their ways, pidfds, death signals, subreapers, process
// groups and sessions, exits of threads.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define __WNOTHREAD 0x20000000

static int p[2];

static void go(void) { write(p[1], "x", 1); }
static void hold(void) {
  char c;
  while (read(p[0], &c, 1) < 0)
    ;
}

static void show(const char *what, int r, siginfo_t *si, pid_t pid) {
  if (r) {
    printf("%s: %s\n", what, strerror(errno));
    return;
  }
  printf("%s: signo %d code %d status %d pid %d uid %d errno %d\n", what, si->si_signo, si->si_code, si->si_status,
         si->si_pid == pid, si->si_pid ? si->si_uid == getuid() : -1, si->si_errno);
}

static pid_t sleeper(void) {
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  return pid;
}

// One that has touched so much memory that the kernel has counted it: it does not count each page at once.
static pid_t large_leaver(int code) {
  pid_t pid = fork();
  if (pid == 0) {
    char *p = malloc(8 << 20);
    memset(p, 1, 8 << 20);
    _exit(code + (p[1] == 0));
  }
  return pid;
}

static pid_t leaver(int code) {
  pid_t pid = fork();
  if (pid == 0) _exit(code);
  return pid;
}

static void stops(void) {
  siginfo_t si;
  pid_t pid = sleeper();
  int st;
  memset(&si, 0, sizeof si);
  show("nothing yet", waitid(P_PID, pid, &si, WEXITED | WNOHANG), &si, pid);
  kill(pid, SIGSTOP);
  show("stop, left", waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT), &si, pid);
  show("stop", waitid(P_PID, pid, &si, WSTOPPED), &si, pid);
  memset(&si, 0, sizeof si);
  show("no second stop", waitid(P_PID, pid, &si, WSTOPPED | WNOHANG), &si, pid);
  kill(pid, SIGCONT);
  show("continued", waitid(P_ALL, 0, &si, WCONTINUED), &si, pid);
  kill(pid, SIGTSTP);
  printf("wait4 stop %d", waitpid(pid, &st, WUNTRACED) == pid);
  printf(" %d %d\n", WIFSTOPPED(st), WSTOPSIG(st));
  kill(pid, SIGCONT);
  printf("wait4 continued %d", waitpid(pid, &st, WCONTINUED) == pid);
  printf(" %d\n", WIFCONTINUED(st));
  kill(pid, SIGKILL);
  show("killed, left", waitid(P_PID, pid, &si, WEXITED | WNOWAIT), &si, pid);
  show("killed", waitid(P_PGID, getpgrp(), &si, WEXITED), &si, pid);
  show("gone", waitid(P_PID, pid, &si, WEXITED), &si, pid);
  show("no options", waitid(P_ALL, 0, &si, 0), &si, pid);
  show("bad type", waitid(77, 0, &si, WEXITED), &si, pid);
  show("bad id", waitid(P_PID, 0, &si, WEXITED), &si, pid);
  show("bad option", waitid(P_ALL, 0, &si, WEXITED | 0x10), &si, pid);
  printf("wait4 bad option %d", waitpid(-1, NULL, 0x10));
  printf(" %s\n", strerror(errno));
  pid = leaver(300);
  show("status", waitid(P_PID, pid, &si, WEXITED), &si, pid);
  pid = large_leaver(3);
  struct rusage ru;
  memset(&ru, 0xff, sizeof ru);
  printf("raw waitid %d", (int)syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, &ru));
  printf(" utime %d maxrss %d\n", ru.ru_utime.tv_sec == 0, ru.ru_maxrss > 0);
  printf("waitpid(INT_MIN) %d", waitpid(-2147483647 - 1, NULL, 0));
  printf(" %s\n", strerror(errno));
}

static void groups(void) {
  siginfo_t si;
  pid_t a = leaver(1), b = fork();
  if (b == 0) {
    setpgid(0, 0);
    hold();
    _exit(getpgrp() == getpid() ? 2 : 3);
  }
  setpgid(b, b);
  printf("setpgid %d", getpgid(b) == b);
  printf(" again %d\n", setpgid(b, 0));
  go();
  show("group", waitid(P_PGID, b, &si, WEXITED), &si, b);
  show("own group", waitid(P_PGID, 0, &si, WEXITED), &si, a);
  printf("setsid as leader %d", setpgid(0, 0) ? 0 : setsid());
  printf(" %s\n", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    pid_t s = setsid();
    int ok = s == getpid() && getsid(0) == s && getpgrp() == s;
    ok = ok && setpgid(0, 0) == -1 && errno == EPERM && tcgetpgrp(0) == -1;
    _exit(ok ? 4 : 5);
  }
  show("session", waitid(P_PID, pid, &si, WEXITED), &si, pid);
  printf("setpgid bad %d", setpgid(0, -1));
  printf(" %s\n", strerror(errno));
  printf("setpgid stranger %d", setpgid(1, 0));
  printf(" %s\n", strerror(errno));
}

static void pidfds(void) {
  siginfo_t si;
  pid_t pid = sleeper();
  int fd = syscall(SYS_pidfd_open, pid, 0);
  struct pollfd pf = {fd, POLLIN, 0};
  printf("pidfd %d cloexec %d, poll %d\n", fd >= 0, fcntl(fd, F_GETFD), poll(&pf, 1, 0));
  memset(&si, 0, sizeof si);
  int nb = syscall(SYS_pidfd_open, pid, O_NONBLOCK);
  int r = waitid(P_PIDFD, nb, &si, WEXITED);
  show("nonblocking", r, &si, pid);
  printf("signal 0: %ld\n", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  printf("bad flags: %ld", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 77));
  printf(" %s\n", strerror(errno));
  int dup = syscall(SYS_pidfd_getfd, fd, p[0], 0);
  printf("getfd %d\n", dup >= 0 || errno == EPERM);
  close(dup);
  printf("kill %ld\n", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
  printf("poll %d", poll(&pf, 1, 60000));
  printf(" %x\n", pf.revents);
  show("pidfd", waitid(P_PIDFD, fd, &si, WEXITED), &si, pid);
  printf("after: %ld", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
  printf(" %s\n", strerror(errno));
  printf("open gone: %ld", syscall(SYS_pidfd_open, pid, 0));
  printf(" %s\n", strerror(errno));
  printf("open bad: %ld", syscall(SYS_pidfd_open, 0, 0));
  printf(" %s\n", strerror(errno));
  printf("not a pidfd: %ld", syscall(SYS_pidfd_send_signal, p[0], 0, NULL, 0));
  printf(" %s\n", strerror(errno));
  close(fd);
  close(nb);
}

static volatile int deaths;
static void on_usr1(int s) { deaths++; }

static void orphans(void) {
  siginfo_t si;
  int st;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int sub = 0;
  prctl(PR_GET_CHILD_SUBREAPER, &sub);
  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    if (fork() == 0) {
      struct sigaction sa = {.sa_handler = on_usr1};
      sigaction(SIGUSR1, &sa, NULL);
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      go();
      while (!deaths) usleep(1000);
      for (int i = 0; i < 60000 && getppid() != self; i++) usleep(1000);
      _exit(getppid() == self ? 20 : 30); // each thread of the parent may count, and they may be many
    }
    hold();
    _exit(8);
  }
  printf("subreaper %d, parent %d", sub, waitpid(pid, &st, 0) == pid);
  printf(" %d\n", WEXITSTATUS(st));
  pid = wait(&st);
  printf("grandchild %d %d\n", pid > 0, WEXITSTATUS(st));
  prctl(PR_SET_CHILD_SUBREAPER, 0);

  // An orphaned process group with a stopped member gets SIGHUP and SIGCONT.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if ((pid = fork()) == 0) {
    setsid();
    pid_t stopped = sleeper();
    setpgid(stopped, stopped);
    kill(stopped, SIGSTOP);
    waitpid(stopped, &st, WUNTRACED);
    _exit(0);
  }
  waitpid(pid, &st, 0);
  pid = wait(&st);
  printf("orphaned group: %d signal %d\n", pid > 0, WIFSIGNALED(st) ? WTERMSIG(st) : -1);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void *exit_late(void *arg) {
  usleep(20000);
  _exit(41);
}
static void *thread_exit_late(void *arg) {
  usleep(20000);
  return NULL;
}
static void *fork_and_wait(void *arg) {
  pid_t pid = leaver(6);
  *(pid_t *)arg = pid;
  return NULL;
}
static void *wait_nothread(void *arg) {
  int r = waitpid(*(pid_t *)arg, NULL, __WNOTHREAD);
  return (void *)(long)(r < 0 ? errno : r);
}

static void threads(void) {
  siginfo_t si;
  pthread_t t;
  pid_t pid = fork();
  if (pid == 0) {
    pthread_create(&t, NULL, exit_late, NULL);
    pthread_exit(NULL); // the main thread first
  }
  show("main thread first", waitid(P_PID, pid, &si, WEXITED), &si, pid);
  if ((pid = fork()) == 0) {
    for (int i = 0; i < 3; i++) pthread_create(&t, NULL, thread_exit_late, NULL);
    syscall(SYS_exit, 43); // not the last one: but its status counts
  }
  show("last thread", waitid(P_PID, pid, &si, WEXITED), &si, pid);
  if ((pid = fork()) == 0) {
    for (int i = 0; i < 6; i++) pthread_create(&t, NULL, exit_late, NULL);
    usleep(20000);
    _exit(41);
  }
  show("race", waitid(P_PID, pid, &si, WEXITED), &si, pid);
  pid_t other;
  void *r;
  pthread_create(&t, NULL, fork_and_wait, &other);
  pthread_join(t, NULL);
  pid = leaver(5);
  pthread_create(&t, NULL, wait_nothread, &pid);
  pthread_join(t, &r);
  printf("__WNOTHREAD from another thread: %s\n", strerror((long)r));
  show("any thread", waitid(P_PID, other, &si, WEXITED), &si, other);
  show("own", waitid(P_PID, pid, &si, WEXITED | __WNOTHREAD), &si, pid);
}

static void usage(void) {
  struct rusage a, b;
  struct tms ta, tb;
  getrusage(RUSAGE_CHILDREN, &a);
  times(&ta);
  pid_t pid = fork();
  if (pid == 0) {
    struct rusage own;
    getrusage(RUSAGE_CHILDREN, &own);
    if (own.ru_utime.tv_sec || own.ru_utime.tv_usec) _exit(1);
    for (;;) {
      for (volatile int i = 0; i < 100000; i++)
        ;
      getrusage(RUSAGE_SELF, &own);
      if (own.ru_utime.tv_sec * 1000 + own.ru_utime.tv_usec / 1000 > 120) _exit(0);
    }
  }
  int st;
  struct rusage w;
  wait4(pid, &st, 0, &w);
  getrusage(RUSAGE_CHILDREN, &b);
  times(&tb);
  long ms = (b.ru_utime.tv_sec - a.ru_utime.tv_sec) * 1000 + (b.ru_utime.tv_usec - a.ru_utime.tv_usec) / 1000;
  long wms = w.ru_utime.tv_sec * 1000 + w.ru_utime.tv_usec / 1000;
  printf("usage: status %d, children %d, wait4 %d, times %d\n", st, ms > 80, wms > 80, tb.tms_cutime - ta.tms_cutime > 5);
}

static void ignored(void) {
  signal(SIGCHLD, SIG_IGN);
  pid_t pid = leaver(1);
  printf("ignored: %d", waitpid(pid, NULL, 0));
  printf(" %s\n", strerror(errno));
  struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_NOCLDWAIT | SA_RESTART};
  sigaction(SIGCHLD, &sa, NULL);
  deaths = 0;
  pid = leaver(1);
  int r = waitpid(pid, NULL, 0);
  printf("SA_NOCLDWAIT: %d %s, handler %d\n", r, strerror(errno), deaths);
  signal(SIGCHLD, SIG_DFL);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  pipe(p);
  stops();
  groups();
  pidfds();
  orphans();
  threads();
  usage();
  ignored();
  return 0;
}
