// Signals at hot loops of every shape: thousands of them, whose handler finds an exact state
// (what the loop keeps equal is equal, as far as the pc says) and changes it.
#include "state.h"
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>
#include <time.h>

enum { SIGNALS = 200 };
// Registers: two counters that a loop keeps equal, and what else loops use.
enum { FIRST = s2, SECOND = s3, TARGET = s4, MEMORY = s5, HANDLED = s6, GO = s7, TMP = s8, LEFT = s9 };

static unsigned char *code, *loop, *second, *done, *end; // second: behind what changes FIRST
static uint64_t memory[8];
static int wanted, alarms;
static volatile int handled, over;

// A loop's instructions, with the counters; it may use GO, which is not 0.
typedef void maker(unsigned char **);

static void first(unsigned char **p) { emit(p, addi(FIRST, FIRST, 1)); second = *p; }
static void both(unsigned char **p) { first(p); emit(p, addi(SECOND, SECOND, 1)); }

static void self_jump(unsigned char **p) { emit(p, J(zero, 0)); }
static void self_c_jump(unsigned char **p) { emit(p, 0xa001); }
static void self_branch(unsigned char **p) { emit(p, B(1, GO, zero, 0)); }
static void self_indirect(unsigned char **p) { emit(p, jalr(zero, TARGET, 0)); }
static void self_ret(unsigned char **p) { emit(p, C_RET); } // ra is the loop
static void two(unsigned char **p) { both(p); emit(p, J(zero, loop - *p)); }
static void branch(unsigned char **p) { both(p); emit(p, B(1, GO, zero, loop - *p)); }
static void indirect(unsigned char **p) { both(p); emit(p, jalr(zero, TARGET, 0)); }
static void by_ret(unsigned char **p) { both(p); emit(p, C_RET); }
static void calls(unsigned char **p) {
	emit(p, J(ra, 12));
	emit(p, J(ra, 8));
	emit(p, J(zero, loop - *p));
	both(p);
	emit(p, C_RET);
}
static void memory_too(unsigned char **p) {
	first(p);
	emit(p, I(0x03, 3, TMP, MEMORY, 0));
	emit(p, addi(TMP, TMP, 1));
	emit(p, S(0x23, 3, TMP, MEMORY, 0));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, B(1, GO, zero, loop - *p));
}
static void memory_jump(unsigned char **p) {
	first(p);
	emit(p, I(0x03, 3, TMP, MEMORY, 0));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, jalr(zero, TARGET, 0));
}
static void memory_call(unsigned char **p) {
	emit(p, J(ra, 8));
	emit(p, J(zero, loop - *p));
	first(p);
	emit(p, I(0x03, 3, TMP, MEMORY, 0));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, C_RET);
}
static void memory_behind(unsigned char **p) { // where the loop never comes to
	both(p);
	emit(p, B(1, GO, zero, loop - *p));
	emit(p, I(0x03, 3, TMP, MEMORY, 0));
	emit(p, J(zero, loop - *p));
}
static void atomics(unsigned char **p) {
	first(p);
	emit(p, R(0x2f, 3, 0, TMP, MEMORY, GO)); // amoadd.d, GO is 1
	unsigned char *again = *p;
	emit(p, R(0x2f, 3, 2 << 2, TMP, MEMORY, 0));
	emit(p, addi(TMP, TMP, 1));
	emit(p, R(0x2f, 3, 3 << 2, TMP, MEMORY, TMP));
	emit(p, B(1, TMP, zero, again - *p));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, J(zero, loop - *p));
}
static void floats(unsigned char **p) {
	first(p);
	emit(p, 0x021a7a53); // fadd.d f20, f20, f1
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, J(zero, loop - *p));
}
static void long_block(unsigned char **p) {
	first(p);
	for (int i = 0; i < 200; i++)
		emit(p, addi(TMP, TMP, 1));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, J(zero, loop - *p));
}
static void many_blocks(unsigned char **p) {
	first(p);
	for (int i = 0; i < 60; i++) {
		emit(p, addi(TMP, TMP, 1));
		emit(p, B(1, GO, zero, 8));
		emit(p, EBREAK);
	}
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, B(1, GO, zero, loop - *p));
}

static void nested(unsigned char **p) { // three times round the inner loop
	first(p);
	emit(p, addi(LEFT, zero, 3));
	unsigned char *inner = *p;
	emit(p, addi(LEFT, LEFT, -1));
	emit(p, B(1, LEFT, zero, inner - *p));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, B(1, GO, zero, loop - *p));
}
static void endless_within(unsigned char **p) { // the inner loop is never left, and goes through memory
	emit(p, addi(LEFT, zero, 3));
	unsigned char *inner = *p;
	both(p);
	emit(p, I(0x03, 3, TMP, MEMORY, 8));
	emit(p, B(1, GO, zero, inner - *p));
	emit(p, J(zero, loop - *p));
}
static void walk(unsigned char **p) { // addresses that go up, which are looked at ahead of the loop
	emit(p, addi(TMP, MEMORY, 0));
	emit(p, addi(LEFT, zero, 7));
	unsigned char *inner = *p;
	both(p);
	emit(p, I(0x03, 3, zero, TMP, 0));
	emit(p, addi(TMP, TMP, 8));
	emit(p, addi(LEFT, LEFT, -1));
	emit(p, B(1, LEFT, zero, inner - *p));
	emit(p, J(zero, loop - *p));
}
static void call_in_loop(unsigned char **p) { // a function with a loop, by direct calls
	emit(p, J(ra, 8));
	emit(p, J(zero, loop - *p));
	first(p);
	emit(p, addi(LEFT, zero, 3));
	unsigned char *inner = *p;
	emit(p, addi(LEFT, LEFT, -1));
	emit(p, B(1, LEFT, zero, inner - *p));
	emit(p, addi(SECOND, SECOND, 1));
	emit(p, C_RET);
}

static const struct { const char *name; maker *make; } loops[] = {
	{"self jump", self_jump}, {"self c.j", self_c_jump}, {"self branch", self_branch}, {"self indirect", self_indirect}, {"self ret", self_ret},
	{"two", two}, {"branch", branch}, {"indirect", indirect}, {"ret", by_ret}, {"calls", calls}, {"memory", memory_too}, {"memory, jump", memory_jump},
	{"memory, call", memory_call}, {"memory behind", memory_behind}, {"atomics", atomics},
	{"floats", floats}, {"long block", long_block}, {"many blocks", many_blocks},
	{"nested", nested}, {"endless within", endless_within}, {"walk", walk}, {"call in loop", call_in_loop},
};
static int now;

static double number(uint64_t v) { double d; memcpy(&d, &v, 8); return d; }

// exact checks the state that the handler finds.
static void exact(ucontext_t *u) {
	uint64_t *m = memory;
	maker *make = loops[now].make;
	int between = 0; // FIRST is one ahead
	if (second && seen.pc >= (uint64_t)second && seen.pc < (uint64_t)end && seen.x[FIRST] != seen.x[SECOND])
		between = 1;
	CHECK(seen.x[FIRST] == seen.x[SECOND] + between, "%s: %ld and %ld at +%ld", loops[now].name, seen.x[FIRST], seen.x[SECOND], seen.pc - (uint64_t)loop);
	if (seen.pc == (uint64_t)loop)
		CHECK(!between, "%s: unequal at the loop's begin", loops[now].name);
	if (second && seen.pc == (uint64_t)second)
		CHECK(between, "%s: equal at +%ld", loops[now].name, seen.pc - (uint64_t)loop);
	if (make == memory_too)
		CHECK(m[0] == seen.x[SECOND] || m[0] == seen.x[FIRST], "memory %ld, %ld", m[0], seen.x[FIRST]);
	if (make == atomics)
		CHECK(m[0] >= 2 * seen.x[SECOND] && m[0] <= 2 * seen.x[FIRST], "memory %ld, %ld", m[0], seen.x[FIRST]);
	if (make == floats) {
		double f = number(seen.f[20]);
		CHECK(f == seen.x[FIRST] || f == seen.x[SECOND], "f20 %g, %ld", f, seen.x[FIRST]);
	}
	if (make == long_block || make == many_blocks) {
		uint64_t per = make == long_block ? 200 : 60, t = seen.x[TMP];
		CHECK(t >= per * seen.x[SECOND] && t <= per * seen.x[FIRST], "%ld, %ld", t, seen.x[FIRST]);
	}
	for (int n = 1; n < 31; n++)
		if (n != ra && (n < s2 || n > s9))
			CHECK(seen.x[n] == pattern(n), "%s: x%d is %#lx", loops[now].name, n, seen.x[n]);
	for (int n = 2; n < 32; n++)
		if (n != 20)
			CHECK(seen.f[n] == pattern(n + 64), "%s: f%d is %#lx", loops[now].name, n, seen.f[n]);
	// What the last handler left.
	CHECK(seen.x[HANDLED] == handled, "%s: %ld handled, %d", loops[now].name, seen.x[HANDLED], handled);
	CHECK(seen.fcsr == (handled % 5) << 5, "%s: fcsr %#lx after %d", loops[now].name, seen.fcsr, handled);
}

static void interrupted(ucontext_t *u) {
	unsigned long *x = u->uc_mcontext.__gregs;
	if (seen.sig == SIGALRM || seen.sig == SIGVTALRM || seen.sig == SIGPROF)
		alarms++;
	if (seen.pc < (uint64_t)loop || seen.pc >= (uint64_t)end)
		return; // in C, or while the registers are loaded or stored
	if (x[TARGET] != (uint64_t)loop)
		return;
	exact(u);
	handled++;
	x[HANDLED] = handled;
	u->uc_mcontext.__fpregs.__d.__fcsr = (handled % 5) << 5;
	// A busy machine may handle all of them before the loop's first instruction.
	if (handled >= wanted && (!second || seen.x[FIRST] > 0))
		x[0] = (uint64_t)done;
}

// run_loop runs a loop until the signals have come.
static void run_loop(int n, int signals) {
	unsigned char *p = code;
	protect(code, 1, PROT_READ | PROT_WRITE);
	append(&p, load_state, load_state_end);
	loop = p;
	second = NULL;
	loops[n].make(&p);
	end = done = p;
	append(&p, store_state, store_state_end);
	protect(code, 1, PROT_READ | PROT_EXEC);
	fresh_state();
	now = n;
	memset(memory, 0, sizeof memory);
	state.x[FIRST] = state.x[SECOND] = state.x[HANDLED] = state.x[TMP] = 0;
	state.x[TARGET] = state.x[ra] = (uint64_t)loop;
	state.x[MEMORY] = (uint64_t)memory;
	state.x[GO] = 1;
	double one = 1;
	memcpy(&state.f[1], &one, 8);
	state.f[20] = 0;
	state.fcsr = 0;
	wanted = signals;
	handled = 0; // seen.count goes on: the sender waits for it to change
	run_code(code, &state);
	CHECK(handled >= signals && state.x[HANDLED] == handled, "%s: %d handled, %ld", loops[n].name, handled, state.x[HANDLED]);
}

// sender sends one signal after the other, each when the last has been handled.
static void *sender(void *to) {
	while (!over) {
		int n = seen.count;
		pthread_kill(*(pthread_t *)to, SIGUSR1);
		while (!over && *(volatile int *)&seen.count == n)
			sched_yield();
	}
	return NULL;
}

static void set_handler(int sig) {
	struct sigaction sa = {.sa_sigaction = trap_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigaction(sig, &sa, NULL);
}

static void by_timer(int which) {
	struct itimerval t = {{0, 500}, {0, 500}};
	alarms = 0;
	setitimer(which, &t, NULL);
	for (unsigned n = 0; n < sizeof loops / sizeof *loops; n++)
		run_loop(n, which == ITIMER_REAL ? 20 : 2);
	setitimer(which, &(struct itimerval){0}, NULL);
	CHECK(alarms > 0, "no alarms of timer %d", which);
}

static void by_posix_timer(void) {
	timer_t id;
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec t = {{0, 300000}, {0, 300000}};
	CHECK(timer_create(CLOCK_MONOTONIC, &e, &id) == 0, "timer_create");
	timer_settime(id, 0, &t, NULL);
	for (unsigned n = 0; n < sizeof loops / sizeof *loops; n++)
		run_loop(n, 20);
	timer_delete(id);
}

int main(void) {
	catch_traps();
	on_trap = interrupted;
	code = mapped(1, PROT_READ | PROT_WRITE);
	unsigned char *p = code;
	append(&p, store_state, store_state_end);
	protect(code, 1, PROT_READ | PROT_EXEC);
	run_code(code, &state); // so that the handler's entry knows gp and tp
	set_handler(SIGUSR1);
	set_handler(SIGALRM);
	set_handler(SIGVTALRM);
	set_handler(SIGPROF);

	by_timer(ITIMER_REAL);
	by_timer(ITIMER_VIRTUAL);
	by_timer(ITIMER_PROF);
	by_posix_timer();

	sigset_t all, old;
	sigfillset(&all);
	pthread_t me = pthread_self(), t;
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_create(&t, NULL, sender, &me);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (unsigned n = 0; n < sizeof loops / sizeof *loops; n++)
		run_loop(n, SIGNALS);
	over = 1;
	pthread_join(t, NULL);
	return finish();
}
