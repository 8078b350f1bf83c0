// The alternate signal stack: SS_AUTODISARM, nesting, errors, overflow, long jumps.
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char *area[3];
enum { SIZE = 65536 };
static sigjmp_buf env;

static int where(void *p) {
	for (int i = 0; i < 3; i++)
		if ((char *)p >= area[i] && (char *)p < area[i] + SIZE) return i;
	return -1;
}

static void show(const char *what) {
	stack_t s;
	memset(&s, 0, sizeof s);
	int r = sigaltstack(NULL, &s);
	printf("%s: %d flags %#x sp %d size %zu\n", what, r, s.ss_flags, where(s.ss_sp), s.ss_size);
}

static void set(const char *what, int i, unsigned flags, size_t size) {
	stack_t s = {.ss_sp = i < 0 ? NULL : area[i], .ss_flags = flags, .ss_size = size}, old;
	memset(&old, 0, sizeof old);
	errno = 0;
	int r = sigaltstack(&s, &old);
	printf("%s: %d %s; was %#x %d %zu\n", what, r, r ? strerror(errno) : "", old.ss_flags, where(old.ss_sp), old.ss_size);
}

static void handle(int sig, void (*f)(int, siginfo_t *, void *), int flags) {
	struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
	sigaction(sig, &sa, NULL);
}

static void on_stack(int sig, siginfo_t *i, void *c) {
	int here;
	ucontext_t *u = c;
	printf("handler %d on %d, uc_stack %#x %d %zu\n", sig, where(&here), u->uc_stack.ss_flags, where(u->uc_stack.ss_sp), u->uc_stack.ss_size);
	show("inside");
	set("change inside", 1, 0, SIZE);
	set("disable inside", -1, SS_DISABLE, 0);
}

static void nested2(int sig, siginfo_t *i, void *c) {
	int here;
	printf("nested %d on %d\n", sig, where(&here));
}

static void nested1(int sig, siginfo_t *i, void *c) {
	int here;
	printf("outer %d on %d\n", sig, where(&here));
	raise(SIGUSR2);
	set("second stack", 1, SS_AUTODISARM, SIZE);
	raise(SIGUSR2);
	show("after");
}

// What the handler writes into uc_stack takes effect.
static void restore(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	u->uc_stack.ss_sp = area[2];
	u->uc_stack.ss_flags = 0;
	u->uc_stack.ss_size = SIZE / 2;
}

static void jump(int sig, siginfo_t *i, void *c) { siglongjmp(env, 1); }

static void jumper2(int sig, siginfo_t *i, void *c) { siglongjmp(env, 2); }
static void jumper1(int sig, siginfo_t *i, void *c) { raise(SIGUSR2); }

static void in_child(const char *what, void (*f)(void)) {
	int status;
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		f();
		_exit(0);
	}
	waitpid(p, &status, 0);
	if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
	else printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

static int eat(int n) {
	volatile char buf[1024];
	buf[0] = n;
	return n > 100000 ? 0 : eat(n + 1) + buf[0];
}

static void deep(int sig, siginfo_t *i, void *c) { eat(0); }

// The handler runs over the end of its own stack.
static void overflow(void) {
	char *p = mmap(NULL, SIZE * 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + SIZE, SIZE, PROT_READ | PROT_WRITE);
	stack_t s = {.ss_sp = p + SIZE, .ss_size = SIZE};
	sigaltstack(&s, NULL);
	handle(SIGUSR1, deep, SA_ONSTACK);
	raise(SIGUSR1);
}

// Also when that SIGSEGV has a handler on the same stack.
static void exit3(int sig, siginfo_t *i, void *c) { _exit(3); }
static void overflow_handled(void) {
	handle(SIGSEGV, exit3, SA_ONSTACK);
	overflow();
}

static void no_stack(void) {
	stack_t s = {.ss_sp = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = SIZE};
	sigaltstack(&s, NULL);
	handle(SIGUSR1, exit3, SA_ONSTACK);
	raise(SIGUSR1);
}

static void no_stack_but_handler(void) {
	handle(SIGSEGV, exit3, 0);
	no_stack();
}

static void no_stack_fault(void) {
	stack_t s = {.ss_sp = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = SIZE};
	sigaltstack(&s, NULL);
	handle(SIGSEGV, exit3, SA_ONSTACK);
	*(volatile int *)8 = 0;
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 3; i++) area[i] = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	show("start");
	set("too small", 0, 0, 1000);
	set("bad flags", 0, 4, SIZE);
	set("SS_ONSTACK", 0, SS_ONSTACK, SIZE);
	set("plain", 0, 0, SIZE);
	set("again", 0, 0, SIZE);
	set("disable", 0, SS_DISABLE, SIZE);
	set("autodisarm", 0, SS_AUTODISARM, SIZE);
	show("now");
	handle(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	show("returned");
	set("plain", 0, 0, SIZE);
	raise(SIGUSR1);
	show("returned");
	handle(SIGUSR1, on_stack, 0); // not on it
	raise(SIGUSR1);
	set("plain", 0, 0, SIZE);
	handle(SIGUSR1, nested1, SA_ONSTACK);
	handle(SIGUSR2, nested2, SA_ONSTACK);
	raise(SIGUSR1);
	set("autodisarm", 0, SS_AUTODISARM, SIZE);
	raise(SIGUSR1);
	show("returned");
	handle(SIGUSR1, restore, 0);
	raise(SIGUSR1);
	show("restored");
	for (int auto_ = 0; auto_ < 2; auto_++) {
		set("for jumps", 0, auto_ ? SS_AUTODISARM : 0, SIZE);
		handle(SIGUSR1, jump, SA_ONSTACK);
		for (volatile int i = 0; i < 3; i++) {
			if (sigsetjmp(env, 1) == 0) raise(SIGUSR1);
			if (auto_) set("armed again", 0, SS_AUTODISARM, SIZE);
		}
		show("after jumps");
		set("for nested jumps", 0, auto_ ? SS_AUTODISARM : 0, SIZE);
		handle(SIGUSR1, jumper1, SA_ONSTACK);
		handle(SIGUSR2, jumper2, SA_ONSTACK);
		for (volatile int i = 0; i < 3; i++) {
			int v = sigsetjmp(env, 1);
			if (v == 0) raise(SIGUSR1);
			printf("jumped %d\n", v);
			sigset_t s;
			sigprocmask(0, NULL, &s);
			printf("mask empty %d\n", sigisemptyset(&s));
		}
	}
	in_child("overflow", overflow);
	in_child("overflow with a handler", overflow_handled);
	in_child("inaccessible", no_stack);
	in_child("inaccessible, handler elsewhere", no_stack_but_handler);
	in_child("inaccessible, for a fault", no_stack_fault);
	return 0;
}
