// The memory model, with real threads: litmus tests whose forbidden outcomes are counted, and
// what programs make of atomics. Nothing depends on which allowed outcome comes.
//
// skip-check: threads take turns there
#include "check.h"
#include <pthread.h>

enum { SLOTS = 512, ROUNDS = 200 };

// Each location has a cache line of its own.
struct line { volatile uint64_t v; char pad[56]; } __attribute__((aligned(64)));
static struct line x[SLOTS], y[SLOTS];
static struct { uint64_t r[4]; } seen[SLOTS];
static pthread_barrier_t barrier;

#define FENCE(p, s) asm volatile("fence " #p "," #s ::: "memory")

static uint64_t load(struct line *l) { uint64_t v; asm volatile("ld %0, 0(%1)" : "=r"(v) : "r"(l) : "memory"); return v; }
static void store(struct line *l, uint64_t v) { asm volatile("sd %0, 0(%1)" ::"r"(v), "r"(l) : "memory"); }
static uint64_t swap_aqrl(struct line *l, uint64_t v) {
	uint64_t r;
	asm volatile("amoswap.d.aqrl %0, %2, (%1)" : "=&r"(r) : "r"(l), "r"(v) : "memory");
	return r;
}
static void swap_rl(struct line *l, uint64_t v) { asm volatile("amoswap.d.rl zero, %1, (%0)" ::"r"(l), "r"(v) : "memory"); }
static uint64_t or_aq(struct line *l) { uint64_t r; asm volatile("amoor.d.aq %0, zero, (%1)" : "=r"(r) : "r"(l) : "memory"); return r; }
static uint64_t lr_aq(struct line *l) { uint64_t r; asm volatile("lr.d.aq %0, (%1)" : "=r"(r) : "r"(l) : "memory"); return r; }
static void lrsc_rl(struct line *l, uint64_t v) {
	asm volatile("1: lr.d t0, (%0)\nsc.d.rl t0, %1, (%0)\nbnez t0, 1b" ::"r"(l), "r"(v) : "t0", "memory");
}

// A test: what up to four threads do with slot i, and whether the outcome is forbidden.
#define R(n) seen[i].r[n]
typedef void part(int);
static void mp0(int i) { store(&x[i], 1); FENCE(w, w); store(&y[i], 1); }
static void mp1(int i) { R(0) = load(&y[i]); FENCE(r, r); R(1) = load(&x[i]); }
static int mp(int i) { return R(0) == 1 && R(1) == 0; }
static void mp_rl(int i) { store(&x[i], 1); swap_rl(&y[i], 1); }
static void mp_aq(int i) { R(0) = or_aq(&y[i]); R(1) = load(&x[i]); }
static void mp_sc(int i) { store(&x[i], 1); lrsc_rl(&y[i], 1); }
static void mp_lr(int i) { R(0) = lr_aq(&y[i]); R(1) = load(&x[i]); }
static void mp_dep(int i) { R(0) = load(&y[i]); R(1) = load(&x[i] + (R(0) & 2)); } // an address dependency
static void sb0(int i) { store(&x[i], 1); FENCE(rw, rw); R(0) = load(&y[i]); }
static void sb1(int i) { store(&y[i], 1); FENCE(rw, rw); R(1) = load(&x[i]); }
static int sb(int i) { return R(0) == 0 && R(1) == 0; }
static void sb0_amo(int i) { swap_aqrl(&x[i], 1); R(0) = or_aq(&y[i]); }
static void sb0_wr(int i) { store(&x[i], 1); FENCE(w, r); R(0) = load(&y[i]); }
static void sb1_wr(int i) { store(&y[i], 1); FENCE(w, r); R(1) = load(&x[i]); }
static void lb0(int i) { R(0) = load(&x[i]); FENCE(r, w); store(&y[i], 1); }
static void lb1(int i) { R(1) = load(&y[i]); FENCE(r, w); store(&x[i], 1); }
static int lb(int i) { return R(0) == 1 && R(1) == 1; }
static void w_x(int i) { store(&x[i], 1); }
static void w_y(int i) { store(&y[i], 1); }
static void iriw0(int i) { R(0) = load(&x[i]); FENCE(r, r); R(1) = load(&y[i]); }
static void iriw1(int i) { R(2) = load(&y[i]); FENCE(r, r); R(3) = load(&x[i]); }
static int iriw(int i) { return R(0) == 1 && R(1) == 0 && R(2) == 1 && R(3) == 0; }
static void co_w(int i) { store(&x[i], 1); store(&x[i], 2); store(&x[i], 3); }
static void co_r(int i) { R(0) = load(&x[i]); R(1) = load(&x[i]); R(2) = load(&x[i]); }
static int co(int i) { return R(0) > R(1) || R(1) > R(2); }
// The same by two addresses, of which a translator cannot know that they are one, in loops.
static struct line *volatile other = x;
static void co_grow(int i) { for (int n = 1; n < 64; n++) store(&x[i], n); }
static void co_alias(int i) {
	struct line *p = &x[i], *q = other + i;
	for (int n = 0; n < 64; n++) {
		uint64_t a = load(p), later = a;
		asm volatile("remu %0, %0, %1\nremu %0, %0, %1\nremu %0, %0, %1\nsrli %0, %0, 8" : "+r"(later) : "r"(n + 1)); // 0
		uint64_t b = load(q + later), c = load(p);
		R(0) += a > b || b > c;
	}
}
static void r0(int i) { store(&x[i], 1); FENCE(w, w); store(&y[i], 1); }
static void r1(int i) { store(&y[i], 2); FENCE(rw, rw); R(0) = load(&x[i]); }
static int r(int i) { return y[i].v == 2 && R(0) == 0; }
static void w2_0(int i) { store(&x[i], 1); FENCE(w, w); store(&y[i], 2); }
static void w2_1(int i) { store(&y[i], 1); FENCE(w, w); store(&x[i], 2); }
static int w2(int i) { return x[i].v == 1 && y[i].v == 1; }
// SC succeeds at most once of two that began with the same value.
static void sc0(int i) { uint64_t f; asm volatile("lr.d t0, (%1)\naddi t0, t0, 1\nsc.d %0, t0, (%1)" : "=&r"(f) : "r"(&x[i]) : "t0", "memory"); R(0) = !f; }
static void sc1(int i) { uint64_t f; asm volatile("lr.d t0, (%1)\naddi t0, t0, 1\nsc.d %0, t0, (%1)" : "=&r"(f) : "r"(&x[i]) : "t0", "memory"); R(1) = !f; }
static int sc(int i) { return x[i].v != R(0) + R(1); }
// Values that lie across two cache lines and two pages: after the flag they are there.
static unsigned char wide[64 * PAGE] __attribute__((aligned(4096)));
static unsigned char *at(int i) { return wide + PAGE * (1 + i % 60) - 1 - i % 7; }
static void wide0(int i) { if (i < 60) { *(volatile uint64_t *)at(i) = 0x1122334455667788; FENCE(w, w); store(&y[i], 1); } }
static void wide1(int i) { if (i < 60) { R(0) = load(&y[i]); FENCE(r, r); R(1) = *(volatile uint64_t *)at(i); } }
static int wide_torn(int i) { return i < 60 && R(0) == 1 && R(1) != 0x1122334455667788; }

static const struct litmus { const char *name; part *parts[4]; int (*forbidden)(int); } litmus[] = {
	{"MP", {mp0, mp1}, mp}, {"MP rl aq", {mp_rl, mp_aq}, mp}, {"MP sc lr", {mp_sc, mp_lr}, mp}, {"MP address", {mp0, mp_dep}, mp},
	{"SB", {sb0, sb1}, sb}, {"SB w,r", {sb0_wr, sb1_wr}, sb}, {"SB amo", {sb0_amo, sb1}, sb}, {"LB", {lb0, lb1}, lb},
	{"IRIW", {w_x, w_y, iriw0, iriw1}, iriw}, {"CoRR", {co_w, co_r}, co}, {"CoRR aliased", {co_grow, co_alias}, co}, {"R", {r0, r1}, r}, {"2+2W", {w2_0, w2_1}, w2}, {"SC", {sc0, sc1}, sc},
	{"MP wide", {wide0, wide1}, wide_torn},
};

static const struct litmus *now;
static int starters, started; // threads of a test, and how often they have started

// start_together has the parts begin at about the same time: a barrier wakes one by one.
static void start_together(int round) {
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	for (int k = 1; __atomic_load_n(&started, __ATOMIC_SEQ_CST) < starters * (round + 1); k++)
		if (k % 10000 == 0)
			sched_yield();
}

static void *run_part(void *n) {
	int k = (long)n;
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier); // ready
		start_together(round);
		for (int j = 0; j < SLOTS; j++)
			now->parts[k]((j + (k ? round * 3 : 0)) % SLOTS); // not quite in step
		pthread_barrier_wait(&barrier); // done
	}
	return NULL;
}

static void run_litmus(const struct litmus *l) {
	int n = 0;
	long forbidden = 0;
	pthread_t t[4];
	now = l;
	while (n < 4 && l->parts[n])
		n++;
	starters = n;
	started = 0;
	pthread_barrier_init(&barrier, NULL, n + 1);
	for (long k = 0; k < n; k++)
		pthread_create(&t[k], NULL, run_part, (void *)k);
	for (int round = 0; round < ROUNDS; round++) {
		memset(x, 0, sizeof x);
		memset(y, 0, sizeof y);
		memset(seen, 0, sizeof seen);
		memset(wide, 0, sizeof wide);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		for (int i = 0; i < SLOTS; i++)
			forbidden += l->forbidden(i);
	}
	for (int k = 0; k < n; k++)
		pthread_join(t[k], NULL);
	CHECK(forbidden == 0, "%s: %ld of %d", l->name, forbidden, SLOTS * ROUNDS);
}

// Counters, each by another atomic.
enum { THREADS = 4, TIMES = 20000 };
static struct { uint64_t v[2]; char pad[48]; } counters[12] __attribute__((aligned(64)));

static void add_lrsc_w(void *p) { asm volatile("1: lr.w t0, (%0)\naddiw t0, t0, 1\nsc.w t1, t0, (%0)\nbnez t1, 1b" ::"r"(p) : "t0", "t1", "memory"); }
static void add_lrsc_d(void *p) { asm volatile("1: lr.d t0, (%0)\naddi t0, t0, 1\nsc.d t1, t0, (%0)\nbnez t1, 1b" ::"r"(p) : "t0", "t1", "memory"); }
static void add_amo_w(void *p) { asm volatile("li t0, 1\namoadd.w zero, t0, (%0)" ::"r"(p) : "t0", "memory"); }
static void add_amo_d(void *p) { asm volatile("li t0, 1\namoadd.d t0, t0, (%0)" ::"r"(p) : "t0", "memory"); }
static void add_amo_b(void *p) { asm volatile("li t0, 1\n.insn r 0x2f, 0, 0, t0, %0, t0" ::"r"(p) : "t0", "memory"); }
static void add_amo_h(void *p) { asm volatile("li t0, 1\n.insn r 0x2f, 1, 0, t0, %0, t0" ::"r"(p) : "t0", "memory"); }
static void add_cas_w(void *p) { asm volatile("1: lw t0, 0(%0)\naddiw t1, t0, 1\nmv t2, t0\n.insn r 0x2f, 2, 0x14, t2, %0, t1\nbne t2, t0, 1b" ::"r"(p) : "t0", "t1", "t2", "memory"); }
static void add_cas_d(void *p) { asm volatile("1: ld t0, 0(%0)\naddi t1, t0, 1\nmv t2, t0\n.insn r 0x2f, 3, 0x14, t2, %0, t1\nbne t2, t0, 1b" ::"r"(p) : "t0", "t1", "t2", "memory"); }
// Both halves count; a torn one would show.
static void add_cas_q(void *p) {
	asm volatile("1: ld a2, 0(%0)\nld a3, 8(%0)\nmv a6, a2\nmv a7, a3\naddi a4, a2, 1\naddi a5, a3, 3\n"
	             ".insn r 0x2f, 4, 0x14, a2, %0, a4\nbne a2, a6, 1b\nbne a3, a7, 1b" ::"r"(p) : "a2", "a3", "a4", "a5", "a6", "a7", "memory");
}
static void add_mixed(void *p) { // a plain load, then LR and SC
	asm volatile("1: ld t0, 0(%0)\naddi t1, t0, 1\n2: lr.d t2, (%0)\nbne t2, t0, 1b\nsc.d t2, t1, (%0)\nbnez t2, 2b" ::"r"(p) : "t0", "t1", "t2", "memory");
}

static void (*const adders[])(void *) = {add_lrsc_w, add_lrsc_d, add_amo_w, add_amo_d, add_cas_w, add_cas_d, add_cas_q, add_mixed, add_amo_b, add_amo_h};
enum { ADDERS = sizeof adders / sizeof *adders };

static void *count(void *_) {
	for (int i = 0; i < TIMES; i++)
		for (int k = 0; k < ADDERS; k++)
			adders[k](&counters[k]);
	return NULL;
}

// Locks around a number that two instructions change.
static volatile long guarded[4];
static uint32_t spin, spin2;
static volatile uint32_t ticket_next, ticket_now;
static volatile int wants[2], turn;
static volatile uint32_t sequence;
static volatile long pair[2];
static volatile int writers;

static void *lock(void *_) {
	for (int i = 0; i < TIMES; i++) {
		asm volatile("li t0, 1\n1: amoswap.w.aq t1, t0, (%0)\nbnez t1, 1b" ::"r"(&spin) : "t0", "t1", "memory");
		guarded[0]++;
		asm volatile("amoswap.w.rl zero, zero, (%0)" ::"r"(&spin) : "memory");
		asm volatile("li t0, 1\n1: lr.w.aq t1, (%0)\nbnez t1, 1b\nsc.w t1, t0, (%0)\nbnez t1, 1b" ::"r"(&spin2) : "t0", "t1", "memory");
		guarded[1]++;
		asm volatile("fence rw,w\nsw zero, 0(%0)" ::"r"(&spin2) : "memory");
	}
	for (int i = 0; i < 500; i++) { // by turns, so few: each waits for its predecessor
		uint32_t mine = __atomic_fetch_add(&ticket_next, 1, __ATOMIC_ACQUIRE);
		while (__atomic_load_n(&ticket_now, __ATOMIC_ACQUIRE) != mine)
			sched_yield();
		guarded[2]++;
		__atomic_store_n(&ticket_now, mine + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *peterson(void *n) {
	int me = (long)n, other = 1 - me;
	for (int i = 0; i < TIMES; i++) {
		wants[me] = 1;
		FENCE(w, w);
		turn = other;
		FENCE(rw, rw);
		for (int k = 0; wants[other] && turn == other; k++)
			if (k > 100)
				sched_yield();
		FENCE(r, rw);
		guarded[3]++;
		FENCE(rw, w);
		wants[me] = 0;
	}
	return NULL;
}

static void *seq_writer(void *_) {
	for (long i = 1; i < 50000; i++) {
		sequence++;
		FENCE(w, w);
		pair[0] = i;
		pair[1] = -i;
		FENCE(w, w);
		sequence++;
	}
	writers = 0;
	return NULL;
}

static void *seq_reader(void *_) {
	long torn = 0;
	while (writers) {
		uint32_t s = sequence;
		FENCE(r, r);
		long a = pair[0], b = pair[1];
		FENCE(r, r);
		if (s % 2 == 0 && s == sequence)
			torn += a + b != 0;
	}
	return (void *)torn;
}

static void together(int n, void *(*f)(void *)) {
	pthread_t t[THREADS];
	for (long i = 0; i < n; i++)
		pthread_create(&t[i], NULL, f, (void *)i);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

int main(void) {
	for (unsigned i = 0; i < sizeof litmus / sizeof *litmus; i++)
		run_litmus(&litmus[i]);
	together(THREADS, count);
	for (int k = 0; k < ADDERS; k++) {
		uint64_t want = THREADS * TIMES;
		if (adders[k] == add_amo_b)
			want &= 0xff;
		if (adders[k] == add_amo_h)
			want &= 0xffff;
		CHECK(counters[k].v[0] == want, "counter %d: %ld", k, (long)counters[k].v[0]);
		CHECK(counters[k].v[1] == (adders[k] == add_cas_q ? 3 * want : 0), "counter %d: %ld", k, (long)counters[k].v[1]);
	}
	together(THREADS, lock);
	CHECK(guarded[0] == THREADS * TIMES && guarded[1] == THREADS * TIMES && guarded[2] == THREADS * 500, "%ld %ld %ld", guarded[0], guarded[1], guarded[2]);
	together(2, peterson);
	CHECK(guarded[3] == 2 * TIMES, "peterson %ld", guarded[3]);
	writers = 1;
	pthread_t w, rd;
	void *torn;
	pthread_create(&rd, NULL, seq_reader, NULL);
	pthread_create(&w, NULL, seq_writer, NULL);
	pthread_join(w, NULL);
	pthread_join(rd, &torn);
	CHECK(torn == 0, "torn %ld times", (long)torn);
	return finish();
}
