// fork: exit statuses, copies and shared memory, pipes, signals, IDs, nesting, many in a row.
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int chld, usr1, alrm;
static void on_chld(int s) { chld++; }
static void on_usr1(int s) { usr1++; }
static void on_alrm(int s) { alrm++; }

static void report(const char *what, pid_t pid) {
  int status = -1;
  pid_t r;
  while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
    ;
  if (r != pid)
    printf("%s: %s\n", what, strerror(errno));
  else if (WIFEXITED(status))
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else
    printf("%s: signal %d\n", what, WTERMSIG(status));
}

static int private = 1;

static void *thread(void *arg) { return (void *)((long)arg + 1); }

// Where the handlers of pthread_atfork leave their traces, in order.
static char trace[8];
static void atfork_prepare(void) { strcpy(trace, "p"); }
static void atfork_parent(void) { strcat(trace, "P"); }
static void atfork_child(void) { strcat(trace, "C"); }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  pid_t self = getpid(), pid;
  int *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int *copied = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(copied, 1, 1 << 20);

  if ((pid = fork()) == 0) {
    shared[0] = getpid();
    shared[1] = syscall(SYS_gettid);
    shared[2] = getppid();
    private = 2;
    memset(copied, 2, 1 << 20);
    _exit(3);
  }
  report("first", pid);
  printf("pid %d tid %d ppid %d, private %d, copied %x\n", shared[0] == pid, shared[1] == pid, shared[2] == self, private, copied[1000]);

  // a conversation through pipes
  int down[2], up[2];
  char buf[64];
  pipe(down), pipe(up);
  if ((pid = fork()) == 0) {
    int n;
    close(down[1]), close(up[0]);
    while ((n = read(down[0], buf, sizeof buf)) > 0) {
      for (int i = 0; i < n; i++) buf[i] ^= 0x20;
      write(up[1], buf, n);
    }
    exit(0);
  }
  close(down[0]), close(up[1]);
  for (int i = 0; i < 3; i++) {
    write(down[1], "hello\n", 6);
    int n = read(up[0], buf, sizeof buf);
    printf("%d bytes: %.5s\n", n, buf);
  }
  close(down[1]);
  report("pipes", pid);

  // the child has the handlers, no pending signals, no timers, a mask of its own
  signal(SIGUSR1, on_usr1);
  signal(SIGALRM, on_alrm);
  sigset_t set, old;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  struct itimerval it = {{0, 0}, {100, 0}};
  setitimer(ITIMER_REAL, &it, NULL);
  if ((pid = fork()) == 0) {
    sigset_t pending, now;
    sigpending(&pending);
    sigprocmask(SIG_BLOCK, NULL, &now);
    getitimer(ITIMER_REAL, &it);
    printf("pending %d blocked %d timer %ld\n", sigismember(&pending, SIGUSR1), sigismember(&now, SIGUSR1), it.it_value.tv_sec);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("usr1 %d\n", usr1);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    printf("usr1 %d\n", usr1);
    it.it_value.tv_sec = 0, it.it_value.tv_usec = 1000;
    setitimer(ITIMER_REAL, &it, NULL);
    while (!alrm) usleep(500); // it may have come before a pause
    kill(getpid(), SIGTERM);
  }
  report("signals", pid);
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("usr1 %d\n", usr1);
  it.it_value.tv_sec = 0;
  setitimer(ITIMER_REAL, &it, NULL);

  // ways to die
  if ((pid = fork()) == 0) abort();
  report("abort", pid);
  if ((pid = fork()) == 0) *(volatile int *)16 = 1;
  report("fault", pid);
  if ((pid = fork()) == 0) pause();
  kill(pid, SIGKILL);
  report("kill", pid);
  if ((pid = fork()) == 0) for (;;) ;
  kill(pid, SIGTERM);
  report("loop", pid);

  // threads of the child
  if ((pid = fork()) == 0) {
    pthread_t t[4];
    long sum = 0;
    for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, thread, (void *)i);
    for (int i = 0; i < 4; i++) {
      void *r;
      pthread_join(t[i], &r);
      sum += (long)r;
    }
    _exit(sum);
  }
  report("threads", pid);

  // exec, in the child of a child
  if ((pid = fork()) == 0) {
    if ((pid = fork()) == 0) {
      execl("/bin/sh", "sh", "-c", "echo from sh; exit 12", NULL);
      _exit(99);
    }
    int st;
    waitpid(pid, &st, 0);
    execl("/no/such", "x", NULL);
    if (errno == ENOENT) _exit(WEXITSTATUS(st) + 1);
  }
  report("exec", pid);

  pthread_atfork(atfork_prepare, atfork_parent, atfork_child);
  if ((pid = fork()) == 0) _exit(!strcmp(trace, "pC"));
  report("atfork", pid);
  printf("%s\n", trace);
  pid = syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
  if (pid == 0) _exit(4);
  int st;
  printf("exit signal: %d, ", waitpid(pid, &st, 0) == -1 && errno == ECHILD);
  printf("%d, ", waitpid(pid, &st, __WALL) == pid && WEXITSTATUS(st) == 4);
  printf("usr1 %d\n", usr1);

  int pidfd = -1;
  pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
  if (pid == 0) _exit(pidfd == -1 ? 5 : 6);
  report("pidfd", pid);
  printf("pidfd open %d\n", fcntl(pidfd, F_GETFD) >= 0);
  close(pidfd);

  // nested
  shared[0] = 0;
  for (int depth = 0; depth < 20; depth++) {
    if (fork() != 0) {
      wait(&st);
      if (depth > 0) _exit(WEXITSTATUS(st) + 1);
      printf("nested: %d, %d\n", WEXITSTATUS(st), shared[0]);
      break;
    }
    shared[0]++;
    if (depth == 19) _exit(0);
  }
  if (getpid() != self) _exit(77);

  signal(SIGCHLD, on_chld);
  for (int i = 0; i < 400; i++) {
    if ((pid = fork()) == 0) _exit(i & 127);
    while (waitpid(pid, &st, 0) < 0)
      ;
    if (!WIFEXITED(st) || WEXITSTATUS(st) != (i & 127)) printf("round %d: %x\n", i, st);
  }
  printf("children %d\n", chld);

  // many at once
  pid_t all[50];
  for (int i = 0; i < 50; i++)
    if ((all[i] = fork()) == 0) {
      __atomic_fetch_add(&shared[3], i, __ATOMIC_SEQ_CST);
      _exit(0);
    }
  for (int i = 0; i < 50; i++)
    while (waitpid(all[i], &st, 0) < 0)
      ;
  printf("sum %d\n", shared[3]);
  return 0;
}
