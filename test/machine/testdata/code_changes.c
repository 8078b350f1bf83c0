// Code that changes: written again, mapped again, moved, protected, through a second mapping,
// by another thread, just ahead of itself.
#include "code.h"
#include <pthread.h>
#include <stdatomic.h>

static void written_again(enum flush how) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (int i = 0; i < 2000; i++) {
		int n = i % 2000, rounds = 1 + i % 50;
		unsigned char *end = constant(p + 16 * (i % 3), n, rounds);
		flush(how, p, end);
		long got = ((function)(p + 16 * (i % 3)))(7);
		CHECK(got == 7 + rounds + n, "flush %d, %d: %ld", how, i, got);
	}
	munmap(p, PAGE);
}

static void one_constant_often(void) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	unsigned char *q = p;
	emit(&q, addi(a0, a0, 0));
	emit(&q, C_RET);
	for (int n = 0; n < 2000; n++) {
		uint32_t w = addi(a0, a0, n);
		memcpy(p, &w, 4);
		fence_i();
		CHECK(((function)p)(1) == n + 1, "%d", n);
	}
	CHECK(call_hot(p, 1) == 2000, "hot");
	// Compressed and full forms in the same place: c.li a0, 5; c.ret is as long as one of these.
	for (int n = 0; n < 500; n++) {
		unsigned char *r = p;
		if (n & 1) {
			emit(&r, 0x4515);
			emit(&r, C_RET);
		} else {
			emit(&r, addi(a0, a0, 9));
		}
		fence_i();
		CHECK(call_hot(p, 1) == (n & 1 ? 5 : 10), "form %d", n & 1);
	}
	munmap(p, PAGE);
}

// across has an instruction on the boundary of two pages, of which one is replaced.
static void across(void) {
	unsigned char *m = mapped(2, PROT_READ | PROT_WRITE | PROT_EXEC);
	unsigned char *f = m + PAGE - 6;
	uint32_t w = addi(a0, a0, 100);
	for (int i = 0; i < 200; i++) {
		int n = i * 7 % 1000;
		unsigned char *p = f;
		emit(&p, addi(a0, a0, 1));
		w = addi(a0, a0, n);
		memcpy(p, &w, 4); // half here, half there: n is there
		p += 4;
		emit(&p, C_RET);
		fence_i();
		CHECK(call_hot(f, 0) == n + 1, "across %d", n);
		unsigned char second[PAGE];
		w = addi(a0, a0, n + 1);
		memcpy(second, (char *)&w + 2, 2);
		memcpy(second + 2, &(uint16_t){C_RET}, 2);
		switch (i % 3) {
		case 0:
			mmap(m + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			memcpy(m + PAGE, second, 4);
			fence_i();
			break;
		case 1: {
			unsigned char *other = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
			memcpy(other, second, 4);
			mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + PAGE);
			break;
		}
		default:
			memcpy(m + PAGE, second, 4);
			protect(m + PAGE, 1, PROT_READ | PROT_EXEC);
			CHECK(call_hot(f, 0) == n + 2, "across %d, protected", n);
			protect(m + PAGE, 1, PROT_READ | PROT_WRITE | PROT_EXEC);
		}
		CHECK(call_hot(f, 0) == n + 2, "across %d, replaced in way %d", n, i % 3);
	}
	munmap(m, 2 * PAGE);
}

static unsigned char *new_page(int n, int prot) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE);
	constant(p, n, 3);
	protect(p, 1, prot);
	return p;
}

// mapped_again replaces hot code by system calls, of which no fence.i tells.
static void mapped_again(void) {
	unsigned char *at = new_page(1, PROT_READ | PROT_EXEC);
	for (int i = 2; i < 300; i++) {
		CHECK(call_hot(at, 0) == i - 1 + 3, "%d: old code", i);
		unsigned char *p = new_page(i, PROT_READ | PROT_EXEC);
		switch (i % 3) {
		case 0: mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at); break;
		case 1:
			munmap(at, PAGE);
			mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at);
			break;
		default: // write xor execute
			protect(at, 1, PROT_READ | PROT_WRITE);
			constant(at, i, 3);
			protect(at, 1, PROT_READ | PROT_EXEC);
			munmap(p, PAGE);
		}
		CHECK(call_hot(at, 0) == i + 3, "%d: new code in way %d", i, i % 3);
	}
	unsigned char *to = mapped(1, PROT_NONE);
	to = mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	CHECK(call_hot(to, 0) == 299 + 3, "moved");
	munmap(to, PAGE);
}

// second_mapping writes code where it is data, and runs it elsewhere.
static void second_mapping(enum flush how, int prot) {
	int fd = syscall(SYS_memfd_create, "code", 0);
	CHECK(ftruncate(fd, 2 * PAGE) == 0, "ftruncate");
	unsigned char *w = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned char *x = mmap(NULL, 2 * PAGE, prot, MAP_SHARED, fd, 0);
	for (int i = 0; i < 500; i++) {
		unsigned char *end = constant(w + PAGE - 10, i, 2); // across the boundary
		flush(how, x, x + (end - w));
		CHECK(call_hot(x + PAGE - 10, 1) == i + 3, "flush %d, %d", how, i);
	}
	// By a system call, which no store is.
	unsigned char buf[64];
	unsigned char *end = constant(buf, 77, 2);
	CHECK(pwrite(fd, buf, end - buf, 0) == end - buf, "pwrite");
	flush(how, x, x + 64);
	CHECK(call_hot(x, 1) == 80, "pwrite");
	constant(buf, 78, 2);
	CHECK(pwrite(fd, buf, end - buf, 0) == end - buf, "pwrite");
	flush(how, x, x + 64);
	CHECK(call_hot(x, 1) == 81, "pwrite again");
	munmap(w, 2 * PAGE);
	munmap(x, 2 * PAGE);
	close(fd);
}

// read_into has code written by read(2) and by a process that shares memory.
static void read_into(void) {
	int fds[2];
	CHECK(pipe(fds) == 0, "pipe");
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC), buf[64];
	for (int i = 0; i < 100; i++) {
		int n = constant(buf, i, 2) - buf;
		CHECK(write(fds[1], buf, n) == n && read(fds[0], p, n) == n, "pipe");
		fence_i();
		CHECK(call_hot(p, 1) == i + 3, "read %d", i);
	}
	munmap(p, PAGE);
	close(fds[0]);
	close(fds[1]);
}

// ahead overwrites the instruction after fence.i, in a loop that runs long.
static void ahead(void) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC), *q = p;
	// a0: rounds. Each round stores addi a1, a1, 1 or addi a1, a1, 3 ahead.
	emit(&q, addi(a1, zero, 0));
	unsigned char *loop = q;
	emit(&q, I(0x13, 7, t1, a0, 1));
	emit(&q, addi(t2, a2, 0));
	emit(&q, B(0, t1, zero, 8));
	emit(&q, addi(t2, a3, 0));
	emit(&q, S(0x23, 2, t2, a4, 0)); // sw
	emit(&q, FENCE_I);
	unsigned char *slot = q;
	emit(&q, NOP);
	emit(&q, addi(a0, a0, -1));
	emit(&q, B(1, a0, zero, loop - q));
	emit(&q, addi(a0, a1, 0));
	emit(&q, C_RET);
	fence_i();
	long (*f)(long, long, long, long, void *) = (void *)p;
	long r = f(3000, 0, addi(a1, a1, 1), addi(a1, a1, 3), slot);
	CHECK(r == 1500 * 4, "%ld", r);
	munmap(p, PAGE);
}

// beside counts in the page of the running code.
static void beside(long rounds) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC), *q = p;
	unsigned char *loop = q;
	emit(&q, I(0x03, 3, t0, a1, 0));
	emit(&q, addi(t0, t0, 1));
	emit(&q, S(0x23, 3, t0, a1, 0));
	emit(&q, addi(a0, a0, -1));
	emit(&q, B(1, a0, zero, loop - q));
	emit(&q, addi(a0, t0, 0));
	emit(&q, C_RET);
	fence_i();
	for (int at = 64; at < PAGE; at += 1000)
		CHECK(((long (*)(long, void *))p)(rounds, p + (at & -8)) == rounds, "at %d", at);
	munmap(p, PAGE);
}

// moved copies a function to many addresses.
static void moved(void) {
	unsigned char *p = mapped(4, PROT_READ | PROT_WRITE | PROT_EXEC), f[64];
	int n = constant(f, 42, 5) - f;
	for (int at = 0; at < 3 * PAGE; at += 34) {
		memcpy(p + at, f, n);
		fence_i();
		CHECK(((function)(p + at))(1) == 48, "at %d", at);
	}
	for (int at = 0; at < 3 * PAGE; at += 34)
		CHECK(call_hot(p + at, 1) == 48, "at %d again", at);
	munmap(p, 4 * PAGE);
}

// jump_table writes jumps anew, whose targets stay.
static void jump_table(void) {
	unsigned char *p = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (int i = 0; i < 64; i++) {
		unsigned char *q = p + 1024 + 16 * i;
		emit(&q, addi(a0, zero, i));
		emit(&q, C_RET);
	}
	unsigned seed = 1;
	for (int round = 0; round < 3000; round++) {
		seed = seed * 1103515245 + 12345;
		int slot = seed >> 8 & 63, to = seed >> 16 & 63;
		unsigned char *q = p + 4 * slot;
		emit(&q, J(zero, p + 1024 + 16 * to - q));
		fence_i();
		CHECK(((function)(p + 4 * slot))(0) == to, "slot %d to %d", slot, to);
	}
	munmap(p, PAGE);
}

// pointers call functions whose code changes, and ever the same one from each place.
__attribute__((noinline)) static long by_pointer(function f, long x) { return f(x) + 1; }
__attribute__((noinline)) static long by_other(function f, long x) { return f(x) + 2; }

static void pointers(void) {
	for (int i = 0; i < 300; i++) {
		unsigned char *p = mapped(1, PROT_READ | PROT_WRITE);
		constant(p, i, 3);
		protect(p, 1, PROT_READ | PROT_EXEC);
		for (int k = 0; k < 40; k++)
			CHECK(by_pointer((function)p, k) == k + 3 + i + 1 && by_other((function)p, k) == k + 3 + i + 2, "%d: %d", i, k);
		protect(p, 1, PROT_READ | PROT_WRITE);
		constant(p, i, 5);
		protect(p, 1, PROT_READ | PROT_EXEC);
		for (int k = 0; k < 40; k++)
			CHECK(by_pointer((function)p, k) == k + 5 + i + 1 && by_other((function)p, k) == k + 5 + i + 2, "%d: %d, written again", i, k);
		if (i % 3)
			munmap(p, PAGE);
	}
}

// A function that is rewritten between call and return: it calls back.
static unsigned char *caller;
static int back_rounds;
static void called_back(void) {
	unsigned char *q = caller + 12;
	emit(&q, addi(a0, zero, ++back_rounds));
	fence_i();
}

static void between_call_and_return(void) {
	unsigned char *q;
	caller = q = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	emit(&q, addi(s1, ra, 0)); // the assembly below keeps s1
	emit(&q, addi(t0, a0, 0));
	emit(&q, jalr(ra, t0, 0));
	emit(&q, NOP); // rewritten
	emit(&q, jalr(zero, s1, 0));
	fence_i();
	for (int i = 1; i <= 1000; i++) {
		register void *arg asm("a0") = called_back;
		register void *f asm("a1") = caller;
		asm volatile("jalr a1" : "+r"(arg), "+r"(f)::"s1", "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a2", "a3", "a4", "a5", "a6", "a7", "memory");
		CHECK((long)arg == i, "%d: %ld", i, (long)arg);
	}
	munmap(caller, PAGE);
}

// One thread runs what another rewrites: the reader has to see what was written before the
// number that it has been told.
static unsigned char *shared;
static atomic_int told, answered, over;
static enum flush runner_flush;

static void *runner(void *_) {
	for (int seen = 0; !atomic_load(&over);) {
		int n = atomic_load(&told);
		if (n != seen) {
			if (runner_flush == BY_FENCE)
				fence_i();
			seen = n;
		}
		long got = ((function)shared)(0);
		int later = atomic_load(&told);
		CHECK(got >= n + 2 && got <= later + 3, "flush %d: %ld, told %d, then %d", runner_flush, got, n, later);
		atomic_store(&answered, n);
	}
	return NULL;
}

static void other_thread(enum flush how) {
	runner_flush = how;
	shared = mapped(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	constant(shared, 0, 2);
	fence_i();
	atomic_store(&told, 0);
	atomic_store(&answered, -1);
	atomic_store(&over, 0);
	pthread_t t;
	pthread_create(&t, NULL, runner, NULL);
	for (int n = 1; n < 400; n++) {
		while (atomic_load(&answered) != n - 1)
			;
		uint32_t w = addi(a0, a0, n);
		__atomic_store_n((uint32_t *)(shared + 16), w, __ATOMIC_SEQ_CST); // the constant
		flush(how, shared, shared + 64);
		atomic_store(&told, n);
	}
	atomic_store(&over, 1);
	pthread_join(t, NULL);
	munmap(shared, PAGE);
}

// Two threads run the same hot code, while a third protects it again and again.
static void *hot_runner(void *_) {
	long n = 0;
	while (!atomic_load(&over)) {
		long got = ((function)shared)(1);
		CHECK(got == 1 + 40 + 9, "%ld", got);
		n++;
	}
	return (void *)n;
}

static void protected_meanwhile(void) {
	shared = mapped(1, PROT_READ | PROT_WRITE);
	constant(shared, 9, 40);
	protect(shared, 1, PROT_READ | PROT_EXEC);
	atomic_store(&over, 0);
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, hot_runner, NULL);
	for (int i = 0; i < 2000; i++)
		protect(shared, 1, PROT_EXEC | PROT_READ | (i & 1 ? PROT_WRITE : 0));
	atomic_store(&over, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	munmap(shared, PAGE);
}

// no_longer has hot code lose its permission, or its page.
static struct { int sig, code; void *addr; } last;
static void note(int sig, siginfo_t *i, void *c) {
	ucontext_t *u = c;
	last.sig = sig;
	last.code = i->si_code;
	last.addr = i->si_addr;
	u->uc_mcontext.__gregs[0] = u->uc_mcontext.__gregs[ra];
	u->uc_mcontext.__gregs[a0] = -1;
}

static void no_longer(void) {
	struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	for (int i = 0; i < 50; i++) {
		unsigned char *p = new_page(i, PROT_READ | PROT_EXEC);
		CHECK(call_hot(p, 0) == i + 3, "%d", i);
		protect(p, 1, i & 1 ? PROT_READ : PROT_NONE);
		CHECK(((function)p)(0) == -1 && last.sig == SIGSEGV && last.code == SEGV_ACCERR && last.addr == p, "%d: code %d", i, last.code);
		protect(p, 1, PROT_READ | PROT_EXEC);
		CHECK(call_hot(p, 0) == i + 3, "%d again", i);
		munmap(p, PAGE);
		last.sig = 0;
		CHECK(((function)p)(0) == -1 && last.sig == SIGSEGV && last.code == SEGV_MAPERR && last.addr == p, "%d: code %d", i, last.code);
	}
}

int main(int argc, char **argv) {
	int on_qemu = argc > 1 && !strcmp(argv[1], "qemu");
	for (enum flush f = 0; f < FLUSHES; f++)
		written_again(f);
	one_constant_often();
	across();
	mapped_again();
	// QEMU does nothing at fence.i: it sees only stores to the page that it has translated.
	for (enum flush f = 0; f < FLUSHES && !on_qemu; f++) {
		second_mapping(f, PROT_READ | PROT_EXEC);
		second_mapping(f, PROT_READ | PROT_WRITE | PROT_EXEC);
	}
	read_into();
	ahead();
	beside(on_qemu ? 1000 : 100000); // QEMU translates anew after each store
	moved();
	jump_table();
	pointers();
	between_call_and_return();
	other_thread(BY_FENCE);
	other_thread(FLUSH_ALL);
	protected_meanwhile();
	no_longer();
	return finish();
}
