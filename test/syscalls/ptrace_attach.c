// ptrace: attach, seize, interrupt, listen, children of clone, fork and vfork, execve, exit, the tracer's death.
#define _GNU_SOURCE
#include "asleep.h"
#include <elf.h>
#include <errno.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern long ptrace(int, ...);

static void show(const char *what, int status) {
  if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    printf("%s: signal %d\n", what, WTERMSIG(status));
  else
    printf("%s: %#x\n", what, status);
}

static int await(const char *what, int pid) {
  int status = -1, r;
  while ((r = waitpid(pid, &status, __WALL)) < 0 && errno == EINTR)
    ;
  if (r != pid) printf("%s: wait: %d %s\n", what, r, strerror(errno));
  show(what, status);
  return status;
}

static void req(const char *what, long r) {
  if (r < 0)
    printf("%s: %s\n", what, strerror(errno));
  else
    printf("%s: %ld\n", what, r);
}

static long message(int pid) {
  unsigned long v = 0;
  ptrace(PTRACE_GETEVENTMSG, pid, 0L, &v);
  return v;
}

static volatile int *shared;
static void *thread(void *arg) { return arg; }

static void busy(void) {
  for (;;) shared[0]++;
}

static void moves(const char *what) {
  int before = shared[0], i;
  for (i = 0; i < 6000 && shared[0] == before; i++) usleep(10000);
  printf("%s: %s\n", what, i < 6000 ? "runs" : "stands");
}

// ended has a tracer end without having said anything: what it has waited for, the
// tracee never gets; what it has not, that gets after all.
static void ended(const char *what, int waits) {
  int pid, tracer, status;
  if ((pid = fork()) == 0) busy();
  moves("child");
  if ((tracer = fork()) == 0) {
    req("attach", ptrace(PTRACE_ATTACH, pid, 0L, 0L));
    if (waits) await("stop", pid);
    _exit(0);
  }
  await("tracer", tracer);
  if (waits) {
    moves(what);
  } else {
    waitpid(pid, &status, WUNTRACED);
    show(what, status);
  }
  kill(pid, SIGKILL);
  await("end", pid);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 1) return 7;
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int pid, st;

  // attach to one that computes
  if ((pid = fork()) == 0) busy();
  moves("child");
  req("attach", ptrace(PTRACE_ATTACH, pid, 0L, 0L));
  await("stop", pid);
  req("attach again", ptrace(PTRACE_ATTACH, pid, 0L, 0L));
  req("cont", ptrace(PTRACE_CONT, pid, 0L, 0L));
  moves("after cont");
  kill(pid, SIGUSR1);
  await("usr1", pid);
  req("detach", ptrace(PTRACE_DETACH, pid, 0L, 0L));
  moves("after detach");

  // seize, interrupt
  req("seize", ptrace(PTRACE_SEIZE, pid, 0L, (long)PTRACE_O_TRACESYSGOOD));
  moves("after seize");
  req("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0L, 0L));
  await("interrupted", pid);
  siginfo_t si = {0};
  req("getsiginfo", ptrace(PTRACE_GETSIGINFO, pid, 0L, &si));
  printf("signo %d code %#x\n", si.si_signo, si.si_code);
  req("cont", ptrace(PTRACE_CONT, pid, 0L, 0L));
  moves("after cont");

  // job control: signal, group stop, listen, SIGCONT
  kill(pid, SIGSTOP);
  await("sigstop", pid);
  ptrace(PTRACE_GETSIGINFO, pid, 0L, &si);
  printf("signo %d code %d sender %d\n", si.si_signo, si.si_code, si.si_pid == getpid() && si.si_uid == getuid());
  req("cont", ptrace(PTRACE_CONT, pid, 0L, (long)SIGSTOP));
  await("group stop", pid);
  req("listen", ptrace(PTRACE_LISTEN, pid, 0L, 0L));
  kill(pid, SIGCONT);
  await("continued", pid);
  req("cont", ptrace(PTRACE_CONT, pid, 0L, 0L));
  await("sigcont", pid);
  req("cont", ptrace(PTRACE_CONT, pid, 0L, (long)SIGCONT));
  moves("after sigcont");
  kill(pid, SIGKILL);
  await("killed", pid);

  // one that sleeps in a call
  int p[2];
  pipe(p);
  if ((pid = fork()) == 0) {
    char c;
    close(p[1]);
    _exit(read(p[0], &c, 1) == 0 ? 5 : 6);
  }
  await_sleep(pid, pid);
  req("seize", ptrace(PTRACE_SEIZE, pid, 0L, 0L));
  req("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0L, 0L));
  await("interrupted", pid);
  req("cont", ptrace(PTRACE_CONT, pid, 0L, 0L));
  close(p[1]);
  await("end", pid);

  // children
  if ((pid = fork()) == 0) {
    pthread_t t;
    void *r;
    ptrace(PTRACE_TRACEME, 0, 0L, 0L);
    raise(SIGSTOP);
    int c = fork();
    if (c == 0) _exit(3);
    waitpid(c, &st, 0);
    if (st != 0x300) _exit(60);
    if ((c = vfork()) == 0) execl("/proc/self/exe", "x", "x", NULL);
    waitpid(c, &st, 0);
    if (st != 0x700) _exit(61);
    if (pthread_create(&t, NULL, thread, &t) != 0 || pthread_join(t, &r) != 0 || r != &t) _exit(62);
    execl("/proc/self/exe", "x", "x", NULL);
    _exit(63);
  }
  await("start", pid);
  req("options", ptrace(PTRACE_SETOPTIONS, pid, 0L, (long)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                                          PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT)));
  int child, e;
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("fork event", pid);
  child = message(pid);
  await("forked", child);
  ptrace(PTRACE_CONT, child, 0L, 0L);
  await("forked exits", child);
  printf("message %lx\n", message(child));
  ptrace(PTRACE_CONT, child, 0L, 0L);
  await("forked", child);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  e = await("next", pid);
  if (e == 0x117f) { // SIGCHLD
    ptrace(PTRACE_CONT, pid, 0L, 0L);
    await("vfork event", pid);
  }
  child = message(pid);
  await("vforked", child);
  ptrace(PTRACE_CONT, child, 0L, 0L);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("vforked execs", child);
  await("vfork done", pid);
  printf("message %d\n", message(pid) == child);
  ptrace(PTRACE_CONT, child, 0L, 0L);
  await("vforked exits", child);
  ptrace(PTRACE_CONT, child, 0L, 0L);
  await("vforked", child);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  e = await("next", pid);
  if (e == 0x117f) {
    ptrace(PTRACE_CONT, pid, 0L, 0L);
    await("clone event", pid);
  }
  child = message(pid);
  await("thread", child);
  ptrace(PTRACE_CONT, child, 0L, 0L);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("thread exits", child);
  ptrace(PTRACE_CONT, child, 0L, 0L);
  await("thread", child);
  await("exec event", pid);
  printf("message %d\n", message(pid) == pid);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("exits", pid);
  printf("message %lx\n", message(pid));
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("end", pid);

  // the tracer ends: its tracee goes on, or dies with PTRACE_O_EXITKILL
  for (long options = 0; options <= PTRACE_O_EXITKILL; options += PTRACE_O_EXITKILL) {
    if ((pid = fork()) == 0) busy();
    moves("child");
    int tracer = fork();
    if (tracer == 0) {
      if (ptrace(PTRACE_SEIZE, pid, 0L, options) != 0) _exit(1);
      ptrace(PTRACE_INTERRUPT, pid, 0L, 0L);
      waitpid(pid, &st, __WALL);
      _exit(st >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8) ? 0 : 2);
    }
    await("tracer", tracer);
    if (options)
      await("tracee", pid);
    else
      moves("tracee");
    kill(pid, SIGKILL);
  }
  ended("the tracer has seen the stop", 1);
  ended("the tracer has not", 0);
  return 0;
}
