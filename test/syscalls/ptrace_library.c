// ptrace: breakpoints that a tracer writes into functions of the C library, which the tracee has executed often by then.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern long ptrace(int, ...);

#if defined(__x86_64__)
#define PC(u) u.rip
enum { BREAK = 0xcc, BITS = 0xff, BEHIND = 1 }; // int3; pc is behind it
#else
#define PC(u) u.pc
enum { BREAK = 0x9002, BITS = 0xffff, BEHIND = 0 }; // c.ebreak
#endif

static long from[8], to[8];
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static volatile long round;

static void rounds(long n) {
  for (; n; n--) {
    from[2] = ++round;
    copy(to, from, sizeof from);
    if (compare(to, from, sizeof from)) _exit(1);
  }
}

static int await(const char *what, int pid) {
  int status = -1;
  if (waitpid(pid, &status, 0) != pid)
    printf("%s: wait: %s\n", what, strerror(errno));
  printf("%s: %#x\n", what, status);
  return status;
}

static void req(const char *what, long r) {
  if (r < 0) printf("%s: %s\n", what, strerror(errno));
}

static long text(int pid, long at) {
  errno = 0;
  long word = ptrace(PTRACE_PEEKTEXT, pid, at, 0L);
  req("peek", -errno);
  return word;
}

// hit has the tracee run into a breakpoint at a function, and go on behind it.
static void hit(const char *what, int pid, long at) {
  struct user_regs_struct u;
  struct iovec iov = {&u, sizeof u};
  long old = text(pid, at);
  req("set", ptrace(PTRACE_POKETEXT, pid, at, (old & ~(long)BITS) | BREAK));
  req("go", ptrace(PTRACE_CONT, pid, 0L, 0L));
  await(what, pid);
  req("get registers", ptrace(PTRACE_GETREGSET, pid, (long)NT_PRSTATUS, &iov));
  printf("%s: pc %+ld, round %ld, copied %ld\n", what, (long)PC(u) - BEHIND - at, text(pid, (long)&round), text(pid, (long)&to[2]));
  PC(u) = at;
  req("set registers", ptrace(PTRACE_SETREGSET, pid, (long)NT_PRSTATUS, &iov));
  req("clear", ptrace(PTRACE_POKETEXT, pid, at, old));
}

int main(void) {
  int pid = fork();
  if (!pid) {
    req("trace me", ptrace(PTRACE_TRACEME, 0, 0L, 0L));
    for (int i = 0; i < 3; i++) {
      rounds(2000);
      raise(SIGSTOP);
    }
    rounds(2000);
    _exit(round == 8000 ? 5 : 2);
  }
  await("stopped", pid);
  hit("memcpy", pid, (long)copy);
  req("go on", ptrace(PTRACE_CONT, pid, 0L, 0L));
  await("stopped again", pid);
  hit("memcmp", pid, (long)compare);
  hit("memcpy", pid, (long)copy);
  req("go on", ptrace(PTRACE_CONT, pid, 0L, 0L));
  await("stopped at last", pid);
  req("go on", ptrace(PTRACE_CONT, pid, 0L, 0L));
  await("ended", pid);
}
