// Precise traps of each kind of access: in straight code, in hot loops, in long blocks and in
// called functions. At the trap all registers are as they were before the instruction,
// nothing has been stored, and the program goes on with what the handler has changed.
#include "state.h"

enum { LOAD = 1, STORE = 2, ATOMIC = 4, FP = 8, BY_SP = 16, PAIR = 32, ZERO = 64 };

// The registers of the access under test.
enum { BASE = a0, RS2 = a2, RD = a4 };

#define ATOMIC_WORD(f3, f5, rs2) ((uint32_t)(f5) << 27 | (rs2) << 20 | BASE << 15 | (f3) << 12 | RD << 7 | 0x2f)
#define AMO(name, f3, f5) {name, ATOMIC_WORD(f3, f5, RS2), 1 << (f3), LOAD | STORE | ATOMIC}
#define NARROW(name, f5) AMO(name ".b", 0, f5), AMO(name ".h", 1, f5)
static struct access {
	const char *name;
	uint32_t word;
	int size, kind;
} accesses[] = {
	{"lb", 0x03 | 0 << 12, 1, LOAD}, {"lh", 0x03 | 1 << 12, 2, LOAD}, {"lw", 0x03 | 2 << 12, 4, LOAD}, {"ld", 0x03 | 3 << 12, 8, LOAD},
	{"lbu", 0x03 | 4 << 12, 1, LOAD}, {"lhu", 0x03 | 5 << 12, 2, LOAD}, {"lwu", 0x03 | 6 << 12, 4, LOAD},
	{"flh", 0x07 | 1 << 12, 2, LOAD | FP}, {"flw", 0x07 | 2 << 12, 4, LOAD | FP}, {"fld", 0x07 | 3 << 12, 8, LOAD | FP},
	{"sb", 0x23 | 0 << 12, 1, STORE}, {"sh", 0x23 | 1 << 12, 2, STORE}, {"sw", 0x23 | 2 << 12, 4, STORE}, {"sd", 0x23 | 3 << 12, 8, STORE},
	{"fsh", 0x27 | 1 << 12, 2, STORE | FP}, {"fsw", 0x27 | 2 << 12, 4, STORE | FP}, {"fsd", 0x27 | 3 << 12, 8, STORE | FP},
	{"c.lw", 0x4000, 4, LOAD}, {"c.ld", 0x6000, 8, LOAD}, {"c.fld", 0x2000, 8, LOAD | FP},
	{"c.sw", 0xc000, 4, STORE}, {"c.sd", 0xe000, 8, STORE}, {"c.fsd", 0xa000, 8, STORE | FP},
	{"c.lbu", 0x8000, 1, LOAD}, {"c.lhu", 0x8400, 2, LOAD}, {"c.lh", 0x8440, 2, LOAD}, {"c.sb", 0x8800, 1, STORE}, {"c.sh", 0x8c00, 2, STORE},
	{"c.lwsp", 0x4002, 4, LOAD | BY_SP}, {"c.ldsp", 0x6002, 8, LOAD | BY_SP}, {"c.fldsp", 0x2002, 8, LOAD | FP | BY_SP},
	{"c.swsp", 0xc002, 4, STORE | BY_SP}, {"c.sdsp", 0xe002, 8, STORE | BY_SP}, {"c.fsdsp", 0xa002, 8, STORE | FP | BY_SP},
	{"lr.w", ATOMIC_WORD(2, 2, 0), 4, LOAD | ATOMIC}, {"lr.d", ATOMIC_WORD(3, 2, 0), 8, LOAD | ATOMIC},
	AMO("amoadd.w", 2, 0), AMO("amoadd.d", 3, 0), AMO("amoswap.w", 2, 1), AMO("amoswap.d", 3, 1), AMO("amoxor.w", 2, 4), AMO("amoxor.d", 3, 4),
	AMO("amoor.w", 2, 8), AMO("amoor.d", 3, 8), AMO("amoand.w", 2, 12), AMO("amoand.d", 3, 12), AMO("amomin.w", 2, 16), AMO("amomin.d", 3, 16),
	AMO("amomax.w", 2, 20), AMO("amomax.d", 3, 20), AMO("amominu.w", 2, 24), AMO("amominu.d", 3, 24), AMO("amomaxu.w", 2, 28), AMO("amomaxu.d", 3, 28),
	NARROW("amoadd", 0), NARROW("amoswap", 1), NARROW("amoxor", 4), NARROW("amoor", 8), NARROW("amoand", 12),
	NARROW("amomin", 16), NARROW("amomax", 20), NARROW("amominu", 24), NARROW("amomaxu", 28), NARROW("amocas", 5),
	AMO("amocas.w", 2, 5), AMO("amocas.d", 3, 5),
	{"amocas.q", ATOMIC_WORD(4, 5, RS2), 16, LOAD | STORE | ATOMIC | PAIR},
	{"cbo.zero", 0x0040200f | BASE << 15, 64, STORE | ZERO},
};
enum { ACCESSES = sizeof accesses / sizeof *accesses };

// word is the instruction with its registers.
static uint32_t word(struct access *a) {
	uint32_t w = a->word;
	if (a->kind & (ATOMIC | ZERO))
		return w;
	if ((w & 3) == 3)
		return w | BASE << 15 | (a->kind & LOAD ? RD << 7 : RS2 << 20);
	if (a->kind & BY_SP)
		return w | (a->kind & LOAD ? RD << 7 : RS2 << 2);
	return w | (BASE - 8) << 7 | ((a->kind & LOAD ? RD : RS2) - 8) << 2;
}

// More registers of the generated code.
enum { COUNT = s2, TMP = s3, BEFORE = s4, AFTER = s5, DELTA = s6, GOOD = s7, PATTERN = s8 };
enum { MARK = 0x123 };

enum place { STRAIGHT, LONG, CALLED, PLACES };

static unsigned char *code, *insn, *done;
static unsigned char good[128] __attribute__((aligned(64)));

// generate makes a loop in which the access is made with the address in GOOD, and with
// DELTA more in the last round.
static void generate(struct access *a, enum place place) {
	int base = a->kind & BY_SP ? sp : BASE;
	unsigned char *p = code, *call = NULL;
	protect(code, 2, PROT_READ | PROT_WRITE);
	append(&p, load_state, load_state_end);
	unsigned char *loop = p;
	emit(&p, addi(COUNT, COUNT, -1));
	emit(&p, I(0x13, 3, TMP, COUNT, 1)); // sltiu: 1 in the last round
	emit(&p, R(0x33, 0, 0x20, TMP, zero, TMP));
	emit(&p, R(0x33, 7, 0, TMP, TMP, DELTA));
	emit(&p, R(0x33, 0, 0, base, GOOD, TMP));
	int fill = place == LONG ? 25 : 1;
	for (int i = 0; i < fill; i++) {
		emit(&p, addi(BEFORE, BEFORE, 1));
		emit(&p, 0x021a7a53); // fadd.d f20, f20, f1
	}
	if (a->kind & FP)
		emit(&p, 0xf2000053 | RD << 7 | PATTERN << 15); // fmv.d.x
	else if (a->kind & LOAD)
		emit(&p, addi(RD, zero, MARK));
	if (a->kind & PAIR)
		emit(&p, addi(RD + 1, zero, MARK));
	if (place == CALLED) {
		call = p;
		emit(&p, NOP);
	} else {
		insn = p;
		emit(&p, word(a));
	}
	for (int i = 0; i < fill; i++)
		emit(&p, addi(AFTER, AFTER, 1));
	emit(&p, B(1, COUNT, zero, loop - p));
	done = p;
	append(&p, store_state, store_state_end);
	if (call) {
		unsigned char *q = call;
		emit(&q, J(ra, p - call));
		emit(&p, C_NOP);
		insn = p;
		emit(&p, word(a));
		emit(&p, C_RET);
	}
	protect(code, 2, PROT_READ | PROT_EXEC);
	__builtin___clear_cache((char *)code, (char *)p);
}

enum mode { LEAVE, AGAIN, SKIP, MODES };
static enum mode mode;
static int base_now;

static void handle(ucontext_t *u) {
	unsigned long *x = u->uc_mcontext.__gregs;
	switch (mode) {
	case LEAVE:
		x[0] = (long)done;
		break;
	case AGAIN:
		x[base_now] = (long)good;
		break;
	default:
		x[0] += (*(uint16_t *)x[0] & 3) == 3 ? 4 : 2;
		x[RD] = 4711;
		u->uc_mcontext.__fpregs.__d.__f[RD] = 4712;
		u->uc_mcontext.__fpregs.__d.__fcsr = 3 << 5 | 2;
		break;
	}
}

// want_x is what register n has at the trap.
static uint64_t want_x(struct access *a, int n, uint64_t addr, long rounds, int fill) {
	switch (n) {
	case COUNT: return 0;
	case TMP: return addr - (uint64_t)good;
	case BEFORE: return rounds * fill;
	case AFTER: return (rounds - 1) * fill;
	case RD: return a->kind & LOAD && !(a->kind & FP) ? MARK : pattern(n);
	case RD + 1: return a->kind & PAIR ? MARK : pattern(n);
	}
	if (n == (a->kind & BY_SP ? sp : BASE))
		return addr;
	return state.x[n];
}

static double number(uint64_t v) { double d; memcpy(&d, &v, 8); return d; }

// attempt makes an access to addr after some rounds, which gets a signal.
static void attempt(struct access *a, enum place place, enum mode how, uint64_t addr, int sig, int si_code, long rounds) {
	int fill = place == LONG ? 25 : 1;
	fresh_state();
	mode = how;
	base_now = a->kind & BY_SP ? sp : BASE;
	state.x[COUNT] = rounds;
	state.x[BEFORE] = state.x[AFTER] = 0;
	state.x[GOOD] = (uint64_t)good;
	state.x[DELTA] = addr - (uint64_t)good;
	state.f[20] = 0;
	double one = 1;
	memcpy(&state.f[1], &one, 8);
	if (place == CALLED)
		state.x[ra] = 0; // set by the call
	struct state before = state;
	seen.count = 0;
	run_code(code, &state);
	CHECK(seen.count == 1, "%s, place %d, mode %d, address %#lx: %d traps", a->name, place, how, (long)addr, seen.count);
#define SAME(got, want) CHECK((got) == (want), "%s, place %d, mode %d, address %#lx: got %#lx, want %#lx", a->name, place, how, (long)addr, (long)(got), (long)(want))
	SAME(seen.sig, sig);
	SAME(seen.code, si_code);
	SAME(seen.pc, (uint64_t)insn);
	// Which byte of an access across two pages it is, machines may choose.
	CHECK(seen.addr - addr < a->size, "%s, place %d: si_addr %#lx of %#lx", a->name, place, (long)seen.addr, (long)addr);
	struct state after = state;
	state = before;
	for (int n = 1; n < 31; n++)
		if (n != ra || place != CALLED)
			CHECK(seen.x[n] == want_x(a, n, addr, rounds, fill), "%s, place %d, mode %d, address %#lx: x%d: got %#lx, want %#lx", a->name,
			      place, how, (long)addr, n, seen.x[n], want_x(a, n, addr, rounds, fill));
	SAME(seen.x[31], (uint64_t)&state);
	for (int n = 0; n < 32; n++) {
		uint64_t want = n == RD && a->kind & FP ? pattern(PATTERN) : state.f[n];
		if (n == 20)
			CHECK(number(seen.f[n]) == (double)rounds * fill, "%s: f20 is %g", a->name, number(seen.f[n]));
		else
			CHECK(seen.f[n] == want, "%s, place %d: f%d: got %#lx, want %#lx", a->name, place, n, seen.f[n], want);
	}
	SAME(seen.fcsr, 2 << 5 | 5);
	SAME(after.x[AFTER], (rounds - (how == LEAVE)) * fill);
	SAME(after.fcsr, how == SKIP ? 3 << 5 | 2 : 2 << 5 | 5);
	if (how == SKIP) {
		SAME(after.x[RD], 4711);
		SAME(after.f[RD], 4712);
	}
	if (how == AGAIN)
		SAME(after.x[base_now], (uint64_t)good);
}

static void everywhere(struct access *a, uint64_t addr, int sig, int si_code) {
	for (enum place p = 0; p < PLACES; p++) {
		generate(a, p);
		attempt(a, p, LEAVE, addr, sig, si_code, 1);
		for (enum mode m = 0; m < MODES; m++)
			attempt(a, p, m, addr, sig, si_code, 100);
	}
}

// unchanged checks that n bytes are still of the value they were filled with.
static void unchanged(const char *name, unsigned char *p, int n) {
	for (int i = 0; i < n; i++)
		CHECK(p[i] == 0x5a, "%s: byte %d has been stored", name, i);
}

int main(int argc, char **argv) {
	int on_qemu = argc > 1 && !strcmp(argv[1], "qemu");
	catch_traps();
	on_trap = handle;
	code = mapped(2, PROT_READ | PROT_WRITE);
	int fd = syscall(SYS_memfd_create, "short", 0);
	CHECK(ftruncate(fd, PAGE) == 0, "ftruncate");
	unsigned char *file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned char *m = mapped(6, PROT_READ | PROT_WRITE);
	memset(m, 0x5a, 6 * PAGE);
	munmap(m, PAGE);                    // 0: nothing
	protect(m + PAGE, 1, PROT_NONE);    // 1: no access
	protect(m + 2 * PAGE, 1, PROT_READ); // 2: no stores
	munmap(m + 4 * PAGE, PAGE);         // 3: all; 4: nothing
	for (struct access *a = accesses; a < accesses + ACCESSES; a++) {
		everywhere(a, (uint64_t)m + 64, SIGSEGV, SEGV_MAPERR);
		everywhere(a, (uint64_t)m + PAGE + 64, SIGSEGV, SEGV_ACCERR);
		if (!(a->kind & ZERO && on_qemu)) // QEMU ends itself: the signal comes in its own code
			everywhere(a, (uint64_t)file + PAGE, SIGBUS, BUS_ADRERR);
		if (a->kind & STORE)
			everywhere(a, (uint64_t)m + 2 * PAGE + 128, SIGSEGV, SEGV_ACCERR);
		if (a->kind & ATOMIC && a->size > 1) {
			everywhere(a, (uint64_t)m + 3 * PAGE + 1, SIGBUS, BUS_ADRALN);
			everywhere(a, (uint64_t)m + 4 * PAGE - a->size / 2, SIGBUS, BUS_ADRALN);
		}
		if (!(a->kind & (ATOMIC | ZERO)))
			for (int n = 1; n < a->size; n++)
				everywhere(a, (uint64_t)m + 4 * PAGE - n, SIGSEGV, SEGV_MAPERR);
		unchanged(a->name, m + 3 * PAGE, PAGE);
		unchanged(a->name, m + 2 * PAGE, PAGE);
		// A wild address may be one of the emulator's own, and QEMU compares none with the end of
		// the guest's memory. The last ones are where hospes has a record of the process, Go's
		// heap, and its own code.
		static const uint64_t wild[] = {1ull << 38, 1ull << 39, 1ull << 40, 1ull << 48, 1ull << 55, 1ull << 62, 1ull << 63, -64, -PAGE, -(1ull << 30),
			-(1ull << 39), 0xc000000000 - (1ull << 44), 0x401000 - (1ull << 44)};
		for (int i = 0; i < 13 && !on_qemu; i++) {
			generate(a, STRAIGHT);
			attempt(a, STRAIGHT, LEAVE, wild[i], SIGSEGV, SEGV_MAPERR, 100);
			attempt(a, STRAIGHT, SKIP, wild[i] + 64 * (wild[i] >> 62 == 0), SIGSEGV, SEGV_MAPERR, 100);
		}
	}
	// Much later, when all is linked.
	for (struct access *a = accesses; a < accesses + ACCESSES; a += 5)
		for (enum place p = 0; p < PLACES; p++) {
			generate(a, p);
			attempt(a, p, SKIP, (uint64_t)m + PAGE + 64, SIGSEGV, SEGV_ACCERR, 100000);
		}
	return finish();
}
