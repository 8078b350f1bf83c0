// What the programs share: checks that count, and an assembler of a few instructions.
#pragma once
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static int failures;

// CHECK says what is wrong, a few times.
#define CHECK(ok, ...)                                                                   \
	do {                                                                                 \
		if (!(ok) && failures++ < 20) {                                                  \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #ok);                              \
			printf(__VA_ARGS__);                                                         \
			printf("\n");                                                                \
		}                                                                                \
	} while (0)

// finish ends the program; main returns it.
static inline int finish(void) {
	if (failures)
		printf("%d failures\n", failures);
	fflush(stdout);
	return failures != 0;
}

enum { PAGE = 4096 };

enum { zero, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6 };

static inline uint32_t I(int op, int f3, int rd, int rs1, int imm) { return (uint32_t)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op; }
static inline uint32_t S(int op, int f3, int rs2, int rs1, int imm) {
	return (uint32_t)imm >> 5 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (imm & 31) << 7 | op;
}
static inline uint32_t R(int op, int f3, int f7, int rd, int rs1, int rs2) {
	return (uint32_t)f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}
static inline uint32_t B(int f3, int rs1, int rs2, int32_t off) {
	uint32_t o = off;
	return o >> 12 << 31 | (o >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (o >> 1 & 15) << 8 | (o >> 11 & 1) << 7 | 0x63;
}
static inline uint32_t J(int rd, int32_t off) {
	uint32_t o = off;
	return o >> 20 << 31 | (o >> 1 & 1023) << 21 | (o >> 11 & 1) << 20 | (o >> 12 & 255) << 12 | rd << 7 | 0x6f;
}
static inline uint32_t addi(int rd, int rs1, int imm) { return I(0x13, 0, rd, rs1, imm); }
static inline uint32_t jalr(int rd, int rs1, int imm) { return I(0x67, 0, rd, rs1, imm); }
enum { RET = 0x8067, C_RET = 0x8082, FENCE_I = 0x100f, EBREAK = 0x100073, C_EBREAK = 0x9002, NOP = 0x13, C_NOP = 1 };

// emit appends an instruction of two or four bytes.
static inline void emit(unsigned char **p, uint32_t w) {
	int n = (w & 3) == 3 ? 4 : 2;
	memcpy(*p, &w, n);
	*p += n;
}

static inline void fence_i(void) { asm volatile("fence.i" ::: "memory"); }

// mapped returns n new pages.
static inline unsigned char *mapped(int n, int prot) {
	void *p = mmap(NULL, (size_t)n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static inline void protect(void *p, int n, int prot) {
	if (mprotect(p, (size_t)n * PAGE, prot)) {
		perror("mprotect");
		exit(1);
	}
}
