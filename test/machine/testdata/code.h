// Functions that programs write, for those that change code.
#pragma once
#include "check.h"

typedef long (*function)(long);

// flush makes written code executable in one of three ways.
enum flush { BY_FENCE, FLUSH_LOCAL, FLUSH_ALL, FLUSHES };
static void flush(enum flush how, void *from, void *to) {
	switch (how) {
	case BY_FENCE: fence_i(); break;
	case FLUSH_LOCAL: syscall(259, from, to, 1L); break; // riscv_flush_icache
	default: syscall(259, from, to, 0L); break;
	}
}

// constant writes: return x + n, in a loop of some rounds that adds 1 each.
static unsigned char *constant(unsigned char *p, int n, int rounds) {
	emit(&p, addi(t0, zero, rounds));
	unsigned char *loop = p;
	emit(&p, addi(a0, a0, 1));
	emit(&p, addi(t0, t0, -1));
	emit(&p, B(1, t0, zero, loop - p));
	emit(&p, addi(a0, a0, n));
	emit(&p, C_RET);
	return p;
}

// call_hot calls a function often, and returns its last result.
__attribute__((noinline)) static long call_hot(void *f, long x) {
	long r = 0;
	for (int i = 0; i < 300; i++)
		r = ((function)f)(x);
	return r;
}
