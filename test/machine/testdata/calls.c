// Calls and returns that a machine may predict, but not rely on: deep recursion, returns to
// other places than called from, switched stacks, returns used as jumps.
#include "check.h"
#include <setjmp.h>
#include <sys/resource.h>
#include <pthread.h>

__attribute__((noinline)) static long deep(long n) { return n == 0 ? 0 : deep(n - 1) + (n & 3) + 1; }

// mutual recursion by pointers
typedef long (*step)(long, long);
static long even(long, long), odd(long, long);
static volatile step steps[2] = {even, odd};
__attribute__((noinline)) static long even(long n, long s) { return n == 0 ? s : 1 + steps[1](n - 1, s + 1) * 1; }
__attribute__((noinline)) static long odd(long n, long s) { return n == 0 ? -s : 1 + steps[0](n - 1, s + 2) * 1; }

static void *recursion(void *_) {
	long want = 0;
	for (long n = 1; n <= 100000; n++)
		want += (n & 3) + 1;
	for (int i = 0; i < 5; i++)
		CHECK(deep(100000) == want, "deep");
	CHECK(even(50000, 0) == 50000 + 75000, "even %ld", even(50000, 0));
	return NULL;
}

// longjmp over many frames, from hot code
static jmp_buf out;
static volatile long bottom;
__attribute__((noinline)) static long dive(long n) {
	if (n < bottom)
		return 0; // never
	if (n == 0)
		longjmp(out, 7);
	return dive(n - 1) + 1;
}

static void jumps_out(void) {
	volatile long jumped = 0, returned = 0;
	for (volatile int i = 0; i < 3000; i++) {
		int r = setjmp(out);
		if (r == 0)
			returned += dive(i % 40);
		else
			jumped += r;
	}
	CHECK(jumped == 21000 && returned == 0, "%ld %ld", jumped, returned);
}

// coroutines by ucontext
static ucontext_t self, other[3];
static long passed;
static char stacks[3][1 << 15] __attribute__((aligned(16)));

static void coroutine(int n) {
	for (;;) {
		passed += n;
		swapcontext(&other[n], passed % 2 ? &self : &other[(n + 1) % 3]);
	}
}

static void coroutines(void) {
	for (int i = 0; i < 3; i++) {
		getcontext(&other[i]);
		other[i].uc_stack.ss_sp = stacks[i];
		other[i].uc_stack.ss_size = sizeof stacks[i];
		makecontext(&other[i], (void (*)(void))coroutine, 1, i);
	}
	long before = -1;
	for (int i = 0; i < 3000; i++) {
		swapcontext(&self, &other[i % 3]);
		CHECK(passed % 2 == 1 && passed > 0, "%ld after %ld", passed, before);
		before = passed;
		passed++;
	}
}

// Assembly. Each routine takes a count and returns a number that is known.
long returns_elsewhere(long n), ret_as_jump(long n), millicode(long n), swaps(long n), many_targets(long n, void *table),
	returns_to_stack(long n), to_middle(long n), call_in_slot(long n);

asm(".text\n.option push\n.option norelax\n"
    // The function returns behind the instruction after the call, every other time.
    "returns_elsewhere: mv t3, ra\nli t4, 0\n"
    "1: andi t5, a0, 1\ncall 2f\n"
    "   .option push\n.option norvc\naddi t4, t4, 1\n.option pop\n"
    "   addi t4, t4, 10\naddi a0, a0, -1\nbnez a0, 1b\nmv a0, t4\njr t3\n"
    "2: beqz t5, 3f\naddi ra, ra, 4\n"
    "3: ret\n"
    // ret through a table of two, pushed by hand: threaded code.
    "ret_as_jump: mv t3, ra\nli t4, 0\nlla t0, 2f\nlla t1, 3f\n"
    "1: andi t5, a0, 1\nmv ra, t0\nbnez t5, 4f\nmv ra, t1\n"
    "4: addi a0, a0, -1\nbltz a0, 5f\nret\n"
    "2: addi t4, t4, 1\nj 1b\n"
    "3: addi t4, t4, 100\nj 1b\n"
    "5: mv a0, t4\njr t3\n"
    // Save and restore routines that are called by t0, as -msave-restore has it.
    "millicode: addi sp, sp, -16\nsd ra, 0(sp)\nli a1, 0\n"
    "1: call 2f\naddi a0, a0, -1\nbnez a0, 1b\nmv a0, a1\nld ra, 0(sp)\naddi sp, sp, 16\nret\n"
    "2: jal t0, 3f\nli s0, 5\nadd a1, a1, s0\ncall 5f\nj 4f\n"
    "3: addi sp, sp, -16\nsd ra, 8(sp)\nsd s0, 0(sp)\njr t0\n"
    "4: ld ra, 8(sp)\nld s0, 0(sp)\naddi sp, sp, 16\nret\n"
    "5: jal t0, 3b\nli s0, 7\nadd a1, a1, s0\ntail 4b\n"
    // Coroutines: jalr ra, ra and jalr t0, t0 go back and forth.
    "swaps: mv t3, ra\nli t4, 0\nlla t0, 2f\n"
    "1: jalr t0, t0\naddi t4, t4, 1\naddi a0, a0, -1\nbnez a0, 1b\nmv a0, t4\njr t3\n"
    "2: addi t4, t4, 1000\njalr t0, t0\naddi t4, t4, 1\njalr t0, t0\nj 2b\n"
    // Jumps to many targets, in an order that is hard to predict.
    "many_targets: mv t3, ra\nli t4, 0\nli t2, 1\nli t6, 1103515245\n"
    "1: mul t2, t2, t6\naddi t2, t2, 1234\nsrli t5, t2, 24\nandi t5, t5, 255\nslli t5, t5, 3\nadd t5, a1, t5\njalr t0, t5\n"
    "   addi a0, a0, -1\nbnez a0, 1b\nmv a0, t4\njr t3\n"
    // The return address is changed on the stack.
    "returns_to_stack: addi sp, sp, -32\nsd ra, 0(sp)\nli t4, 0\n"
    "1: call 2f\naddi t4, t4, 1\nj 3f\naddi t4, t4, 2\n"
    "3: addi a0, a0, -1\nbnez a0, 1b\nmv a0, t4\nld ra, 0(sp)\naddi sp, sp, 32\nret\n"
    "2: sd ra, 8(sp)\nandi t5, a0, 3\nbnez t5, 4f\nlla t1, 3b\nsd t1, 8(sp)\n4: ld ra, 8(sp)\nret\n"
    // A jump into the middle of an instruction: lui with c.addi a1, 1; c.jr ra as its immediate.
    "to_middle: mv t3, ra\nli a1, 0\nlla t1, 2f\n"
    "1: addi t1, t1, 2\njalr ra, t1\naddi t1, t1, -2\njalr ra, t1\naddi a0, a0, -1\nbnez a0, 1b\nmv a0, a1\njr t3\n"
    ".p2align 2\n"
    "2: .4byte 0x05850637\n" // lui a2, 0x5850: its upper half is c.addi a1, 1
    "ret\n"
    // The bit 0 of a target is ignored.
    "call_in_slot: mv t3, ra\nli t4, 0\nlla t1, 2f\naddi t1, t1, 1\n"
    "1: jalr ra, t1\nori ra, ra, 1\naddi a0, a0, -1\nbnez a0, 1b\nmv a0, t4\njr t3\n"
    "2: addi t4, t4, 3\nori ra, ra, 1\nret\n"
    ".option pop\n");

static void assembly(void) {
	for (int i = 0; i < 3; i++) {
		long n = i == 0 ? 2 : 20000;
		long r = returns_elsewhere(n);
		CHECK(r == n * 10 + n / 2, "returns_elsewhere %ld", r);
		r = ret_as_jump(n);
		CHECK(r == n / 2 * 101, "ret_as_jump %ld", r);
		r = millicode(n);
		CHECK(r == n * 12, "millicode %ld", r);
		r = swaps(n);
		CHECK(r == n + n / 2 * 1000 + n / 2, "swaps %ld", r);
		r = returns_to_stack(n);
		CHECK(r == n - n / 4, "returns_to_stack %ld", r);
		r = to_middle(n);
		CHECK(r == n, "to_middle %ld", r);
		r = call_in_slot(n);
		CHECK(r == 3 * n, "call_in_slot %ld", r);
	}
}

static void targets(void) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (int i = 0; i < 256; i++) {
		unsigned char *q = p + 8 * i;
		emit(&q, addi(t4, t4, i));
		emit(&q, jalr(zero, t0, 0));
	}
	fence_i();
	long want = 0;
	uint64_t seed = 1;
	for (int i = 0; i < 200000; i++) {
		seed = seed * 1103515245 + 1234;
		want += seed >> 24 & 255;
	}
	CHECK(many_targets(200000, p) == want, "many targets");
	munmap(p, PAGE);
}

// Places that call where they are told to: each is new to all threads at once, which call
// different functions; and by jumps of the kind that linkage tables have.
enum { PLACES = 60, PLACE = 24, CALLERS = 4, NEWS = 60 };
typedef long place(long x, void *f);
static unsigned char *places;
static pthread_barrier_t begin, end;
static long twice(long x) { return 2 * x; }
static long more(long x) { return x + 1000; }
static long less(long x) { return x - 7; }
static long negative(long x) { return -x; }
static long (*const functions[CALLERS])(long) = {twice, more, less, negative};

static void *calls_places(void *number) {
	long me = (long)number;
	for (int news = 0; news < NEWS; news++) {
		pthread_barrier_wait(&begin);
		for (long i = 0; i < 20 * PLACES; i++) {
			int f = i < 10 * PLACES ? me : (me + i) % CALLERS; // the same at first
			long r = ((place *)(places + i % PLACES * PLACE))(i, functions[f]);
			CHECK(r == functions[f](i), "place %ld: %ld, function %d of %ld", i % PLACES, r, f, i);
		}
		pthread_barrier_wait(&end);
	}
	return NULL;
}

static void many_callers(void) {
	pthread_t t[CALLERS];
	pthread_barrier_init(&begin, NULL, CALLERS + 1);
	pthread_barrier_init(&end, NULL, CALLERS + 1);
	for (long i = 0; i < CALLERS; i++)
		pthread_create(&t[i], NULL, calls_places, (void *)i);
	for (int news = 0; news < NEWS; news++) {
		places = mapped(1, PROT_READ | PROT_WRITE);
		for (int i = 0; i < PLACES; i++) {
			unsigned char *q = places + i * PLACE;
			if (i % 3 == 0) {
				emit(&q, jalr(t1, a1, 0)); // the function returns for it
				continue;
			}
			emit(&q, addi(sp, sp, -16));
			emit(&q, S(0x23, 3, ra, sp, 8));
			emit(&q, jalr(ra, a1, 0));
			emit(&q, I(3, 3, ra, sp, 8));
			emit(&q, addi(sp, sp, 16));
			emit(&q, RET);
		}
		protect(places, 1, PROT_READ | PROT_EXEC);
		pthread_barrier_wait(&begin);
		pthread_barrier_wait(&end);
		munmap(places, PAGE);
	}
	for (long i = 0; i < CALLERS; i++)
		pthread_join(t[i], NULL);
}

// A handler that returns to another place than it interrupted.
static volatile long elsewhere;
static void landing(void) { siglongjmp(out, ++elsewhere); }
static void redirect(int sig, siginfo_t *i, void *c) { ((ucontext_t *)c)->uc_mcontext.__gregs[0] = (long)landing; }

static void redirected(void) {
	struct sigaction sa = {.sa_sigaction = redirect, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGUSR1, &sa, NULL);
	for (volatile int i = 1; i <= 1000; i++) {
		int r = sigsetjmp(out, 1);
		if (r == 0)
			raise(SIGUSR1);
		CHECK(r == i, "%d of %d", r, i);
	}
}

int main(void) {
	pthread_attr_t big;
	pthread_attr_init(&big);
	pthread_attr_setstacksize(&big, 64 << 20);
	pthread_t t;
	pthread_create(&t, &big, recursion, NULL);
	pthread_join(t, NULL);
	jumps_out();
	coroutines();
	assembly();
	targets();
	redirected();
	many_callers();
	return finish();
}
