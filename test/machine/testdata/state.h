// Runs generated code with all registers known, and catches what they are at a trap.
#pragma once
#include "check.h"

// struct state is where t6 points while generated code runs. Offsets are in the assembly.
struct state {
	uint64_t x[32], f[32], fcsr; // 0, 256, 512: loaded, and stored at the end
	uint64_t saved[32];          // 520: the caller's registers
};

// What ends up in a trap's context.
struct seen {
	int count, sig, code;
	uint64_t addr, pc, x[32], f[32], fcsr;
};
static struct seen seen;

// What the handler does.
static void (*on_trap)(ucontext_t *);

static struct state state;

extern unsigned char load_state[], load_state_end[], store_state[], store_state_end[];
void run_code(void *code, struct state *);
void trap_entry(int, siginfo_t *, void *);

asm(".text\n.option push\n.option norvc\n.option norelax\n"
    ".macro each op, reg, first, last, at\n"
    ".set i, \\first\n"
    ".rept \\last - \\first + 1\n"
    "each1 \\op, \\reg, %i, \\at\n"
    ".set i, i + 1\n.endr\n.endm\n"
    ".altmacro\n"
    ".macro each1 op, reg, n, at\n"
    "\\op \\reg\\n, \\at + 8*\\n(x31)\n"
    ".endm\n"
    "run_code: mv x31, a1\n"
    "sd ra, 520+8(x31)\nsd sp, 520+16(x31)\nsd gp, 520+24(x31)\nsd tp, 520+32(x31)\nsd s0, 520+64(x31)\nsd s1, 520+72(x31)\n"
    "each sd, x, 18, 27, 520\n"
    "jr a0\n"
    "load_state: ld x1, 512(x31)\nfscsr x1\n"
    "each fld, f, 0, 31, 256\n"
    "each ld, x, 1, 30, 0\n"
    "load_state_end:\n"
    "store_state: each sd, x, 1, 30, 0\n"
    "each fsd, f, 0, 31, 256\n"
    "frcsr x1\nsd x1, 512(x31)\n"
    "ld ra, 520+8(x31)\nld sp, 520+16(x31)\nld gp, 520+24(x31)\nld tp, 520+32(x31)\nld s0, 520+64(x31)\nld s1, 520+72(x31)\n"
    "each ld, x, 18, 27, 520\n"
    "fscsr zero\n"
    "ret\n"
    "store_state_end:\n"
    // The handler's caller may have anything in gp and tp.
    ".global trap_entry\n"
    "trap_entry: lla t0, state\nld gp, 520+24(t0)\nld tp, 520+32(t0)\ntail trapped\n"
    ".noaltmacro\n.option pop\n");

__attribute__((used)) static void trapped(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	seen.count++;
	seen.sig = sig;
	seen.code = i->si_code;
	seen.addr = (uintptr_t)i->si_addr;
	seen.pc = u->uc_mcontext.__gregs[0];
	for (int n = 1; n < 32; n++)
		seen.x[n] = u->uc_mcontext.__gregs[n];
	memcpy(seen.f, u->uc_mcontext.__fpregs.__d.__f, sizeof seen.f);
	seen.fcsr = u->uc_mcontext.__fpregs.__d.__fcsr;
	if (seen.count > 1000000) {
		printf("trap without end: signal %d at %#lx\n", sig, (long)seen.pc);
		fflush(stdout);
		_exit(1);
	}
	on_trap(u);
}

// catch_traps has trapped called, on a stack of its own, for all signals of traps.
static inline void catch_traps(void) {
	static char stack[1 << 16] __attribute__((aligned(16)));
	sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
	struct sigaction sa = {.sa_sigaction = trap_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
	for (int i = 0; i < 4; i++)
		sigaction(signals[i], &sa, NULL);
}

static inline void append(unsigned char **p, unsigned char *from, unsigned char *end) {
	memcpy(*p, from, end - from);
	*p += end - from;
}

static inline uint64_t pattern(int n) { return 0x0101010101010101u * n + 0x1020304050607080u; }

// fresh_state sets all registers to values that differ from one another.
static inline void fresh_state(void) {
	for (int n = 0; n < 32; n++) {
		state.x[n] = pattern(n);
		state.f[n] = pattern(n + 64);
	}
	state.fcsr = 2 << 5 | 5; // round down; inexact, overflow
}
