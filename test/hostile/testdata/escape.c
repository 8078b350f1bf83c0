/* escape SEED COUNT: makes COUNT system calls with arguments by chance, most of them such as could lead out of a sandbox. If it gets to see
   what it must not, it writes that to standard output. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

/* Each byte of what must not be seen, and one more: it must not be in this program's memory. */
static const char secret[] = "iptqft.tfdsfu";

static unsigned char arena[1 << 16];

static const char *const names[] = {
	"/", "/..", "..", "../../../..", "/data", "/data/..", "/data/absolute", "/data/relative", "/data/up", "/data/up/secret", "/data/up/up/secret",
	"/data/../../secret", "/ro", "/ro/file", "/ro/absolute", "/ro/new", "/data/new", "/data/file", "/data/dir", "/data/dir/new", "/data/link",
	"/proc/self/exe", "/proc/self/root", "/proc/self/root/../secret", "/proc/1/root", "/proc/self/cwd", "/proc/self/fd", "/proc/self/fd/0",
	"/proc/self/fd/1", "/proc/self/fd/3", "/proc/self/mem", "/proc/self/maps", "/proc/self/environ", "/proc/self/task", "/proc/sys/kernel/core_pattern",
	"/proc/sysrq-trigger", "/proc/thread-self/fd/4/../..", "/dev/mem", "/dev/kmem", "/dev/null", "/dev/zero", "/dev/fd/3", "/dev/stdin", "/dev/shm/x",
	"/etc/passwd", "/sys/kernel", "/guest", "", ".", "new", "security.x", "user.x", "ext4", "proc", "tmpfs", "overlay", "bind", SECRET, SECRET "/..",
};

/* Own stacks for children, so that they do not destroy this one. */
static unsigned char stacks[16][1 << 14] __attribute__((aligned(16)));

static uint64_t argument(void)
{
	uint64_t r = rnd();
	switch (r % 16) {
	case 0: return rnd() % 8;
	case 1: return rnd() % 64;
	case 2: return -100; /* AT_FDCWD */
	case 3: return -1 - rnd() % 3;
	case 4: return rnd();
	case 5: return 1ull << rnd() % 64;
	case 6: return rnd() % (1 << 20) & ~0xfffull;
	case 7: return (uint64_t)&stacks[rnd() % 16][1 << 13];
	case 8: return rnd() % 0x1000;
	case 9: case 10: case 11: return (uint64_t)names[rnd() % (sizeof names / sizeof *names)];
	case 12: return (uint64_t)mmap; /* code */
	default: return (uint64_t)&arena[rnd() % (sizeof arena - 4096)];
	}
}

static uint64_t number(void)
{
	uint64_t nr;
	switch (rnd() % 64) {
	case 0: return rnd();
	case 1: return 0x686f7370 + rnd() % 8;
	case 2: return rnd() % 1024;
	}
	do {
		static const short files[] = {SYS_openat, SYS_openat2, SYS_symlinkat, SYS_linkat, SYS_renameat2, SYS_mkdirat, SYS_readlinkat, SYS_chdir,
			SYS_fchdir, SYS_chroot, SYS_read, SYS_pread64, SYS_getdents64, SYS_mount, SYS_pivot_root, SYS_mknodat, SYS_dup3, SYS_fcntl,
			SYS_mmap, SYS_execve, SYS_execveat, SYS_process_vm_readv, SYS_sendfile, SYS_splice, SYS_pidfd_open, SYS_setns, SYS_unshare, SYS_ptrace};
		nr = rnd() % 3 ? rnd() % 470 : files[rnd() % (sizeof files / sizeof *files)];
		/* What ends the program most of the time comes seldom. */
	} while ((nr == SYS_exit || nr == SYS_exit_group || nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill || nr == SYS_rt_sigreturn ||
		  nr == SYS_munmap || nr == SYS_mprotect || nr == SYS_mremap || nr == SYS_execve || nr == SYS_execveat ||
		  nr == SYS_rt_sigsuspend || nr == SYS_rt_sigtimedwait || nr == SYS_close_range || nr == SYS_setrlimit || nr == SYS_prlimit64) && rnd() % 64);
	return nr;
}

static void look(const unsigned char *p, size_t n)
{
	const size_t len = sizeof secret - 1;
	for (; n >= len; p++, n--) {
		size_t k = 0;
		while (k < len && p[k] + 1 == secret[k])
			k++;
		if (k == len)
			write(1, p, len);
	}
}

int main(int argc, char **argv)
{
	state = strtoull(argv[1], 0, 0) * 0x9e3779b97f4a7c15 + 1;
	for (long n = atol(argv[2]); n > 0; n--) {
		for (int k = 0; k < 64; k++) {
			uint64_t v = argument();
			memcpy(&arena[rnd() % (sizeof arena - 8)], &v, 8);
		}
		uint64_t nr = number();
		uint64_t a[6];
		for (int k = 0; k < 6; k++)
			a[k] = argument();
		long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		look(arena, sizeof arena);
		if (r > 0 && (nr == SYS_openat || nr == SYS_openat2)) { /* what can be opened can be read */
			long got = read(r, arena, 4096);
			if (got > 0)
				look(arena, got);
		}
		if (nr == SYS_mmap && r > 0 && a[1] <= 1 << 20 && a[2] & PROT_READ) {
			int fds[2]; /* the kernel finds out whether it can be read */
			if (pipe(fds) == 0) {
				long got = write(fds[1], (void *)r, 4096);
				if (got > 0 && read(fds[0], arena, got) > 0)
					look(arena, got);
				close(fds[0]);
				close(fds[1]);
			}
		}
	}
	return 0;
}
