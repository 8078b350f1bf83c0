// Floating-point state in hot code: rounding modes that change at each call, and between call
// and return, flags that accumulate, NaNs, boxes, conversions at their limits. The results are
// those of IEEE 754 and of the manual.
#include "check.h"

enum { NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16 };
enum { RNE, RTZ, RDN, RUP, RMM };

static inline void set_mode(int m) { asm volatile("fsrm %0" ::"r"(m)); }
static inline int flags(void) { int f; asm volatile("fsflags %0, zero" : "=r"(f)); return f; }

// Operations on bits: OP2(name, instruction), with the registers' whole contents.
#define OP(name, insn)                                                                                       \
	__attribute__((noinline)) static uint64_t name(uint64_t a, uint64_t b, uint64_t c) {                     \
		uint64_t r;                                                                                          \
		asm volatile("fmv.d.x ft0, %1\nfmv.d.x ft1, %2\nfmv.d.x ft2, %3\n" insn : "=r"(r) : "r"(a), "r"(b), "r"(c) : "ft0", "ft1", "ft2", "ft3"); \
		return r;                                                                                            \
	}
#define D(insn) insn "\nfmv.x.d %0, ft3"
OP(add_d, D("fadd.d ft3, ft0, ft1")) OP(sub_d, D("fsub.d ft3, ft0, ft1")) OP(mul_d, D("fmul.d ft3, ft0, ft1"))
OP(div_d, D("fdiv.d ft3, ft0, ft1")) OP(sqrt_d, D("fsqrt.d ft3, ft0")) OP(madd_d, D("fmadd.d ft3, ft0, ft1, ft2"))
OP(nmadd_d, D("fnmadd.d ft3, ft0, ft1, ft2")) OP(nmsub_d, D("fnmsub.d ft3, ft0, ft1, ft2")) OP(msub_d, D("fmsub.d ft3, ft0, ft1, ft2"))
OP(min_d, D("fmin.d ft3, ft0, ft1")) OP(max_d, D("fmax.d ft3, ft0, ft1"))
OP(add_s, D("fadd.s ft3, ft0, ft1")) OP(mul_s, D("fmul.s ft3, ft0, ft1")) OP(div_s, D("fdiv.s ft3, ft0, ft1"))
OP(sqrt_s, D("fsqrt.s ft3, ft0")) OP(madd_s, D("fmadd.s ft3, ft0, ft1, ft2")) OP(min_s, D("fmin.s ft3, ft0, ft1"))
OP(sgnj_s, D("fsgnj.s ft3, ft0, ft1")) OP(sgnjn_s, D("fsgnjn.s ft3, ft0, ft1")) OP(sgnjx_s, D("fsgnjx.s ft3, ft0, ft1"))
OP(cvt_s_d, D("fcvt.s.d ft3, ft0")) OP(cvt_d_s, D("fcvt.d.s ft3, ft0"))
OP(cvt_d_l, D("fcvt.d.l ft3, %1")) OP(cvt_s_l, D("fcvt.s.l ft3, %1")) OP(cvt_s_w, D("fcvt.s.w ft3, %1")) OP(cvt_d_lu, D("fcvt.d.lu ft3, %1"))
OP(cvt_w_d, "fcvt.w.d %0, ft0, dyn") OP(cvt_wu_d, "fcvt.wu.d %0, ft0, dyn") OP(cvt_l_d, "fcvt.l.d %0, ft0, dyn") OP(cvt_lu_d, "fcvt.lu.d %0, ft0, dyn")
OP(cvt_w_s, "fcvt.w.s %0, ft0, dyn") OP(cvt_wu_s, "fcvt.wu.s %0, ft0, dyn") OP(cvt_l_s, "fcvt.l.s %0, ft0, dyn") OP(cvt_lu_s, "fcvt.lu.s %0, ft0, dyn")
OP(feq_d, "feq.d %0, ft0, ft1") OP(flt_d, "flt.d %0, ft0, ft1") OP(fle_d, "fle.d %0, ft0, ft1")
OP(feq_s, "feq.s %0, ft0, ft1") OP(flt_s, "flt.s %0, ft0, ft1") OP(class_s, "fclass.s %0, ft0") OP(class_d, "fclass.d %0, ft0")
OP(mv_x_w, "fmv.x.w %0, ft0")
OP(add_rne, D("fadd.d ft3, ft0, ft1, rne")) OP(add_rtz, D("fadd.d ft3, ft0, ft1, rtz")) OP(add_rdn, D("fadd.d ft3, ft0, ft1, rdn"))
OP(add_rup, D("fadd.d ft3, ft0, ft1, rup")) OP(add_rmm, D("fadd.d ft3, ft0, ft1, rmm"))

typedef uint64_t (*op)(uint64_t, uint64_t, uint64_t);

#define ONE 0x3ff0000000000000
#define NEG 0x8000000000000000
#define TWO 0x4000000000000000
#define INF 0x7ff0000000000000
#define QNAN 0x7ff8000000000000
#define SNAN 0x7ff0000000000001
#define THREE 0x4008000000000000
#define TINY 1ull                 // the least subnormal
#define MAXD 0x7fefffffffffffff
#define HALF_ULP 0x3ca0000000000000 // 2^-53
#define BOX(x) (0xffffffff00000000u | (x))
#define S1 BOX(0x3f800000)
#define SQNAN BOX(0x7fc00000)
#define SSNAN BOX(0x7f800001)

// Results in the five modes, and flags.
static const struct rounded { const char *name; op f; uint64_t a, b, c, want[5]; int flags; } rounded[] = {
	{"1/3", div_d, ONE, THREE, 0, {0x3fd5555555555555, 0x3fd5555555555555, 0x3fd5555555555555, 0x3fd5555555555556, 0x3fd5555555555555}, NX},
	{"-1/3", div_d, ONE | NEG, THREE, 0, {0xbfd5555555555555, 0xbfd5555555555555, 0xbfd5555555555556, 0xbfd5555555555555, 0xbfd5555555555555}, NX},
	{"sqrt 2", sqrt_d, TWO, 0, 0, {0x3ff6a09e667f3bcd, 0x3ff6a09e667f3bcc, 0x3ff6a09e667f3bcc, 0x3ff6a09e667f3bcd, 0x3ff6a09e667f3bcd}, NX},
	{"1+tie", add_d, ONE, HALF_ULP, 0, {ONE, ONE, ONE, ONE + 1, ONE + 1}, NX},
	{"-1-tie", sub_d, ONE | NEG, HALF_ULP, 0, {ONE | NEG, ONE | NEG, (ONE + 1) | NEG, ONE | NEG, (ONE + 1) | NEG}, NX},
	{"odd+tie", add_d, ONE + 1, HALF_ULP, 0, {ONE + 2, ONE + 1, ONE + 1, ONE + 2, ONE + 2}, NX},
	{"1*1+tie", madd_d, ONE, ONE, HALF_ULP, {ONE, ONE, ONE, ONE + 1, ONE + 1}, NX},
	{"-(1*1)-tie", nmadd_d, ONE, ONE, HALF_ULP, {ONE | NEG, ONE | NEG, (ONE + 1) | NEG, ONE | NEG, (ONE + 1) | NEG}, NX},
	{"1*1-1", msub_d, ONE, ONE, ONE, {0, 0, NEG, 0, 0}, 0},
	{"-(1*1)+1", nmsub_d, ONE, ONE, ONE, {0, 0, NEG, 0, 0}, 0},
	{"1-1", sub_d, ONE, ONE, 0, {0, 0, NEG, 0, 0}, 0},
	{"max*2", mul_d, MAXD, TWO, 0, {INF, MAXD, MAXD, INF, INF}, OF | NX},
	{"-max*2", mul_d, MAXD | NEG, TWO, 0, {INF | NEG, MAXD | NEG, INF | NEG, MAXD | NEG, INF | NEG}, OF | NX},
	{"tiny/2", div_d, TINY, TWO, 0, {0, 0, 0, TINY, TINY}, UF | NX},
	{"tiny+tiny", add_d, TINY, TINY, 0, {2, 2, 2, 2, 2}, 0},
	{"1/0", div_d, ONE, 0, 0, {INF, INF, INF, INF, INF}, DZ},
	{"0/0", div_d, 0, 0, 0, {QNAN, QNAN, QNAN, QNAN, QNAN}, NV},
	{"sqrt -1", sqrt_d, ONE | NEG, 0, 0, {QNAN, QNAN, QNAN, QNAN, QNAN}, NV},
	{"inf-inf", sub_d, INF, INF, 0, {QNAN, QNAN, QNAN, QNAN, QNAN}, NV},
	{"inf*0+nan", madd_d, INF, 0, QNAN, {QNAN, QNAN, QNAN, QNAN, QNAN}, NV},
	{"nan payload", add_d, QNAN | NEG | 0x1234, ONE, 0, {QNAN, QNAN, QNAN, QNAN, QNAN}, 0},
	{"snan", mul_d, SNAN, ONE, 0, {QNAN, QNAN, QNAN, QNAN, QNAN}, NV},
	{"1f/3", div_s, S1, BOX(0x40400000), 0, {BOX(0x3eaaaaab), BOX(0x3eaaaaaa), BOX(0x3eaaaaaa), BOX(0x3eaaaaab), BOX(0x3eaaaaab)}, NX},
	{"1f+tie", add_s, S1, BOX(0x33800000), 0, {S1, S1, S1, S1 + 1, S1 + 1}, NX},
	{"maxf*maxf", mul_s, BOX(0x7f7fffff), BOX(0x7f7fffff), 0, {BOX(0x7f800000), BOX(0x7f7fffff), BOX(0x7f7fffff), BOX(0x7f800000), BOX(0x7f800000)}, OF | NX},
	{"tinyf/2", div_s, BOX(1), BOX(0x40000000), 0, {BOX(0), BOX(0), BOX(0), BOX(1), BOX(1)}, UF | NX},
	{"1f*1+tie", madd_s, S1, S1, BOX(0x33800000), {S1, S1, S1, S1 + 1, S1 + 1}, NX},
	{"narrow tie", cvt_s_d, 0x3ff0000010000000, 0, 0, {S1, S1, S1, S1 + 1, S1 + 1}, NX},
	{"narrow large", cvt_s_d, MAXD, 0, 0, {BOX(0x7f800000), BOX(0x7f7fffff), BOX(0x7f7fffff), BOX(0x7f800000), BOX(0x7f800000)}, OF | NX},
	{"2^53+1", cvt_d_l, (1ull << 53) + 1, 0, 0, {0x4340000000000000, 0x4340000000000000, 0x4340000000000000, 0x4340000000000001, 0x4340000000000001}, NX},
	{"-2^53-1", cvt_d_l, -(1ull << 53) - 1, 0, 0, {0xc340000000000000, 0xc340000000000000, 0xc340000000000001, 0xc340000000000000, 0xc340000000000001}, NX},
	{"2^64-1", cvt_d_lu, -1, 0, 0, {0x43f0000000000000, 0x43efffffffffffff, 0x43efffffffffffff, 0x43f0000000000000, 0x43f0000000000000}, NX},
	{"2^24+1 l", cvt_s_l, (1 << 24) + 1, 0, 0, {BOX(0x4b800000), BOX(0x4b800000), BOX(0x4b800000), BOX(0x4b800001), BOX(0x4b800001)}, NX},
	{"2^24+1 w", cvt_s_w, (1 << 24) + 1, 0, 0, {BOX(0x4b800000), BOX(0x4b800000), BOX(0x4b800000), BOX(0x4b800001), BOX(0x4b800001)}, NX},
	{"2.5", cvt_w_d, 0x4004000000000000, 0, 0, {2, 2, 2, 3, 3}, NX},
	{"-2.5", cvt_l_d, 0xc004000000000000, 0, 0, {-2, -2, -3, -2, -3}, NX},
	{"0.5", cvt_lu_d, 0x3fe0000000000000, 0, 0, {0, 0, 0, 1, 1}, NX},
	{"3.5f", cvt_w_s, BOX(0x40600000), 0, 0, {4, 3, 3, 4, 4}, NX},
	{"2.5f", cvt_lu_s, BOX(0x40200000), 0, 0, {2, 2, 2, 3, 3}, NX},
	{"1+tie rne", add_rne, ONE, HALF_ULP, 0, {ONE, ONE, ONE, ONE, ONE}, NX},
	{"odd+tie rtz", add_rtz, ONE + 1, HALF_ULP, 0, {ONE + 1, ONE + 1, ONE + 1, ONE + 1, ONE + 1}, NX},
	{"-1-tie rdn", add_rdn, ONE | NEG, HALF_ULP | NEG, 0, {(ONE + 1) | NEG, (ONE + 1) | NEG, (ONE + 1) | NEG, (ONE + 1) | NEG, (ONE + 1) | NEG}, NX},
	{"1+tie rup", add_rup, ONE, HALF_ULP, 0, {ONE + 1, ONE + 1, ONE + 1, ONE + 1, ONE + 1}, NX},
	{"1+tie rmm", add_rmm, ONE, HALF_ULP, 0, {ONE + 1, ONE + 1, ONE + 1, ONE + 1, ONE + 1}, NX},
};

// Results that are the same in all modes.
#define MAX32 0x7fffffff
#define MIN32 0xffffffff80000000
#define MAX64 0x7fffffffffffffff
static const struct fixed { const char *name; op f; uint64_t a, b, want; int flags; } fixed[] = {
	{"min -0 0", min_d, NEG, 0, NEG, 0}, {"max -0 0", max_d, NEG, 0, 0, 0}, {"min 0 -0", min_d, 0, NEG, NEG, 0},
	{"min nan 1", min_d, QNAN, ONE, ONE, 0}, {"min snan 1", min_d, SNAN, ONE, ONE, NV}, {"max nan nan", max_d, QNAN | 5, QNAN | NEG, QNAN, 0},
	{"feq nan", feq_d, QNAN, ONE, 0, 0}, {"feq snan", feq_d, SNAN, ONE, 0, NV}, {"flt nan", flt_d, QNAN, ONE, 0, NV}, {"fle nan", fle_d, ONE, QNAN, 0, NV},
	{"feq -0 0", feq_d, NEG, 0, 1, 0}, {"flt -0 0", flt_d, NEG, 0, 0, 0},
	{"unboxed add", add_s, 0x3f800000, S1, SQNAN, 0}, {"unboxed min", min_s, 0x3f800000, S1, S1, 0}, {"unboxed sgnj", sgnj_s, 0xbf800000, S1, SQNAN, 0},
	{"unboxed sign", sgnj_s, S1, 0xbf800000, S1, 0}, {"sgnjn", sgnjn_s, S1, S1, BOX(0xbf800000), 0}, {"sgnjx", sgnjx_s, BOX(0xbf800000), BOX(0xbf800000), S1, 0},
	{"unboxed feq", feq_s, 0x3f800000, 0x3f800000, 0, 0}, {"unboxed flt", flt_s, 0x3f800000, S1, 0, NV}, {"unboxed class", class_s, 0x3f800000, 0, 1 << 9, 0},
	{"half boxed", add_s, 0xfffffffe3f800000, S1, SQNAN, 0}, {"raw", mv_x_w, 0x12345678bf800000, 0, 0xffffffffbf800000, 0},
	{"widen unboxed", cvt_d_s, 0x3f800000, 0, QNAN, 0}, {"widen snan", cvt_d_s, SSNAN, 0, QNAN, NV}, {"narrow snan", cvt_s_d, SNAN, 0, SQNAN, NV},
	{"widen tiny", cvt_d_s, BOX(1), 0, 0x36a0000000000000, 0}, {"sqrt -0", sqrt_d, NEG, 0, NEG, 0}, {"sqrt snan", sqrt_s, SSNAN, 0, SQNAN, NV},
	{"class -inf", class_d, INF | NEG, 0, 1, 0}, {"class -tiny", class_d, NEG | 1, 0, 4, 0}, {"class snan", class_d, SNAN, 0, 256, 0},
	{"w nan", cvt_w_d, QNAN | NEG, 0, MAX32, NV}, {"w inf", cvt_w_d, INF, 0, MAX32, NV}, {"w -inf", cvt_w_d, INF | NEG, 0, MIN32, NV},
	{"w 2^31", cvt_w_d, 0x41e0000000000000, 0, MAX32, NV}, {"w 2^31-1", cvt_w_d, 0x41dfffffffc00000, 0, MAX32, 0}, {"w -2^31", cvt_w_d, 0xc1e0000000000000, 0, MIN32, 0},
	{"w -2^31-1", cvt_w_d, 0xc1e0000000200000, 0, MIN32, NV}, {"wu -1", cvt_wu_d, ONE | NEG, 0, 0, NV}, {"wu 2^32", cvt_wu_d, 0x41f0000000000000, 0, -1, NV},
	{"wu 2^32-1", cvt_wu_d, 0x41efffffffe00000, 0, -1, 0}, {"wu 2^31", cvt_wu_d, 0x41e0000000000000, 0, MIN32, 0}, {"wu nan", cvt_wu_d, QNAN, 0, -1, NV},
	{"wu -inf", cvt_wu_d, INF | NEG, 0, 0, NV}, {"wu -0", cvt_wu_d, NEG, 0, 0, 0}, {"l 2^63", cvt_l_d, 0x43e0000000000000, 0, MAX64, NV},
	{"l -2^63", cvt_l_d, 0xc3e0000000000000, 0, NEG, 0}, {"l below", cvt_l_d, 0xc3e0000000000001, 0, NEG, NV}, {"l nan", cvt_l_d, SNAN, 0, MAX64, NV},
	{"lu 2^63", cvt_lu_d, 0x43e0000000000000, 0, NEG, 0}, {"lu 2^64", cvt_lu_d, 0x43f0000000000000, 0, -1, NV}, {"lu most", cvt_lu_d, 0x43efffffffffffff, 0, 0xfffffffffffff800, 0},
	{"lu -1", cvt_lu_d, ONE | NEG, 0, 0, NV}, {"lu nan", cvt_lu_d, QNAN, 0, -1, NV}, {"w_s 2^31", cvt_w_s, BOX(0x4f000000), 0, MAX32, NV},
	{"w_s unboxed", cvt_w_s, 0x3f800000, 0, MAX32, NV}, {"wu_s 2^31", cvt_wu_s, BOX(0x4f000000), 0, MIN32, 0}, {"l_s -2^63", cvt_l_s, BOX(0xdf000000), 0, NEG, 0},
	{"lu_s nan", cvt_lu_s, SQNAN, 0, -1, NV}, {"l_s inf", cvt_l_s, BOX(0x7f800000), 0, MAX64, NV},
};

static void tables(void) {
	for (const struct rounded *r = rounded; r < rounded + sizeof rounded / sizeof *rounded; r++)
		for (int round = 0; round < 400; round++) {
			int m = round % 5;
			set_mode(m);
			uint64_t got = r->f(r->a, r->b, r->c);
			int f = flags();
			CHECK(got == r->want[m], "%s in mode %d: %#lx, want %#lx", r->name, m, got, r->want[m]);
			CHECK(f == r->flags, "%s in mode %d: flags %#x", r->name, m, f);
		}
	for (const struct fixed *r = fixed; r < fixed + sizeof fixed / sizeof *fixed; r++)
		for (int round = 0; round < 200; round++) {
			set_mode(round / 40);
			uint64_t got = r->f(r->a, r->b, 0);
			int f = flags();
			CHECK(got == r->want, "%s in mode %d: %#lx, want %#lx", r->name, round / 40, got, r->want);
			CHECK(f == r->flags, "%s in mode %d: flags %#x", r->name, round / 40, f);
		}
}

// one_mode runs long in one mode, then the next, in the same loop.
__attribute__((noinline)) static uint64_t sum_of_thirds(long n) {
	uint64_t r;
	asm volatile("fmv.d.x ft0, %1\nfmv.d.x ft1, %2\nfmv.d.x ft2, zero\n"
	             "1: fdiv.d ft3, ft0, ft1\nfmax.d ft2, ft2, ft3\naddi %3, %3, -1\nbnez %3, 1b\nfmv.x.d %0, ft2"
	             : "=&r"(r), "+r"((uint64_t){ONE}), "+r"((uint64_t){THREE}), "+r"(n)::"ft0", "ft1", "ft2", "ft3");
	return r;
}

static void one_mode(void) {
	for (int i = 0; i < 25; i++) {
		set_mode(i % 5);
		uint64_t got = sum_of_thirds(20000);
		CHECK(got == 0x3fd5555555555555 + (i % 5 == RUP), "mode %d: %#lx", i % 5, got);
	}
	set_mode(RNE);
	flags();
}

// between: the callee changes the mode, and the caller computes after its return; the loop
// does so 20,000 times.
__attribute__((noinline)) static void between(void) {
	long bad, n = 20000;
	asm volatile("li %0, 0\nfmv.d.x ft0, %2\nfmv.d.x ft1, %3\nli t0, 0\n"
	             "1: jal ra, 2f\n"
	             "fadd.d ft3, ft0, ft1\nfmv.x.d t1, ft3\nsub t1, t1, %2\n" // 1 in modes 3 and 4
	             "sltiu t2, t0, 3\nxori t2, t2, 1\n"
	             "beq t1, t2, 3f\naddi %0, %0, 1\n"
	             "3: addi %1, %1, -1\nbnez %1, 1b\nj 4f\n"
	             "2: addi t0, t0, 1\nsltiu t2, t0, 5\nbnez t2, 5f\nli t0, 0\n5: fsrm t0\nret\n"
	             "4: fsrmi 0"
	             : "=&r"(bad), "+r"(n)
	             : "r"(ONE), "r"(HALF_ULP)
	             : "ra", "t0", "t1", "t2", "ft0", "ft1", "ft3");
	CHECK(bad == 0, "%ld wrong", bad);
	flags();
}

// far: between the change of the mode and the sum there are blocks and computed jumps, which
// lead to the same code in each mode.
typedef uint64_t (*adder)(uint64_t, uint64_t, uint64_t, int);
__attribute__((noinline)) static uint64_t far_2(uint64_t a, uint64_t b, uint64_t c, int n) { return n & 1 ? add_d(a, b, c) : add_d(b, a, c); }
__attribute__((noinline)) static uint64_t far_1(uint64_t a, uint64_t b, uint64_t c, int n);
static adder volatile const adders[2] = {far_1, far_2};
static uint64_t far_1(uint64_t a, uint64_t b, uint64_t c, int n) { return adders[n < 3](a, b, c, n - 1) + 0; }

static void far(void) {
	static const uint64_t want[5] = {ONE, ONE, ONE, ONE + 1, ONE + 1};
	for (int i = 0; i < 30000; i++) {
		int m = i / 3 * 7 % 5;
		set_mode(m);
		uint64_t got = adders[i & 1](ONE, HALF_ULP, 0, 2 + i % 4);
		CHECK(got == want[m], "mode %d: %#lx", m, got);
	}
	set_mode(RNE);
	flags();
}

// accumulate: no flag comes too early or too late in a loop that makes one late.
static void accumulate(void) {
	long n = 50000, early = 0, f;
	asm volatile("fmv.d.x ft0, %3\nfmv.d.x ft1, %3\nfsflags zero\n"
	             "1: fadd.d ft2, ft0, ft1\nfrflags t0\nadd %1, %1, t0\naddi %0, %0, -1\nbnez %0, 1b\n"
	             "fmv.d.x ft1, %4\nfadd.d ft2, ft0, ft1\nfrflags %2"
	             : "+r"(n), "+r"(early), "=&r"(f)
	             : "r"(ONE), "r"(HALF_ULP)
	             : "t0", "ft0", "ft1", "ft2");
	CHECK(early == 0 && f == NX, "early %ld, flags %#lx", early, f);
	n = 50000;
	asm volatile("fmv.d.x ft0, %3\nfmv.d.x ft1, zero\nfsflags zero\n"
	             "1: fadd.d ft2, ft0, ft0\nli t0, 1\nbne %0, t0, 2f\nfdiv.d ft2, ft0, ft1\n2: addi %0, %0, -1\nbnez %0, 1b\nfrflags %2"
	             : "+r"(n), "+r"(early), "=&r"(f)
	             : "r"(ONE)
	             : "t0", "ft0", "ft1", "ft2");
	CHECK(f == DZ, "flags %#lx", f);
	// Flags that were there stay.
	n = 1000;
	asm volatile("fmv.d.x ft0, %2\nli t0, 31\nfsflags t0\n1: fmul.d ft2, ft0, ft0\nfsqrt.d ft2, ft2\naddi %0, %0, -1\nbnez %0, 1b\nfrflags %1"
	             : "+r"(n), "=&r"(f) : "r"(ONE) : "t0", "ft0", "ft2");
	CHECK(f == 31, "flags %#lx", f);
	flags();
}

// fcsr as a whole, and in parts, in a loop.
static void registers(void) {
	for (int i = 0; i < 5000; i++) {
		int v = (i % 5) << 5 | (i * 7 & 31), mode, fl, all, old;
		asm volatile("fscsr %4\nfrrm %0\nfrflags %1\nfrcsr %2\nfsrm %3, zero" : "=&r"(mode), "=&r"(fl), "=&r"(all), "=&r"(old) : "r"(v | 0x100));
		CHECK(mode == i % 5 && fl == (i * 7 & 31) && all == v && old == mode, "%#x: %#x %#x %#x %#x", v, mode, fl, all, old);
	}
	flags();
}

int main(void) {
	tables();
	one_mode();
	between();
	far();
	accumulate();
	registers();
	return finish();
}
