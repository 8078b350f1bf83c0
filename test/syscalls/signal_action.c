// Dispositions, masks and alternate stacks.
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define SHOW(name, call)                                                  \
	do {                                                              \
		long result = (call);                                     \
		printf("%s: %ld %s\n", name, result, result < 0 ? strerror(errno) : ""); \
	} while (0)

static volatile int depth, max_depth, calls;

static void show_mask(const char *what) {
	sigset_t set;
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	printf("%s:", what);
	for (int s = 1; s <= 64; s++)
		if (sigismember(&set, s) == 1) printf(" %d", s);
	puts("");
}

static void nest(int sig) {
	calls++;
	if (++depth > max_depth) max_depth = depth;
	if (calls < 3) raise(sig);
	depth--;
}

static void set(int sig, void (*f)(int), int flags, int blocked) {
	struct sigaction sa = {.sa_handler = f, .sa_flags = flags};
	sigemptyset(&sa.sa_mask);
	if (blocked) sigaddset(&sa.sa_mask, blocked);
	if (sigaction(sig, &sa, NULL)) perror("sigaction");
}

static void nesting(void) {
	depth = max_depth = calls = 0;
	set(SIGUSR1, nest, 0, 0);
	raise(SIGUSR1);
	printf("deferred: %d calls, %d deep\n", calls, max_depth);
	depth = max_depth = calls = 0;
	set(SIGUSR1, nest, SA_NODEFER, 0);
	raise(SIGUSR1);
	printf("SA_NODEFER: %d calls, %d deep\n", calls, max_depth);
}

static void masks(int sig) { show_mask("in the handler"); }

static void reset(int sig) {
	struct sigaction sa;
	sigaction(sig, NULL, &sa);
	printf("in a one-shot handler: default %d flags %#x\n", sa.sa_handler == SIG_DFL, sa.sa_flags & ~0x04000000);
}

static void flags(void) {
	set(SIGUSR2, masks, 0, SIGTERM);
	raise(SIGUSR2);
	set(SIGUSR2, masks, SA_NODEFER, SIGTERM);
	raise(SIGUSR2);
	show_mask("afterwards");
	set(SIGURG, reset, SA_RESETHAND, 0);
	raise(SIGURG);
	raise(SIGURG); // ignored by default
	struct sigaction sa = {.sa_handler = nest, .sa_flags = SA_RESTART | SA_NOCLDWAIT | 0x400 | 0x800 | 0x2000}, old;
	sigfillset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR1, NULL, &old);
	printf("kept flags %#x, mask has KILL %d STOP %d HUP %d\n", old.sa_flags & ~0x04000000,
	       sigismember(&old.sa_mask, SIGKILL), sigismember(&old.sa_mask, SIGSTOP), sigismember(&old.sa_mask, SIGHUP));
	SHOW("SIGKILL", sigaction(SIGKILL, &sa, NULL));
	SHOW("SIGSTOP", sigaction(SIGSTOP, &sa, NULL));
	SHOW("query SIGKILL", syscall(SYS_rt_sigaction, SIGKILL, NULL, &old, 8));
	SHOW("signal 0", syscall(SYS_rt_sigaction, 0, NULL, &old, 8));
	SHOW("signal 65", syscall(SYS_rt_sigaction, 65, NULL, &old, 8));
	SHOW("wrong size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 16));
	SHOW("bad address", syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8));
}

static void procmask(void) {
	sigset_t s;
	uint64_t all = ~0ull, old = 0;
	SHOW("how 3", syscall(SYS_rt_sigprocmask, 3, &all, NULL, 8));
	SHOW("how 3 without a set", syscall(SYS_rt_sigprocmask, 3, NULL, &old, 8));
	SHOW("size 4", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 4));
	SHOW("bad set", syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));
	SHOW("all", syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8));
	SHOW("bad old", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, 8, 8));
	SHOW("query", syscall(SYS_rt_sigprocmask, 77, NULL, &old, 8));
	printf("mask %016llx\n", (unsigned long long)old);
	all = 1ull << (SIGUSR1 - 1);
	SHOW("unblock", syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &all, &old, 8));
	SHOW("query", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &old, 8));
	printf("mask %016llx\n", (unsigned long long)old);
	SHOW("pending size 9", syscall(SYS_rt_sigpending, &old, 9));
	all = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
}

static char stack1[65536], stack2[65536];

static int on(const char *stack) {
	char here;
	return &here >= stack && &here < stack + sizeof stack1;
}

static void altstack(int sig, siginfo_t *info, void *context) {
	ucontext_t *uc = context;
	stack_t now, other = {.ss_sp = stack2, .ss_size = sizeof stack2};
	sigaltstack(NULL, &now);
	printf("on the stack %d, flags %d, uc_stack is it %d with flags %d\n", on(stack1), now.ss_flags,
	       uc->uc_stack.ss_sp == stack1 && uc->uc_stack.ss_size == sizeof stack1, uc->uc_stack.ss_flags);
	SHOW("change it", sigaltstack(&other, NULL));
	if (calls++ == 0) raise(SIGUSR2); // the second frame goes below the first
}

static void autodisarm(int sig, siginfo_t *info, void *context) {
	ucontext_t *uc = context;
	stack_t now, other = {.ss_sp = stack2, .ss_size = sizeof stack2};
	sigaltstack(NULL, &now);
	printf("autodisarm: on the stack %d, flags %#x, uc_stack flags %#x\n", on(stack1), now.ss_flags, uc->uc_stack.ss_flags);
	SHOW("change it", sigaltstack(&other, NULL));
}

static void stacks(void) {
	stack_t s = {.ss_sp = stack1, .ss_size = sizeof stack1}, old;
	SHOW("initial", sigaltstack(NULL, &old));
	printf("flags %d size %zu\n", old.ss_flags, old.ss_size);
	struct sigaction sa = {.sa_sigaction = altstack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	calls = 0;
	SHOW("set", sigaltstack(&s, &old));
	raise(SIGUSR1);
	sa.sa_sigaction = autodisarm;
	sigaction(SIGUSR1, &sa, NULL);
	s.ss_flags = (int)(1u << 31);
	SHOW("set autodisarm", sigaltstack(&s, NULL));
	raise(SIGUSR1);
	sigaltstack(NULL, &old);
	printf("back: it %d flags %#x\n", old.ss_sp == stack1, old.ss_flags);
	s.ss_flags = 0;
	s.ss_size = 1000;
	SHOW("too small", sigaltstack(&s, NULL));
	s.ss_flags = 7;
	SHOW("bad flags", sigaltstack(&s, NULL));
	s.ss_flags = SS_DISABLE;
	SHOW("disable", sigaltstack(&s, NULL));
	sigaltstack(NULL, &old);
	printf("flags %d size %zu sp %p\n", old.ss_flags, old.ss_size, old.ss_sp);
	SHOW("bad new", sigaltstack((void *)8, NULL));
	SHOW("bad old", sigaltstack(NULL, (void *)8));
}

static sigjmp_buf env;
static jmp_buf plain_env;

static void jump(int sig) { siglongjmp(env, sig); }
static void jump_plain(int sig) { longjmp(plain_env, sig); }

static void jumps(void) {
	set(SIGUSR1, jump, 0, SIGHUP);
	int sig = sigsetjmp(env, 1);
	if (sig == 0) raise(SIGUSR1);
	printf("siglongjmp %d\n", sig);
	show_mask("with the mask");
	sig = sigsetjmp(env, 0);
	if (sig == 0) raise(SIGUSR1);
	printf("siglongjmp %d\n", sig);
	show_mask("without");
	uint64_t none = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
	set(SIGUSR2, jump_plain, SA_NODEFER, 0);
	for (volatile int i = 0; i < 1000; i++)
		if (setjmp(plain_env) == 0) raise(SIGUSR2);
	show_mask("after 1000 longjmps");
}

// A handler may change the context that it returns to.
static void change(int sig, siginfo_t *info, void *context) {
	ucontext_t *uc = context;
	sigaddset(&uc->uc_sigmask, SIGALRM);
	sigaddset(&uc->uc_sigmask, SIGKILL);
}

static void contexts(void) {
	struct sigaction sa = {.sa_sigaction = change, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	show_mask("changed by the handler");
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	nesting();
	flags();
	procmask();
	stacks();
	jumps();
	contexts();
	return 0;
}
