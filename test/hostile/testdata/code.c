// Executes what is no program: code SEED KIND. KIND is a digit:
//
//	0  random instructions on several threads, rewritten while they run
//	1  jumps to wild addresses
//	2  signals while the stack pointer is wild, and handlers at wild addresses
//	3  rt_sigreturn with garbage for a frame
//	4  signal handlers within signal handlers until the stack is used up
//	5  exit while threads run, fault, block and are created
//	6  more threads than the process may have
//	7  memory and descriptors until there are no more
//	8  more processes than the user may have

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

static __thread uint64_t state;
static __thread sigjmp_buf again;
static uint64_t seed;
static uint32_t *code;

static uint64_t rnd(void) {
	uint64_t z = (state += 0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t wild(void) {
	static const uint64_t some[] = {0, 1, 4096, 1UL << 38, (1UL << 38) - 2, -1UL, 1UL << 63, 0xffffffff80000000};
	return rnd() % 3 ? some[rnd() % 8] : rnd() % 2 ? rnd() : rnd() & ((1UL << 38) - 1);
}

static void back(int sig) {
	(void)sig;
	siglongjmp(again, 1);
}

static void handle(void (*handler)(int), int flags) {
	static const int some[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGUSR1, SIGALRM};
	struct sigaction a = {.sa_handler = handler, .sa_flags = flags};
	for (unsigned i = 0; i < sizeof some / sizeof *some; i++)
		sigaction(some[i], &a, 0);
}

static void use_stack(void) {
	stack_t s = {.ss_sp = malloc(65536), .ss_size = 65536};
	sigaltstack(&s, 0);
}

// instruction is any but ecall, whose effects would be those of a random call, and
// those that change sp, gp or tp, without which the handlers do not work.
static uint32_t instruction(void) {
	uint32_t v = (uint32_t)rnd();
	if (rnd() % 2)
		v |= 3;
	for (int shift = 7; shift < 32; shift += 16)
		if ((v >> shift & 31) - 2 < 3)
			v |= 8U << shift;
	return v == 0x73 ? 0x13 : v;
}

static void *execute(void *number) {
	state = seed * 64 + (uint64_t)number;
	use_stack();
	for (volatile int i = 0; i < 300; i++)
		if (sigsetjmp(again, 1) == 0) {
			uint32_t *at = code + rnd() % (PAGE / 4 - 16);
			for (int k = 0; k < 12; k++)
				at[k] = instruction();
			__builtin___clear_cache((char *)at, (char *)(at + 12));
			((void (*)(void))at)();
		}
	return 0;
}

static void threads(void *(*f)(void *), int n) {
	pthread_t id[64];
	for (long i = 0; i < n; i++)
		if (pthread_create(&id[i], 0, f, (void *)i))
			exit(4);
	for (int i = 0; i < n; i++)
		pthread_join(id[i], 0);
}

static void jump(void) {
	for (volatile int i = 0; i < 200; i++)
		if (sigsetjmp(again, 1) == 0)
			((void (*)(void))wild())();
}

static void wild_stack(void) {
	if (rnd() % 2)
		handle((void (*)(int))wild(), rnd() % 2 ? SA_ONSTACK : 0);
	long tid = gettid(), pid = getpid();
	register long a0 __asm__("a0") = pid, a1 __asm__("a1") = tid, a2 __asm__("a2") = SIGUSR1, a7 __asm__("a7") = SYS_tgkill;
	__asm__ volatile("mv sp, %0; ecall; ebreak" ::"r"(wild()), "r"(a0), "r"(a1), "r"(a2), "r"(a7) : "memory");
}

static void garbage_frame(void) {
	uint64_t *frame = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < 2 * PAGE / 8; i++)
		frame[i] = rnd() % 2 ? wild() : 0;
	uint64_t sp = rnd() % 4 ? (uint64_t)frame + (rnd() % PAGE & ~15UL) : wild();
	register long a7 __asm__("a7") = SYS_rt_sigreturn;
	__asm__ volatile("mv sp, %0; ecall; ebreak" ::"r"(sp), "r"(a7) : "memory");
}

static void nested(int sig) { raise(sig); }

static void *fault(void *unused) {
	use_stack();
	for (;;)
		if (sigsetjmp(again, 1) == 0)
			*(volatile int *)8 = 1;
	return unused;
}

static void *spin(void *unused) {
	for (volatile unsigned i = 0;; i++)
		;
	return unused;
}

static void *block(void *unused) {
	int fds[2];
	char c;
	if (pipe(fds) == 0 && read(fds[0], &c, 1) < 0)
		return unused;
	return unused;
}

static void *nothing(void *unused) { return unused; }

static void *create(void *unused) {
	pthread_t id;
	for (;;)
		if (pthread_create(&id, 0, nothing, 0) == 0)
			pthread_join(id, 0);
	return unused;
}

static void leave_all(void) {
	void *(*some[])(void *) = {fault, spin, block, create};
	pthread_t id;
	for (int i = 0; i < 12; i++)
		pthread_create(&id, 0, some[rnd() % 4], 0);
	usleep(rnd() % 20000);
	exit(0);
}

// too_many wants EAGAIN where the system has no more threads for the process.
static void too_many(void) {
	struct rlimit few = {60, 60};
	pthread_attr_t small;
	pthread_t id;
	setrlimit(RLIMIT_NPROC, &few);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < 200; i++) {
		int e = pthread_create(&id, &small, block, 0);
		if (e)
			exit(e == EAGAIN ? 0 : 5);
	}
	exit(6);
}

static void use_up(void) {
	struct rlimit files = {64, 64}, space = {1 << 28, 1 << 28};
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_AS, &space);
	while (open(".", O_RDONLY) >= 0)
		;
	if (errno != EMFILE)
		exit(7);
	char *p;
	while ((p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
		*p = 1;
	exit(errno == ENOMEM ? 0 : 8);
}

// too_many_processes wants EAGAIN, and its children back, none of them other than it
// has made them.
static void too_many_processes(void) {
	struct rlimit few = {70, 70};
	int status, children = 0;
	pid_t pid;
	alarm(10);
	setpgid(0, 0);
	setrlimit(RLIMIT_NPROC, &few);
	while ((pid = fork()) > 0 && children < 200)
		children++;
	if (pid == 0) {
		alarm(10);
		pause();
	}
	if (pid > 0 || errno != EAGAIN)
		exit(9);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(&status) > 0)
		if (--children, status != SIGTERM)
			exit(10);
	exit(children == 0 ? 0 : 11);
}

int main(int argc, char **argv) {
	if (argc < 3)
		return 2;
	seed = state = strtoull(argv[1], 0, 0);
	code = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	use_stack();
	handle(back, SA_ONSTACK | SA_NODEFER);
	alarm(1); // an endless loop is a program as well
	signal(SIGALRM, SIG_DFL);
	switch (*argv[2]) {
	case '0': threads(execute, 4); break;
	case '1': jump(); break;
	case '2': wild_stack(); break;
	case '3': garbage_frame(); break;
	case '4': handle(nested, SA_NODEFER); raise(SIGUSR1); break;
	case '5': leave_all(); break;
	case '6': too_many(); break;
	case '7': use_up(); break;
	case '8': too_many_processes(); break;
	}
	return 0;
}
