// ptrace: a tracer that changes what its tracee does: filters that ask it, calls left to it, signals and the mask.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31
#endif

#if defined(__x86_64__)
#define NR(u) u.orig_rax
#define RESULT(u) u.rax
#else
#define NR(u) u.a7
#define RESULT(u) u.a0
#endif

extern long ptrace(int, ...);

static void req(const char *what, long r) {
  if (r < 0)
    printf("%s: %s\n", what, strerror(errno));
  else
    printf("%s: %ld\n", what, r);
}

static int await(const char *what, int pid) {
  int status = -1;
  if (waitpid(pid, &status, __WALL) != pid)
    printf("%s: wait: %s\n", what, strerror(errno));
  else if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    printf("%s: signal %d\n", what, WTERMSIG(status));
  else
    printf("%s: stopped %#x\n", what, status);
  return status;
}

static void regs(int request, int pid, struct user_regs_struct *u) {
  struct iovec io = {u, sizeof *u};
  if (ptrace(request, pid, (long)NT_PRSTATUS, &io) < 0)
    printf("registers: %s\n", strerror(errno));
}

// set changes number and result of the call that the tracee has stopped at.
static void set(int pid, long nr, long result) {
  struct user_regs_struct u;
  regs(PTRACE_GETREGSET, pid, &u);
  NR(u) = nr;
  RESULT(u) = result;
  regs(PTRACE_SETREGSET, pid, &u);
}

static void shown(const char *what, int pid) {
  struct ptrace_syscall_info in = {0};
  unsigned long message = 0;
  long n = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof in, &in);
  ptrace(PTRACE_GETEVENTMSG, pid, 0L, &message);
  printf("%s: op %d, message %lu", what, in.op, message);
  if (in.op == PTRACE_SYSCALL_INFO_SECCOMP)
    printf(", %s, %d, data %u, length %d", in.seccomp.nr == SYS_getppid ? "getppid" : in.seccomp.nr == SYS_dup ? "dup" : "other", in.seccomp.nr == SYS_dup ? (int)in.seccomp.args[0] : 0, in.seccomp.ret_data, n >= 84);
  printf("\n");
}

static void filter(void) {
#define ON(nr, action) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
  struct sock_filter f[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ON(SYS_getppid, SECCOMP_RET_TRACE | 77),
      ON(SYS_dup, SECCOMP_RET_TRACE | 78),
      ON(SYS_getpgid, SECCOMP_RET_ERRNO | EXDEV),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog p = {sizeof f / sizeof *f, f};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
    printf("filter: %s\n", strerror(errno));
}

static void asked(void) {
  int parent = getppid();
  filter();
  req("nobody is asked", syscall(SYS_getppid));
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  req("nor by a tracer without the option", syscall(SYS_getppid));
  raise(SIGSTOP);
  printf("made: %d\n", syscall(SYS_getppid) == parent);
  req("skipped", syscall(SYS_getppid));
  req("skipped with an error", syscall(SYS_getppid));
  req("another one, which is refused", syscall(SYS_getppid));
  printf("another one: %d\n", syscall(SYS_getppid) == getpid());
  req("another one that asks", syscall(SYS_getppid, 1) > 2);
  req("dup", syscall(SYS_dup, -1));
  _exit(3);
}

static void seccomp(void) {
  int pid = fork();
  if (!pid)
    asked();
  await("start", pid);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("second", pid);
  req("options", ptrace(PTRACE_SETOPTIONS, pid, 0L, (long)PTRACE_O_TRACESECCOMP));
  static const struct {
    const char *what;
    long nr, result;
  } todo[] = {{"made"}, {"skip", -1, 1234}, {"skip", -1, -EPERM}, {"refused", SYS_getpgid}, {"other", SYS_getpid}, {"asks", SYS_dup}};
  for (unsigned i = 0; i < sizeof todo / sizeof *todo; i++) {
    ptrace(PTRACE_CONT, pid, 0L, 0L);
    await(todo[i].what, pid);
    shown(todo[i].what, pid);
    if (todo[i].nr)
      set(pid, todo[i].nr, todo[i].result);
  }
  ptrace(PTRACE_SYSCALL, pid, 0L, 0L); // the rest of dup's stops
  await("leaves", pid);
  shown("leaves", pid);
  for (int status;;) {
    ptrace(PTRACE_CONT, pid, 0L, 0L);
    if (!WIFSTOPPED(status = await("dup", pid)))
      break;
    shown("dup", pid); // nothing else asks
  }
}

static void emulated(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  kill(getpid(), SIGSTOP);
  long a = syscall(SYS_getppid), b = syscall(SYS_getppid);
  printf("emulated: %ld, real: %d\n", a, b == getppid());
  _exit(4);
}

static void sysemu(void) {
  int pid = fork();
  if (!pid)
    emulated();
  await("start", pid);
  req("sysgood", ptrace(PTRACE_SETOPTIONS, pid, 0L, (long)PTRACE_O_TRACESYSGOOD));
  req("sysemu", ptrace(PTRACE_SYSEMU, pid, 0L, 0L));
  await("call", pid);
  shown("call", pid);
  struct user_regs_struct u;
  regs(PTRACE_GETREGSET, pid, &u);
  printf("getppid: %d, result so far %ld\n", NR(u) == SYS_getppid, (long)RESULT(u));
  RESULT(u) = 4321;
  regs(PTRACE_SETREGSET, pid, &u);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("end", pid);
}

static volatile int got, value;
static void handler(int sig, siginfo_t *i, void *c) {
  got = got * 100 + sig;
  value = i->si_value.sival_int;
}

static void signalled(void) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigset_t set;
  sigemptyset(&set);
  for (int s = SIGRTMIN; s < SIGRTMIN + 3; s++) {
    sigaction(s, &a, NULL);
    sigaddset(&set, s);
  }
  sigaction(SIGUSR1, &a, NULL);
  sigprocmask(SIG_BLOCK, &set, NULL);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 2});
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5});
  printf("got %d, value %d\n", got, value);
  got = 0;
  raise(SIGSTOP);
  printf("unblocked: %d\n", got == SIGRTMIN * 100 + SIGRTMIN + 1 || got == (SIGRTMIN + 1) * 100 + SIGRTMIN);
  sigprocmask(SIG_BLOCK, NULL, &set);
  printf("blocked: %d %d\n", sigismember(&set, SIGRTMIN), sigismember(&set, SIGUSR2));
  _exit(5);
}

static void signals(void) {
  int pid = fork();
  if (!pid)
    signalled();
  await("usr1", pid);
  siginfo_t si, list[4];
  memset(list, 0, sizeof list);
  ptrace(PTRACE_GETSIGINFO, pid, 0L, &si);
  printf("value %d\n", si.si_value.sival_int);
  si.si_value.sival_int = 55;
  req("setsiginfo", ptrace(PTRACE_SETSIGINFO, pid, 0L, &si));
  struct ptrace_peeksiginfo_args args = {.flags = 1 /* shared */, .nr = 4};
  req("shared", ptrace(PTRACE_PEEKSIGINFO, pid, &args, list));
  printf("%d %d, %d %d\n", list[0].si_signo - SIGRTMIN, list[0].si_value.sival_int, list[1].si_signo - SIGRTMIN, list[1].si_value.sival_int);
  args.off = 1;
  req("from the second", ptrace(PTRACE_PEEKSIGINFO, pid, &args, list));
  args.off = 0, args.flags = 0;
  req("own", ptrace(PTRACE_PEEKSIGINFO, pid, &args, list));
  char *pages = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = pages + getpagesize();
  mprotect(end, getpagesize(), PROT_READ);
  args.flags = 1;
  req("as many as there is room for", ptrace(PTRACE_PEEKSIGINFO, pid, &args, end - sizeof list[0]));
  req("no room", ptrace(PTRACE_PEEKSIGINFO, pid, &args, end));
  args.flags = 6;
  req("bad flags", ptrace(PTRACE_PEEKSIGINFO, pid, &args, list));
  ptrace(PTRACE_CONT, pid, 0L, (long)SIGUSR1);
  await("stop", pid);
  unsigned long mask = 0;
  ptrace(PTRACE_GETSIGMASK, pid, 8L, &mask);
  printf("mask %d\n", mask >> (SIGRTMIN - 1) == 7);
  mask = 1ul << (SIGUSR2 - 1) | 1ul << (SIGKILL - 1);
  req("setsigmask", ptrace(PTRACE_SETSIGMASK, pid, 8L, &mask));
  req("setsigmask 4", ptrace(PTRACE_SETSIGMASK, pid, 4L, &mask));
  ptrace(PTRACE_GETSIGMASK, pid, 8L, &mask);
  printf("mask %lx\n", mask);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  for (int status; WIFSTOPPED(status = await("goes on", pid));)
    ptrace(PTRACE_CONT, pid, 0L, (long)WSTOPSIG(status));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  seccomp();
  sysemu();
  signals();
  return 0;
}
