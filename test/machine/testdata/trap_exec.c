// Traps of execution: illegal instructions, breakpoints, jumps to where there is no code or
// none that may be executed, instructions that run over the end of what may be executed; all
// from straight code and from hot loops.
#include "state.h"

static unsigned char *code, *done;

static void to_done(ucontext_t *u) { u->uc_mcontext.__gregs[0] = (long)done; }

enum how { BY_JALR, BY_CALL, BY_RET, BY_BRANCHES, HOWS };

// jump makes a loop that jumps to t0 by a way; t0 is a return to the loop but in the last round.
static void jump(enum how how, uint64_t target, long rounds, struct seen *want) {
	unsigned char *p = code, *back;
	protect(code, 1, PROT_READ | PROT_WRITE);
	append(&p, load_state, load_state_end);
	unsigned char *loop = p;
	emit(&p, addi(s2, s2, -1));
	emit(&p, addi(t0, s3, 0));
	emit(&p, B(1, s2, zero, 8));
	emit(&p, addi(t0, s4, 0));
	emit(&p, addi(s5, s5, 3));
	switch (how) {
	case BY_JALR: emit(&p, jalr(s6, t0, 0)); break;
	case BY_CALL: emit(&p, jalr(ra, t0, 0)); break;
	case BY_RET:
		emit(&p, addi(ra, t0, 0));
		emit(&p, C_RET);
		break;
	default:
		emit(&p, J(zero, 8));
		emit(&p, 0);
		emit(&p, 0);
		emit(&p, jalr(zero, t0, 0));
	}
	unsigned char *link = p;
	emit(&p, EBREAK); // not reached
	back = p;
	emit(&p, B(1, s2, zero, loop - p));
	done = p;
	append(&p, store_state, store_state_end);
	protect(code, 1, PROT_READ | PROT_EXEC);

	fresh_state();
	state.x[s2] = rounds;
	state.x[s3] = (uint64_t)back;
	state.x[s4] = target;
	state.x[s5] = 0;
	struct state before = state;
	seen.count = 0;
	on_trap = to_done;
	run_code(code, &state);
	uint64_t pc = target & ~1ull;
	CHECK(seen.count == 1, "way %d to %#lx: %d traps", how, (long)target, seen.count);
	CHECK(seen.sig == want->sig && seen.code == want->code, "way %d to %#lx: signal %d, code %d", how, (long)target, seen.sig, seen.code);
	CHECK(seen.pc == pc + want->pc, "way %d to %#lx: pc %#lx", how, (long)target, (long)seen.pc);
	CHECK(seen.addr == pc + want->addr, "way %d to %#lx: si_addr %#lx", how, (long)target, (long)seen.addr);
	CHECK(seen.x[s5] == rounds * 3, "way %d to %#lx: %ld rounds", how, (long)target, (long)seen.x[s5] / 3);
	CHECK(seen.x[t0] == target, "way %d: t0 %#lx", how, (long)seen.x[t0]);
	if (how == BY_JALR)
		CHECK(seen.x[s6] == (uint64_t)link, "link %#lx", (long)seen.x[s6]);
	if (how == BY_CALL)
		CHECK(seen.x[ra] == (uint64_t)link, "link %#lx", (long)seen.x[ra]);
	for (int n = 1; n < 31; n++)
		if (n != ra && n != t0 && n != s2 && n != s5 && n != s6)
			CHECK(seen.x[n] == before.x[n], "way %d: x%d is %#lx", how, n, (long)seen.x[n]);
}

static void all_jumps(uint64_t target, int sig, int si_code, int pc, int addr) {
	struct seen want = {.sig = sig, .code = si_code, .pc = pc, .addr = addr};
	for (enum how h = 0; h < HOWS; h++) {
		jump(h, target, 1, &want);
		jump(h, target, 2, &want);
		jump(h, target, 500, &want);
		jump(h, target | 1, 500, &want);
	}
	jump(BY_JALR, target, 100000, &want);
}

// traps_inside has an instruction that traps in the middle of a hot loop, at each round.
static void traps_inside(uint32_t w, int sig, int si_code) {
	unsigned char *p = code;
	protect(code, 1, PROT_READ | PROT_WRITE);
	append(&p, load_state, load_state_end);
	unsigned char *loop = p;
	for (int i = 0; i < 10; i++)
		emit(&p, addi(s5, s5, 1));
	emit(&p, B(1, s2, zero, 8)); // in the last round only
	unsigned char *at = p;
	memcpy(p, &w, 4);
	p += 4;
	emit(&p, addi(s2, s2, -1));
	emit(&p, addi(s6, s6, 1));
	emit(&p, B(5, s2, zero, loop - p));
	done = p;
	append(&p, store_state, store_state_end);
	protect(code, 1, PROT_READ | PROT_EXEC);
	fresh_state();
	state.x[s2] = 2000;
	state.x[s5] = state.x[s6] = 0;
	seen.count = 0;
	on_trap = to_done;
	run_code(code, &state);
	CHECK(seen.count == 1 && seen.sig == sig && seen.code == si_code, "%#x: %d traps, signal %d, code %d", w, seen.count, seen.sig, seen.code);
	CHECK(seen.pc == (uint64_t)at && seen.addr == (uint64_t)at, "%#x: pc %#lx, si_addr %#lx", w, (long)seen.pc, (long)seen.addr);
	CHECK(seen.x[s5] == 20010 && seen.x[s6] == 2000 && seen.x[s2] == 0, "%#x: %ld %ld", w, (long)seen.x[s5], (long)seen.x[s6]);
	CHECK(state.fcsr == (2 << 5 | 5), "fcsr %#lx", (long)state.fcsr);
}

// breakpoints have the handler go on a thousand times.
static void skip_4(ucontext_t *u) {
	u->uc_mcontext.__gregs[0] += 4;
	u->uc_mcontext.__gregs[s7] += 7;
	u->uc_mcontext.__fpregs.__d.__f[9]++;
}

static void breakpoints(void) {
	unsigned char *p = code;
	protect(code, 1, PROT_READ | PROT_WRITE);
	append(&p, load_state, load_state_end);
	unsigned char *loop = p;
	emit(&p, addi(s5, s5, 1));
	emit(&p, EBREAK);
	emit(&p, addi(s6, s7, 0));
	emit(&p, addi(s2, s2, -1));
	emit(&p, B(1, s2, zero, loop - p));
	append(&p, store_state, store_state_end);
	protect(code, 1, PROT_READ | PROT_EXEC);
	fresh_state();
	state.x[s2] = 1000;
	state.x[s5] = state.x[s7] = state.f[9] = 0;
	seen.count = 0;
	on_trap = skip_4;
	run_code(code, &state);
	CHECK(seen.count == 1000 && state.x[s5] == 1000 && state.x[s6] == 7000 && state.x[s7] == 7000 && state.f[9] == 1000, "%d traps", seen.count);
}

int main(void) {
	catch_traps();
	code = mapped(1, PROT_READ | PROT_WRITE);
	unsigned char *m = mapped(7, PROT_READ | PROT_WRITE);
	munmap(m, PAGE);                         // 0: nothing
	protect(m + PAGE, 1, PROT_NONE);         // 1
	protect(m + 2 * PAGE, 1, PROT_READ);     // 2
	uint32_t w = addi(s8, s8, 1);            // 3, 4: code, then none that may be executed
	for (unsigned char *p = m + 4 * PAGE - 16; p < m + 4 * PAGE; p += 2)
		memcpy(p, &(uint16_t){C_NOP}, 2);
	memcpy(m + 4 * PAGE - 2, &w, 4);         // across both
	memcpy(m + 6 * PAGE - 2, &w, 2);         // 5, 6: code, then nothing
	munmap(m + 6 * PAGE, PAGE);
	memset(m + 5 * PAGE, 0, 16);
	protect(m + 3 * PAGE, 1, PROT_READ | PROT_EXEC);
	protect(m + 5 * PAGE, 1, PROT_READ | PROT_EXEC);
	unsigned char *last = mapped(2, PROT_READ | PROT_WRITE); // ends well within its page
	munmap(last + PAGE, PAGE);
	memcpy(last + PAGE - 2, &(uint16_t){C_EBREAK}, 2);
	protect(last, 1, PROT_READ | PROT_EXEC);

	all_jumps((uint64_t)m + 64, SIGSEGV, SEGV_MAPERR, 0, 0);
	all_jumps((uint64_t)m + PAGE, SIGSEGV, SEGV_ACCERR, 0, 0);
	all_jumps((uint64_t)m + 2 * PAGE + 2, SIGSEGV, SEGV_ACCERR, 0, 0);
	all_jumps((uint64_t)m + 4 * PAGE, SIGSEGV, SEGV_ACCERR, 0, 0);
	all_jumps((uint64_t)m + 5 * PAGE, SIGILL, ILL_ILLOPC, 0, 0);
	all_jumps((uint64_t)last + PAGE - 2, SIGTRAP, TRAP_BRKPT, 0, 0);
	all_jumps(16, SIGSEGV, SEGV_MAPERR, 0, 0);
	// pc is of the instruction, si_addr of its half that cannot be fetched.
	all_jumps((uint64_t)m + 4 * PAGE - 2, SIGSEGV, SEGV_ACCERR, 0, 2);
	all_jumps((uint64_t)m + 6 * PAGE - 2, SIGSEGV, SEGV_MAPERR, 0, 2);
	all_jumps((uint64_t)m + 4 * PAGE - 10, SIGSEGV, SEGV_ACCERR, 8, 10);
	all_jumps(1ull << 38, SIGSEGV, SEGV_MAPERR, 0, 0);
	all_jumps(1ull << 46, SIGSEGV, SEGV_MAPERR, 0, 0);
	all_jumps(1ull << 47, SIGSEGV, SEGV_MAPERR, 0, 0);
	all_jumps(1ull << 62, SIGSEGV, SEGV_MAPERR, 0, 0);
	all_jumps(-PAGE, SIGSEGV, SEGV_MAPERR, 0, 0);
	all_jumps(-2, SIGSEGV, SEGV_MAPERR, 0, 0);

	traps_inside(0, SIGILL, ILL_ILLOPC);
	traps_inside(0xffffffff, SIGILL, ILL_ILLOPC);
	traps_inside(0xc0001073, SIGILL, ILL_ILLOPC);             // unimp
	traps_inside(0x02a58553 | 5 << 12, SIGILL, ILL_ILLOPC);   // fadd.d with a reserved rounding mode
	traps_inside(EBREAK, SIGTRAP, TRAP_BRKPT);
	traps_inside(C_EBREAK | C_NOP << 16, SIGTRAP, TRAP_BRKPT);
	breakpoints();
	return finish();
}
