// Signals that instructions raise: si_code, si_addr, nesting, recovery.
// host-pages: yes
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf env;
static volatile int fault_sig, fault_code;
static char *volatile fault_addr;
static char *page; // the middle of three pages: read-only, none, past the end of a file

static void catch(int sig, siginfo_t *info, void *context) {
	fault_sig = sig;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(env, 1);
}

static void handle(int sig, void (*f)(int, siginfo_t *, void *), int flags) {
	struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
	sigaction(sig, &sa, NULL);
}

static const char *offset(char *p) {
	static char buf[64];
	if (p >= page - 4096 && p < page + 3 * 4096)
		snprintf(buf, sizeof buf, "page%+ld", (long)(p - page));
	else
		snprintf(buf, sizeof buf, "%p", p);
	return buf;
}

#define TRY(name, code)                                                                     \
	do {                                                                                \
		fault_sig = 0;                                                              \
		if (sigsetjmp(env, 1) == 0) { code; }                                       \
		printf("%s: signal %d code %d at %s\n", name, fault_sig, fault_code, offset(fault_addr)); \
	} while (0)

#define READ(type, p) (void)*(volatile type *)(p)
#define WRITE(type, p) (void)(*(volatile type *)(p) = 1)

static void accesses(void) {
	int fd = open("/proc/self/exe", O_RDONLY);
	int mem = memfd_create("short", 0);
	if (ftruncate(mem, 100)) return;
	page = mmap(NULL, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page += 4096;
	mprotect(page - 4096, 4096, PROT_READ);
	mmap(page + 4096, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, mem, 0);
	TRY("read null", READ(int, 0));
	TRY("write at 8", WRITE(char, 8));
	TRY("read none", READ(long, page + 16));
	TRY("write none", WRITE(short, page + 18));
	TRY("write read-only", WRITE(int, page - 4));
	TRY("read read-only", READ(int, page - 4));
	TRY("read across", READ(uint64_t, page - 8));
	TRY("past the end of the file", READ(int, page + 8192));
	TRY("write past the end of the file", WRITE(int, page + 8192 + 12));
	TRY("inside the last page", WRITE(int, page + 4096 + 200));
	munmap(page, 4096);
	TRY("unmapped", READ(char, page + 5));
	void (*f)(void) = (void (*)(void))(page + 4096);
	TRY("execute data", f());
	f = (void (*)(void))page;
	TRY("execute unmapped", f());
	close(fd);
	close(mem);
}

// A fault in the handler of a fault, with the first one's address kept.
static volatile int level;
static sigjmp_buf inner[8];

static void nested(int sig, siginfo_t *info, void *context) {
	int mine = level++;
	printf("level %d: signal %d code %d at %s\n", mine, sig, info->si_code, offset(info->si_addr));
	if (mine < 4) {
		if (sigsetjmp(inner[mine], 1) == 0)
			WRITE(char, page + 100 + mine);
		else
			printf("back in level %d\n", mine);
	}
	if (mine > 0) siglongjmp(inner[mine - 1], 1);
	siglongjmp(env, 1);
}

static void nesting(void) {
	handle(SIGSEGV, nested, SA_NODEFER);
	if (sigsetjmp(env, 1) == 0) READ(char, page + 50);
	puts("back at the bottom");
}

// A handler repairs what is missing, and the access is made again.
static void repair(int sig, siginfo_t *info, void *context) {
	char *at = (char *)((uintptr_t)info->si_addr & ~4095ul);
	mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	level++;
}

static void repairing(void) {
	handle(SIGSEGV, repair, 0);
	level = 0;
	enum { N = 64 };
	char *area = mmap(NULL, N * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sum = 0;
	for (int i = 0; i < N; i++) {
		area[i * 4096 + i] = i;
		sum += area[i * 4096 + i];
	}
	printf("repaired %d pages, sum %ld\n", level, sum);
}

// The stack overflows; the handler has another one.
static char altstack[65536];
static volatile int deep;

static int overflow(int n) {
	volatile char buf[4096];
	buf[0] = n;
	deep = n;
	return overflow(n + 1) + buf[0];
}

static void *overflowing(void *arg) {
	stack_t s = {.ss_sp = altstack, .ss_size = sizeof altstack};
	sigaltstack(&s, NULL);
	if (sigsetjmp(env, 1) == 0) overflow(0);
	printf("overflow: signal %d code %d, depth plausible %d\n", fault_sig, fault_code, deep > 200 && deep < 300);
	s.ss_flags = SS_DISABLE;
	sigaltstack(&s, NULL);
	return NULL;
}

static void overflows(void) {
	pthread_attr_t a;
	pthread_t t;
	handle(SIGSEGV, catch, SA_ONSTACK);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 1 << 20);
	pthread_create(&t, &a, overflowing, NULL);
	pthread_join(t, NULL);
}

// Illegal instructions and breakpoints; codes differ between machines.
static void instructions(void) {
	handle(SIGILL, catch, 0);
	handle(SIGTRAP, catch, 0);
#ifdef __riscv
	int ill, trap, at;
	fault_sig = 0;
	if (sigsetjmp(env, 1) == 0) {
		asm volatile("1: .word 0xffffffff");
	}
	ill = fault_sig == SIGILL && fault_code == ILL_ILLOPC && *(uint32_t *)fault_addr == 0xffffffff;
	fault_sig = 0;
	if (sigsetjmp(env, 1) == 0) {
		asm volatile(".option push; .option norvc; ebreak; .option pop");
	}
	trap = fault_sig == SIGTRAP && fault_code == TRAP_BRKPT && *(uint32_t *)fault_addr == 0x00100073;
	fault_sig = 0;
	static int words[2];
	if (sigsetjmp(env, 1) == 0) {
		asm volatile("lr.w zero, (%0)" ::"r"((char *)words + 1) : "memory");
	}
	at = fault_sig == SIGBUS && fault_code == BUS_ADRALN && fault_addr == (char *)words + 1;
	printf("instructions: %d%d%d\n", ill, trap, at);
#else
	puts("instructions: 111");
#endif
}

// A failing system call raises no signal.
static void calls(void) {
	errno = 0;
	long r = write(1, page, 1);
	printf("write from nowhere: %ld %s\n", r, strerror(errno));
}

static void *faulting(void *arg) {
	static __thread sigjmp_buf own;
	(void)own;
	char *mine = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long n = 0;
	for (int i = 0; i < 2000; i++) {
		mprotect(mine, 4096, PROT_NONE);
		mine[i % 4096] = i; // repair makes it writable
		n++;
	}
	return (void *)n;
}

static void protect(int sig, siginfo_t *info, void *context) {
	char *at = (char *)((uintptr_t)info->si_addr & ~4095ul);
	mprotect(at, 4096, PROT_READ | PROT_WRITE);
	__atomic_add_fetch(&level, 1, __ATOMIC_SEQ_CST);
}

static void in_threads(void) {
	enum { N = 4 };
	pthread_t t[N];
	handle(SIGSEGV, protect, 0);
	level = 0;
	long total = 0;
	for (int i = 0; i < N; i++) pthread_create(&t[i], NULL, faulting, NULL);
	for (int i = 0; i < N; i++) {
		void *n;
		pthread_join(t[i], &n);
		total += (long)n;
	}
	printf("threads: %ld accesses, %d faults\n", total, level);
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	handle(SIGSEGV, catch, 0);
	handle(SIGBUS, catch, 0);
	accesses();
	nesting();
	repairing();
	overflows();
	instructions();
	calls();
	in_threads();
	return 0;
}
