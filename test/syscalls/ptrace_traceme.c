// ptrace of a child that asks for it: stops at system calls and signals, memory, registers, options, the end.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern long ptrace(int, ...);

static void show(const char *what, int pid, int status) {
  if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    printf("%s: signal %d\n", what, WTERMSIG(status));
  else if (WIFSTOPPED(status))
    printf("%s: stopped %#x\n", what, status);
  else
    printf("%s: %#x\n", what, status);
}

static int await(const char *what, int pid) {
  int status = -1, r = waitpid(pid, &status, __WALL);
  if (r != pid)
    printf("%s: wait: %d %s\n", what, r, strerror(errno));
  show(what, pid, status);
  return status;
}

static void req(const char *what, long r) {
  if (r < 0)
    printf("%s: %s\n", what, strerror(errno));
  else
    printf("%s: %ld\n", what, r);
}

#if defined(__x86_64__)
#define PC(u) u.rip
#define SP(u) u.rsp
#else
#define PC(u) u.pc
#define SP(u) u.sp
#endif

static volatile long word = 0x1122334455667788;
static const volatile long constant[] = {1, 2, 3};
static volatile int usr1;
static void on_usr1(int s, siginfo_t *i, void *c) { usr1 += s == SIGUSR1 ? i->si_code == SI_TKILL || i->si_code == SI_USER ? 1 : 100 : 1000; }

static void siginfo(int pid) {
  siginfo_t si;
  memset(&si, 0xee, sizeof si);
  if (ptrace(PTRACE_GETSIGINFO, pid, 0, &si) < 0)
    printf("siginfo: %s\n", strerror(errno));
  else
    printf("siginfo: signo %d code %d errno %d\n", si.si_signo, si.si_code, si.si_errno);
}

static void info(int pid) {
  struct ptrace_syscall_info i;
  memset(&i, 0, sizeof i);
  long r = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i);
  printf("info: %ld op %d", r, i.op);
  if (i.op == PTRACE_SYSCALL_INFO_ENTRY)
    printf(" getppid %d args %d %d %d", i.entry.nr == SYS_getppid, (int)i.entry.args[0], (int)i.entry.args[1], (int)i.entry.args[5]);
  if (i.op == PTRACE_SYSCALL_INFO_EXIT)
    printf(" is_error %d, parent %d", i.exit.is_error, i.exit.rval == getpid());
  printf(", ip %d sp %d\n", i.instruction_pointer != 0, i.stack_pointer != 0);
}

static void child(void) {
  struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &sa, NULL);
  if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(90);
  if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 || errno != EPERM) _exit(91);
  raise(SIGSTOP);
  if (syscall(SYS_getppid, 11, 22, 33, 44, 55, 66) != getppid()) _exit(92);
  if (word != 42 || constant[1] != 99) _exit(93);
  raise(SIGUSR1);
  if (usr1 != 1) _exit(94);
  raise(SIGUSR1); // suppressed
  if (usr1 != 1) _exit(95);
  raise(SIGTERM); // replaced by SIGUSR1
  if (usr1 != 2) _exit(96);
  raise(SIGWINCH); // ignored, but the tracer gets to see it
  raise(SIGTERM);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int pid = fork(), status;
  if (pid == 0) {
    child();
    _exit(0);
  }
  await("start", pid);
  siginfo(pid);
  req("options", ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  req("bad options", ptrace(PTRACE_SETOPTIONS, pid, 0, 0x10000000));

  // memory
  errno = 0;
  printf("peek %lx %s\n", syscall(SYS_ptrace, PTRACE_PEEKDATA, pid, &word, &status) ? 0L : 1L, strerror(errno));
  long v = 0;
  syscall(SYS_ptrace, PTRACE_PEEKDATA, pid, &word, &v);
  printf("word %lx\n", v);
  req("poke", ptrace(PTRACE_POKEDATA, pid, &word, 42L));
  req("poke constant", ptrace(PTRACE_POKEDATA, pid, &constant[1], 99L));
  req("peek nowhere", syscall(SYS_ptrace, PTRACE_PEEKDATA, pid, 16, &v));
  req("poke nowhere", ptrace(PTRACE_POKEDATA, pid, 16L, 1L));
  long buf[3] = {0};
  struct iovec local = {buf, sizeof buf}, remote = {(void *)constant, sizeof constant};
  req("process_vm_readv", process_vm_readv(pid, &local, 1, &remote, 1, 0));
  printf("constant %ld %ld %ld\n", buf[0], buf[1], buf[2]);

  // registers
  struct user_regs_struct regs;
  struct iovec io = {&regs, sizeof regs};
  req("getregset", ptrace(PTRACE_GETREGSET, pid, (long)NT_PRSTATUS, &io));
  printf("len %d, pc %d sp %d\n", io.iov_len == sizeof regs, PC(regs) != 0, SP(regs) != 0);
  req("setregset", ptrace(PTRACE_SETREGSET, pid, (long)NT_PRSTATUS, &io));
  io.iov_len = 16;
  req("getregset 16", ptrace(PTRACE_GETREGSET, pid, (long)NT_PRSTATUS, &io));
  printf("len %d\n", (int)io.iov_len);
  io.iov_len = 13;
  req("getregset 13", ptrace(PTRACE_GETREGSET, pid, (long)NT_PRSTATUS, &io));
  io.iov_len = 16;
  req("getregset bad", ptrace(PTRACE_GETREGSET, pid, 0x7777L, &io));
  req("bad request", ptrace(0x3333, pid, 0L, 0L));
  req("listen", ptrace(PTRACE_LISTEN, pid, 0L, 0L));
  req("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0L, 0L));
  req("cont bad signal", ptrace(PTRACE_CONT, pid, 0L, 99L));

  // system calls: the first one is getppid; what raise(3) still does comes before
  int entry = 0;
  for (int i = 0; i < 20; i++) {
    req("syscall", ptrace(PTRACE_SYSCALL, pid, 0L, 0L));
    if (waitpid(pid, &status, 0) != pid) break;
    struct ptrace_syscall_info in = {0};
    ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof in, &in);
    if (in.op == PTRACE_SYSCALL_INFO_ENTRY && in.entry.nr == SYS_getppid) break;
  }
  show("entry", pid, status);
  info(pid);
  siginfo(pid);
  ptrace(PTRACE_GETEVENTMSG, pid, 0L, &v);
  printf("message %ld\n", v);
  ptrace(PTRACE_SYSCALL, pid, 0L, 0L);
  await("exit", pid);
  info(pid);
  ptrace(PTRACE_GETEVENTMSG, pid, 0L, &v);
  printf("message %ld\n", v);

  // signals
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("usr1", pid);
  siginfo(pid);
  info(pid);
  unsigned long mask = 0;
  req("getsigmask", ptrace(PTRACE_GETSIGMASK, pid, 8L, &mask));
  printf("mask %lx\n", mask);
  req("getsigmask 4", ptrace(PTRACE_GETSIGMASK, pid, 4L, &mask));
  ptrace(PTRACE_CONT, pid, 0L, (long)SIGUSR1);
  await("usr1 again", pid);
  ptrace(PTRACE_CONT, pid, 0L, 0L);
  await("term", pid);
  ptrace(PTRACE_CONT, pid, 0L, (long)SIGUSR1);
  await("winch", pid);
  req("cont running", ptrace(PTRACE_CONT, pid, 0L, (long)SIGWINCH));
  await("term", pid);
  ptrace(PTRACE_CONT, pid, 0L, (long)SIGTERM);
  await("end", pid);
  req("gone", ptrace(PTRACE_CONT, pid, 0L, 0L));

  // who is no tracee
  req("init", ptrace(PTRACE_CONT, 1, 0L, 0L));
  req("self", ptrace(PTRACE_ATTACH, getpid(), 0L, 0L));
  req("nobody", ptrace(PTRACE_ATTACH, 0x3fffffff, 0L, 0L));

  // kill while stopped, and waitid
  if ((pid = fork()) == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGUSR2);
    _exit(1);
  }
  siginfo_t si;
  memset(&si, 0, sizeof si);
  waitid(P_PID, pid, &si, WEXITED | WSTOPPED | WNOWAIT);
  printf("waitid: code %d status %d\n", si.si_code, si.si_status);
  memset(&si, 0, sizeof si);
  waitid(P_PID, pid, &si, WEXITED | WSTOPPED);
  printf("waitid: code %d status %d\n", si.si_code, si.si_status);
  req("nohang", waitpid(pid, &status, WNOHANG));
  req("kill", ptrace(PTRACE_KILL, pid, 0L, 0L));
  await("killed", pid);

  // detaching with a signal
  if ((pid = fork()) == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGUSR2);
    _exit(1);
  }
  await("stop", pid);
  req("detach", ptrace(PTRACE_DETACH, pid, 0L, (long)SIGHUP));
  await("hung up", pid);

  // execve without options: SIGTRAP
  if ((pid = fork()) == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execl("/proc/self/exe", "again", "x", NULL);
    _exit(1);
  }
  await("exec", pid);
  siginfo(pid);
  req("kill", kill(pid, SIGKILL));
  await("killed", pid);
  return 0;
}
