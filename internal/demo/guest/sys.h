// What the demo needs of Linux on riscv64, without a C library.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

enum {
	SYS_openat = 56, SYS_close = 57, SYS_read = 63, SYS_write = 64, SYS_exit = 93,
	SYS_exit_group = 94, SYS_futex = 98, SYS_clock_gettime = 113, SYS_uname = 160,
	SYS_getpid = 172, SYS_munmap = 215, SYS_clone = 220, SYS_mmap = 222,
};

long syscall6(long nr, long a, long b, long c, long d, long e, long f);
#define syscall(nr, a, b, c) syscall6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)

// thread starts fn(arg) on a new thread with its own stack. *alive is 1 until the
// kernel clears it (and wakes the futex) at the thread's end.
long thread(void (*fn)(void *), void *arg, int *alive);
void join(int *alive);

// out is buffered output to descriptor 1; flush writes it.
void out(const char *s);
void out_char(char c);
void out_num(u64 n, int width);
void flush(void);

void *memset(void *p, int c, u64 n);
void *memcpy(void *d, const void *s, u64 n);
int strcmp(const char *a, const char *b);

u64 now_us(void); // CLOCK_MONOTONIC in microseconds
