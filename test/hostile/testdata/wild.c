// Uses addresses that are not its own in every way there is: loads, stores, atomic and
// floating-point accesses, cache blocks, jumps, system calls, files that are its memory.
// It is told the addresses on standard input, hexadecimal, one a line, "." at the end: where
// hospes itself has memory. Nothing may succeed, and nothing may be read or changed. What
// goes wrong is printed.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int failures;
#define FAIL(...) (printf(__VA_ARGS__), putchar('\n'), failures++)

static sigjmp_buf back;
static volatile uint64_t fault_addr;

static void faulted(int sig, siginfo_t *info, void *context) {
	(void)context;
	fault_addr = (uint64_t)info->si_addr;
	siglongjmp(back, sig);
}

// Accesses: a0 is the address, a1 and a2 are values.
#define ACCESS(name, text) \
	__attribute__((naked)) static void name(uint64_t a, uint64_t v, uint64_t w) { __asm__ volatile(text "\n ret" ::: "memory"); }
#define ATOMIC(f3, f5) ".insn r 0x2f, " #f3 ", " #f5 " << 2, a3, a0, a1"
#define AMO(name, f5) \
	ACCESS(name##_b, ATOMIC(0, f5)) ACCESS(name##_h, ATOMIC(1, f5)) ACCESS(name##_w, ATOMIC(2, f5)) ACCESS(name##_d, ATOMIC(3, f5))
#define ROWS(name) {#name ".b", name##_b}, {#name ".h", name##_h}, {#name ".w", name##_w}, {#name ".d", name##_d}

ACCESS(lb, "lb a3, 0(a0)") ACCESS(lbu, "lbu a3, 0(a0)") ACCESS(lh, "lh a3, 0(a0)") ACCESS(lhu, "lhu a3, 0(a0)")
ACCESS(lw, "lw a3, 0(a0)") ACCESS(lwu, "lwu a3, 0(a0)") ACCESS(ld, "ld a3, 0(a0)") ACCESS(far, "ld a3, 2040(a0)") ACCESS(near, "ld a3, -2048(a0)")
ACCESS(to_zero, "lw zero, 0(a0)") ACCESS(c_ld, "c.ld a3, 8(a0)") ACCESS(c_lw, "c.lw a3, 4(a0)")
ACCESS(flh, ".insn i 0x07, 1, fa0, 0(a0)") ACCESS(flw, "flw fa0, 0(a0)") ACCESS(fld, "fld fa0, 0(a0)")
ACCESS(sb, "sb a1, 0(a0)") ACCESS(sh, "sh a1, 0(a0)") ACCESS(sw, "sw a1, 0(a0)") ACCESS(sd, "sd a1, 0(a0)") ACCESS(sd_zero, "sd zero, 8(a0)")
ACCESS(far_sd, "sd a1, 2040(a0)") ACCESS(near_sd, "sd a1, -2048(a0)") ACCESS(c_sd, "c.sd a1, 8(a0)") ACCESS(c_sw, "c.sw a1, 4(a0)")
ACCESS(fsh, ".insn s 0x27, 1, fa0, 0(a0)") ACCESS(fsw, "fsw fa0, 0(a0)") ACCESS(fsd, "fsd fa0, 0(a0)")
ACCESS(two, "ld a3, 0(a0)\n sd a1, 16(a0)\n ld a3, 24(a0)") ACCESS(indexed, "slli a4, a2, 3\n add a4, a4, a0\n ld a3, 0(a4)")
ACCESS(by_sp, "mv t0, sp\n mv sp, a0\n ld a3, 0(sp)\n mv sp, t0") // in the place of sp is what the handler needs: see below
// sp is written in one piece of code, and used in the next.
#define BY_SP(name, text) ACCESS(name, "mv t0, sp\n mv t2, ra\n" text "\n mv sp, t0\n mv ra, t2\n ret\n 2: mv sp, a0\n ret\n 3: sd a1, 8(sp)")
BY_SP(sp_branch, "mv sp, a0\n beqz a2, 1f\n nop\n 1: sd a1, 8(sp)") BY_SP(sp_jump, "mv sp, a0\n j 1f\n nop\n 1: ld a3, -8(sp)")
BY_SP(sp_computed, "la t1, 1f\n mv sp, a0\n jr t1\n nop\n 1: sd a1, 0(sp)") BY_SP(sp_call, "mv sp, a0\n jal 3f")
BY_SP(sp_return, "jal 2f\n sd a1, 0(sp)") BY_SP(sp_function, "la t1, 3f\n mv sp, a0\n jalr t1")
BY_SP(sp_add, "sub t1, a0, sp\n add sp, sp, t1\n addi sp, sp, -2032\n j 1f\n nop\n 1: ld a3, 2000(sp)")
ACCESS(lr_w, "lr.w a3, (a0)") ACCESS(lr_d, "lr.d a3, (a0)")
ACCESS(cbo_zero, ".insn i 0x0f, 2, x0, 4(a0)") ACCESS(cbo_clean, ".insn i 0x0f, 2, x0, 1(a0)") ACCESS(cbo_flush, ".insn i 0x0f, 2, x0, 2(a0)")
ACCESS(amocas_q, "li a4, 0\n li a5, 0\n li a6, 1\n li a7, 2\n .insn r 0x2f, 4, 5 << 2, a4, a0, a6")
AMO(amoadd, 0) AMO(amoswap, 1) AMO(amocas, 5) AMO(amoxor, 4) AMO(amoor, 8) AMO(amoand, 12)
AMO(amomin, 16) AMO(amomax, 20) AMO(amominu, 24) AMO(amomaxu, 28)
ACCESS(jump, "jr a0") ACCESS(call, "mv t2, ra\n jalr a0\n mv ra, t2")

static const struct {
	const char *name;
	void (*f)(uint64_t, uint64_t, uint64_t);
} accesses[] = {
	{"lb", lb}, {"lbu", lbu}, {"lh", lh}, {"lhu", lhu}, {"lw", lw}, {"lwu", lwu}, {"ld", ld}, {"ld 2040", far}, {"ld -2048", near},
	{"lw x0", to_zero}, {"c.ld", c_ld}, {"c.lw", c_lw}, {"flh", flh}, {"flw", flw}, {"fld", fld},
	{"sb", sb}, {"sh", sh}, {"sw", sw}, {"sd", sd}, {"sd x0", sd_zero}, {"sd 2040", far_sd}, {"sd -2048", near_sd}, {"c.sd", c_sd}, {"c.sw", c_sw},
	{"fsh", fsh}, {"fsw", fsw}, {"fsd", fsd}, {"two", two}, {"indexed", indexed}, {"ld sp", by_sp},
	{"sp, branch", sp_branch}, {"sp, jump", sp_jump}, {"sp, jr", sp_computed}, {"sp, jal", sp_call}, {"sp, ret", sp_return}, {"sp, jalr", sp_function},
	{"sp, add", sp_add}, {"lr.w", lr_w}, {"lr.d", lr_d},
	{"cbo.zero", cbo_zero}, {"cbo.clean", cbo_clean}, {"cbo.flush", cbo_flush}, {"amocas.q", amocas_q},
	ROWS(amoadd), ROWS(amoswap), ROWS(amocas), ROWS(amoxor), ROWS(amoor), ROWS(amoand), ROWS(amomin), ROWS(amomax), ROWS(amominu), ROWS(amomaxu),
	{"jr", jump}, {"jalr", call},
};

// sc stores only where the reservation is.
__attribute__((naked)) static long conditional(uint64_t addr, uint64_t *own) {
	__asm__ volatile("lr.d a2, (a1)\n sc.d a0, a1, (a0)\n ret" ::: "memory");
}

static uint64_t own[8] __attribute__((aligned(64)));

static void try_accesses(uint64_t addr) {
	for (unsigned i = 0; i < sizeof accesses / sizeof *accesses; i++) {
		fault_addr = 0;
		int sig = sigsetjmp(back, 1);
		if (sig == 0) {
			accesses[i].f(addr, 1, 0);
			FAIL("%s at %#lx: no signal", accesses[i].name, (long)addr);
		} else if (sig != SIGSEGV || fault_addr - addr + 4096 > 8192) {
			FAIL("%s at %#lx: signal %d at %#lx", accesses[i].name, (long)addr, sig, (long)fault_addr);
		}
	}
	if (sigsetjmp(back, 1) == 0 && conditional(addr, own) == 0)
		FAIL("sc.d at %#lx: stored", (long)addr);
}

// Functions of the C library, for which hospes may have code of its own (--native-lib).
static volatile uint64_t result;
static char good[4096] __attribute__((aligned(4096)));

static void by_memcpy_to(char *p) { memcpy(p, good, 300); }
static void by_memcpy_from(char *p) { memcpy(good, p, 300); }
static void by_memmove_to(char *p) { memmove(p, good, 40); }
static void by_memset(char *p) { memset(p, 1, 300); }
static void by_memcmp(char *p) { result = memcmp(p, good, 64); }
static void by_memchr(char *p) { result = (uint64_t)memchr(p, 0x5b, 3000); }
static void by_strlen(char *p) { result = strlen(p); }
static void by_strnlen(char *p) { result = strnlen(p, 100); }
static void by_strcmp(char *p) { result = strcmp(p, good); }
static void by_strncmp(char *p) { result = strncmp(good, p, 50); }
static void by_strchr(char *p) { result = (uint64_t)strchr(p, 'x'); }
static void by_strcpy_to(char *p) { strcpy(p, "some text that is long enough"); }
static void by_strcpy_from(char *p) { strcpy(good, p); }

static const struct {
	const char *name;
	void (*f)(char *);
} functions[] = {
	{"memcpy to", by_memcpy_to}, {"memcpy from", by_memcpy_from}, {"memmove to", by_memmove_to}, {"memset", by_memset}, {"memcmp", by_memcmp},
	{"memchr", by_memchr}, {"strlen", by_strlen}, {"strnlen", by_strnlen}, {"strcmp", by_strcmp}, {"strncmp", by_strncmp}, {"strchr", by_strchr},
	{"strcpy to", by_strcpy_to}, {"strcpy from", by_strcpy_from},
};

static void try_functions(uint64_t addr) {
	for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++) {
		fault_addr = 0;
		int sig = sigsetjmp(back, 1);
		if (sig == 0) {
			functions[i].f((char *)addr);
			FAIL("%s %#lx: no signal", functions[i].name, (long)addr);
		} else if (sig != SIGSEGV || fault_addr - addr + 4096 > 8192) {
			FAIL("%s %#lx: signal %d at %#lx", functions[i].name, (long)addr, sig, (long)fault_addr);
		}
	}
}

static int zero_fd, pipes[2], sockets[2], epoll_fd;

enum { W = 0x7e57 }; // stands for the address

// Calls of which none can succeed.
static const struct {
	const char *name;
	long nr, a[6];
	int *fd; // the first argument, if not 0
} calls[] = {
	{"read", SYS_read, {0, W, 64}, &zero_fd}, {"pread64", SYS_pread64, {0, W, 64, 0}, &zero_fd}, {"write", SYS_write, {0, W, 64}, &pipes[1]},
	{"getrandom", SYS_getrandom, {W, 64, 0}}, {"getcwd", SYS_getcwd, {W, 64}}, {"uname", SYS_uname, {W}},
	{"clock_gettime", SYS_clock_gettime, {0, W}}, {"gettimeofday", SYS_gettimeofday, {W, 0}}, {"times", SYS_times, {W}},
	{"nanosleep", SYS_nanosleep, {W, 0}}, {"getrusage", SYS_getrusage, {0, W}}, {"sysinfo", SYS_sysinfo, {W}},
	{"fstat", SYS_fstat, {0, W}, &zero_fd}, {"fstatfs", SYS_fstatfs, {0, W}, &zero_fd}, {"statx", SYS_statx, {0, (long)"", 0x1000, 0x7ff, W}, &zero_fd},
	{"openat", SYS_openat, {AT_FDCWD, W, 0}}, {"readlinkat", SYS_readlinkat, {AT_FDCWD, (long)"/proc/self/exe", W, 64}},
	{"execve", SYS_execve, {W, 0, 0}}, {"execve argv", SYS_execve, {(long)"/proc/self/exe", W, 0}},
	{"pipe2", SYS_pipe2, {W, 0}}, {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, W}},
	{"ppoll", SYS_ppoll, {W, 1, 0, 0, 0}}, {"pselect6", SYS_pselect6, {64, W, 0, 0, 0, 0}}, {"epoll_ctl", SYS_epoll_ctl, {0, 1, 0, W}, &epoll_fd},
	{"futex wait", SYS_futex, {W, 0, 0, 0, 0, 0}}, {"futex wake", SYS_futex, {W, 1, 1, 0, 0, 0}}, {"futex requeue", SYS_futex, {(long)own, 3, 1, 1, W, 0}},
	{"futex lock_pi", SYS_futex, {W, 6, 0, 0, 0, 0}}, {"futex wake_op", SYS_futex, {(long)own, 5, 1, 1, W, 0}},
	{"rt_sigprocmask", SYS_rt_sigprocmask, {0, W, 0, 8}}, {"rt_sigprocmask old", SYS_rt_sigprocmask, {0, 0, W, 8}},
	{"rt_sigaction", SYS_rt_sigaction, {SIGUSR1, W, 0, 8}}, {"rt_sigaction old", SYS_rt_sigaction, {SIGUSR1, 0, W, 8}},
	{"rt_sigpending", SYS_rt_sigpending, {W, 8}}, {"sigaltstack", SYS_sigaltstack, {W, 0}}, {"sigaltstack old", SYS_sigaltstack, {0, W}},
	{"setitimer", SYS_setitimer, {0, W, 0}}, {"getitimer", SYS_getitimer, {0, W}}, {"timer_create", SYS_timer_create, {0, 0, W}},
	{"prlimit64", SYS_prlimit64, {0, 7, 0, W}}, {"sched_getaffinity", SYS_sched_getaffinity, {0, 128, W}}, {"getcpu", SYS_getcpu, {W, 0, 0}},
	{"get_robust_list", SYS_get_robust_list, {0, W, W}}, {"prctl PR_GET_PDEATHSIG", SYS_prctl, {2, W}}, {"prctl PR_SET_NAME", SYS_prctl, {15, W}},
	{"prctl PR_GET_NAME", SYS_prctl, {16, W}}, {"mincore", SYS_mincore, {(long)good, 4096, W}}, {"mincore of it", SYS_mincore, {W, 4096, (long)own}},
	{"msync", SYS_msync, {W, 4096, 4}}, {"mprotect", SYS_mprotect, {W, 4096, 7}}, {"mlock", SYS_mlock, {W, 4096}}, {"madvise", SYS_madvise, {W, 4096, 4}},
	{"munmap", SYS_munmap, {W, 4096}}, {"mremap", SYS_mremap, {W, 4096, 8192, 1}}, {"mremap to it", SYS_mremap, {(long)good, 4096, 4096, 3, W}},
	{"mmap fixed", SYS_mmap, {W, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}},
	{"mmap noreplace", SYS_mmap, {W, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0}},
	{"remap_file_pages", SYS_remap_file_pages, {W, 4096, 0, 0, 0}}, {"move_pages", SYS_move_pages, {0, 1, W, 0, W, 0}},
	{"ioctl FIONREAD", SYS_ioctl, {0, FIONREAD, W}, &pipes[0]}, {"ioctl FIONBIO", SYS_ioctl, {0, FIONBIO, W}, &pipes[0]},
	{"ioctl SIOCATMARK", SYS_ioctl, {0, 0x8905, W}, &sockets[0]}, {"ioctl SIOCGIFCONF", SYS_ioctl, {0, 0x8912, W}, &sockets[0]},
	{"sendto", SYS_sendto, {0, W, 64, 0x40, 0, 0}, &sockets[0]}, {"recvmsg", SYS_recvmsg, {0, W, 0x40}, &sockets[0]}, {"sendmsg", SYS_sendmsg, {0, W, 0x40}, &sockets[0]},
	{"getsockname", SYS_getsockname, {0, W, W}, &sockets[0]}, {"getsockopt", SYS_getsockopt, {0, 1, 3, W, W}, &sockets[0]},
	{"setsockopt", SYS_setsockopt, {0, 1, 2, W, 4}, &sockets[0]}, {"bind", SYS_bind, {0, W, 16}, &sockets[0]}, {"connect", SYS_connect, {0, W, 16}, &sockets[0]},
	{"sendfile", SYS_sendfile, {1, 0, W, 64}}, {"copy_file_range", SYS_copy_file_range, {0, W, 1, 0, 64, 0}},
	{"io_setup", SYS_io_setup, {1, W}}, {"signalfd4", SYS_signalfd4, {-1, W, 8, 0}}, {"seccomp", SYS_seccomp, {1, 0, W}},
	{"clone3", SYS_clone3, {W, 88}}, {"sched_setattr", SYS_sched_setattr, {0, W, 0}}, {"adjtimex", SYS_adjtimex, {W}},
	{"wait4", SYS_wait4, {-1, W, 0, 0}}, {"semop", SYS_semop, {0, W, 1}}, {"shmat", SYS_shmat, {0, W, 0}}, {"process_madvise", SYS_process_madvise, {-1, W, 1, 4, 0}},
	{"vmsplice", SYS_vmsplice, {0, W, 1, 0}, &pipes[1]}, {"readv", SYS_readv, {0, W, 1}, &zero_fd}, {"getxattr", SYS_getxattr, {W, W, W, 8}},
};

static void try_calls(uint64_t addr) {
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
		long a[6];
		for (int k = 0; k < 6; k++)
			a[k] = calls[i].a[k] == W ? (long)addr : calls[i].a[k];
		if (calls[i].fd)
			a[0] = *calls[i].fd;
		if (sigsetjmp(back, 1)) {
			FAIL("%s with %#lx: a signal at %#lx", calls[i].name, (long)addr, (long)fault_addr);
			continue;
		}
		long r = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (r >= 0 && !(calls[i].nr == SYS_munmap && addr < 1ul << 38)) // where there may be nothing
			FAIL("%s with %#lx: %#lx", calls[i].name, (long)addr, r);
	}
	char *hinted = mmap((void *)addr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hinted == MAP_FAILED || (uint64_t)hinted >= 1ul << 38)
		FAIL("mmap with the hint %#lx: %p", (long)addr, (void *)hinted);
	munmap(hinted, 4096);
}

// Vectors whose second part is not the program's own: what comes first may be moved, that
// not.
static void try_vectors(uint64_t addr) {
	struct iovec v[2] = {{good, 8}, {(void *)addr, 64}}, mine = {good + 64, 72}, it = {(void *)addr, 64}, target = {good + 256, 64};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	char drain[256];
	struct {
		const char *name;
		long r;
	} done[] = {
		{"readv", readv(zero_fd, v, 2)}, {"preadv", preadv(zero_fd, v, 2, 0)}, {"writev", writev(pipes[1], v, 2)},
		{"sendmsg", sendmsg(sockets[0], &m, MSG_DONTWAIT)}, {"vmsplice", vmsplice(pipes[1], v, 2, SPLICE_F_NONBLOCK)},
		{"process_vm_readv to it", process_vm_readv(getpid(), v, 2, &mine, 1, 0)},
		{"process_vm_writev from it", process_vm_writev(getpid(), v, 2, &mine, 1, 0)},
		{"process_vm_readv from it", process_vm_readv(getpid(), &target, 1, &it, 1, 0)},
		{"process_vm_writev to it", process_vm_writev(getpid(), &target, 1, &it, 1, 0)},
	};
	for (unsigned i = 0; i < sizeof done / sizeof *done; i++)
		if (done[i].r > 8)
			FAIL("%s with %#lx: %ld bytes", done[i].name, (long)addr, done[i].r);
	while (recv(sockets[1], drain, sizeof drain, MSG_DONTWAIT) > 0)
		;
	struct pollfd p = {pipes[0], POLLIN, 0};
	while (poll(&p, 1, 0) > 0 && read(pipes[0], drain, sizeof drain) > 0)
		;
}

static int exiting(void *addr) {
	syscall(SYS_set_tid_address, addr);
	syscall(SYS_set_robust_list, addr, 24);
	syscall(SYS_exit, 0);
	return 0;
}

// Words that the kernel stores when threads begin and end.
static void try_threads(uint64_t addr) {
	static char stack[16384] __attribute__((aligned(16)));
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_PARENT_SETTID;
	pid_t tid = clone(exiting, stack + sizeof stack, flags, (void *)addr, (void *)addr, NULL, (void *)addr);
	if (tid < 0)
		return; // it has been refused
	for (int n = 0; n < 5000 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; n++)
		usleep(1000);
}

// Files that are the program's memory.

static long by_pread(int fd, uint64_t at, char *b, size_t n) { return pread(fd, b, n, at); }
static long by_preadv(int fd, uint64_t at, char *b, size_t n) { return preadv(fd, &(struct iovec){b, n}, 1, at); }
static long by_read(int fd, uint64_t at, char *b, size_t n) { return lseek(fd, at, SEEK_SET) < 0 ? -1 : read(fd, b, n); }

static long by_readv(int fd, uint64_t at, char *b, size_t n) {
	return lseek(fd, at, SEEK_SET) < 0 ? -1 : readv(fd, &(struct iovec){b, n}, 1);
}

static long by_sendfile(int fd, uint64_t at, char *b, size_t n) {
	off_t off = at;
	return sendfile(sockets[0], fd, &off, n) > 0 ? recv(sockets[1], b, n, MSG_DONTWAIT) : -1;
}

static long by_splice(int fd, uint64_t at, char *b, size_t n) {
	off_t off = at;
	return splice(fd, &off, pipes[1], NULL, n, SPLICE_F_NONBLOCK) > 0 ? read(pipes[0], b, n) : -1;
}

static long by_aio(int fd, uint64_t at, char *b, size_t n) {
	aio_context_t context = 0;
	struct iocb cb = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (uint64_t)b, .aio_nbytes = n, .aio_offset = at}, *list = &cb;
	struct io_event event = {.res = -1};
	if (syscall(SYS_io_setup, 1, &context) == 0 && syscall(SYS_io_submit, context, 1, &list) == 1)
		syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
	syscall(SYS_io_destroy, context);
	return event.res;
}

static long by_mmap(int fd, uint64_t at, char *b, size_t n) {
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, at & -4096);
	if (p == MAP_FAILED)
		return -1;
	memcpy(b, p + (at & 4095), n);
	munmap(p, 4096);
	return n;
}

static long by_child(int fd, uint64_t at, char *b, size_t n) {
	char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	if (child == 0)
		_exit(pread(fd, shared, n, at) == (long)n);
	int status = 0;
	waitpid(child, &status, 0);
	memcpy(b, shared, n);
	munmap(shared, 4096);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? (long)n : -1;
}

static const struct {
	const char *name;
	long (*read)(int, uint64_t, char *, size_t);
} ways[] = {{"pread", by_pread}, {"preadv", by_preadv}, {"read", by_read}, {"readv", by_readv}, {"sendfile", by_sendfile}, {"splice", by_splice},
	{"aio", by_aio}, {"mmap", by_mmap}, {"a child", by_child}};

// open_memory opens the memory by many names; the n-th, or -1.
static int open_memory(int n, const char **name) {
	static char text[128];
	int dir, fd;
	*name = text;
	switch (n) {
	case 0: return open(strcpy(text, "/proc/self/mem"), O_RDWR);
	case 1: return open(strcpy(text, "/proc/thread-self/mem"), O_RDWR);
	case 2: sprintf(text, "/proc/%d/mem", getpid()); return open(text, O_RDWR);
	case 3: sprintf(text, "/proc/%d/task/%d/mem", getpid(), getpid()); return open(text, O_RDWR);
	case 4: return open(strcpy(text, "/proc/self/root/proc/self/mem"), O_RDWR);
	case 5: return open(strcpy(text, "/proc/self/../self/./mem"), O_RDWR);
	case 6:
		strcpy(text, "openat of /proc/self");
		dir = open("/proc/self", O_DIRECTORY | O_RDONLY);
		fd = openat(dir, "mem", O_RDWR);
		close(dir);
		return fd;
	case 7:
		strcpy(text, "mem in /proc/self");
		if (chdir("/proc/self"))
			return -1;
		return open("mem", O_RDWR);
	case 8:
		strcpy(text, "a symbolic link");
		symlink("/proc/self/mem", "memory-link");
		return open("memory-link", O_RDWR);
	case 9:
		dir = open("/proc/self/mem", O_RDWR);
		sprintf(text, "/proc/self/fd/%d", dir);
		fd = open(text, O_RDWR);
		close(dir);
		return fd;
	case 10:
		dir = open("/proc/self/mem", O_PATH);
		sprintf(text, "/dev/fd/%d of O_PATH", dir);
		char link[64];
		sprintf(link, "/dev/fd/%d", dir);
		fd = open(link, O_RDWR);
		close(dir);
		return fd;
	case 11:
		strcpy(text, "a duplicate");
		dir = open("/proc/self/mem", O_RDWR);
		fd = fcntl(dir, F_DUPFD, 20);
		close(dir);
		return fd;
	}
	return -2;
}

static void try_files(const uint64_t *addrs, int count) {
	const char *name;
	for (int n = 0;; n++) {
		int fd = open_memory(n, &name);
		if (fd == -2)
			break;
		if (fd < 0)
			continue;
		strcpy(good, "what is here");
		for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
			char b[16] = "";
			long r = ways[i].read(fd, (uint64_t)good, b, 12);
			if (r == 12 && memcmp(b, good, 12) != 0)
				FAIL("%s, %s: own memory reads as \"%.12s\"", name, ways[i].name, b);
			if (i == 0 && r != 12)
				FAIL("%s, %s: own memory cannot be read: %s", name, ways[i].name, strerror(errno));
			int slow = ways[i].read == by_child || ways[i].read == by_aio;
			for (int k = 0; k < (slow ? 2 : count); k++) {
				r = ways[i].read(fd, addrs[k], b, 8);
				if (r > 0)
					FAIL("%s, %s at %#lx: %ld bytes", name, ways[i].name, (long)addrs[k], r);
			}
		}
		for (int k = 0; k < count; k++)
			if (pwrite(fd, good, 8, addrs[k]) > 0 || pwritev(fd, &(struct iovec){good, 8}, 1, addrs[k]) > 0)
				FAIL("%s: %#lx has been written", name, (long)addrs[k]);
		close(fd);
	}
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	static char alternate[65536];
	sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = sizeof alternate}, NULL);
	struct sigaction action = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	zero_fd = open("/dev/zero", O_RDWR);
	epoll_fd = (int)syscall(SYS_epoll_create1, 0);
	if (zero_fd < 0 || epoll_fd < 0 || pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return 2;
	puts("ready");
	static uint64_t addrs[512];
	int count = 0;
	char line[64];
	while (fgets(line, sizeof line, stdin) && line[0] != '.' && count < 512)
		addrs[count++] = strtoull(line, NULL, 16);
	for (int i = 0; i < count; i++) {
		try_accesses(addrs[i]);
		try_functions(addrs[i]);
		try_calls(addrs[i]);
		try_vectors(addrs[i]);
		try_threads(addrs[i]);
	}
	try_files(addrs, count);
	printf("%d addresses, %d failures\n", count, failures);
	return failures != 0;
}
