// Keys, extended attributes by descriptor, kcmp, quotas, secret memory: calls that are seldom used.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

static long keyctl(int op, long a, long b, long c, long d) { return syscall(SYS_keyctl, op, a, b, c, d); }

static void keys(void)
{
	char buf[200] = "";
	long ring = keyctl(1, 0, 0, 0, 0); // a session keyring of its own
	if (ring < 0) {
		printf("no keys: %s\n", strerrorname_np(errno));
		return;
	}
	long k = syscall(SYS_add_key, "user", "hospes:test", "payload", 7, ring);
	printf("key %d\n", k > 0);
	TRY(keyctl(11, k, (long)buf, sizeof buf, 0));
	puts(buf);
	TRY(keyctl(2, k, (long)"other payload", 13, 0));
	TRY(keyctl(11, k, 0, 0, 0));
	TRY(keyctl(11, k, (long)buf, sizeof buf, 0));
	puts(buf);
	TRY(keyctl(6, k, (long)buf, sizeof buf, 0) > 20);
	printf("%d %d\n", !strncmp(buf, "user;", 5), !strcmp(strrchr(buf, ';'), ";hospes:test"));
	TRY(keyctl(10, ring, (long)"user", (long)"hospes:test", 0) == k);
	TRY(keyctl(10, ring, (long)"user", (long)"hospes:none", 0));
	TRY(syscall(SYS_request_key, "user", "hospes:test", NULL, 0) == k);
	TRY(keyctl(5, k, 0x3f3f0000, 0, 0));
	TRY(keyctl(15, k, 100, 0, 0));
	TRY(keyctl(9, k, ring, 0, 0));
	TRY(keyctl(8, k, ring, 0, 0));
	TRY(keyctl(7, ring, 0, 0, 0));
	TRY(keyctl(3, k, 0, 0, 0));
	TRY(keyctl(99, 0, 0, 0, 0));
	TRY(keyctl(11, 0x7fffffff, (long)buf, 10, 0));
	TRY(keyctl(6, ring, 8, 100, 0) > 10 || errno == EFAULT);
	TRY(syscall(SYS_add_key, "user", (void *)8, "x", 1, ring));
	TRY(syscall(SYS_add_key, "nosuchtype", "x", "x", 1, ring));
}

struct xattr_args { uint64_t value; uint32_t size, flags; };

static void xattrs(void)
{
	char buf[100] = "";
	int fd = open("file", O_CREAT | O_RDWR, 0644), dir = open(".", O_RDONLY | O_DIRECTORY);
	struct xattr_args set = {(uintptr_t) "value", 5, 0}, get = {(uintptr_t)buf, sizeof buf, 0};
	errno = 0;
	if (syscall(463, dir, "file", 0, "user.hospes", &set, sizeof set) < 0) {
		printf("no xattrat: %s\n", strerrorname_np(errno));
		return;
	}
	TRY(syscall(464, dir, "file", 0, "user.hospes", &get, sizeof get));
	puts(buf);
	set.value = (uintptr_t) "another", set.size = 7, set.flags = XATTR_CREATE;
	TRY(syscall(463, dir, "file", 0, "user.hospes", &set, sizeof set));
	set.flags = 0;
	TRY(syscall(463, fd, "", AT_EMPTY_PATH, "user.hospes", &set, sizeof set));
	TRY(syscall(464, fd, "", AT_EMPTY_PATH, "user.hospes", &get, sizeof get));
	puts(buf);
	get.size = 3;
	TRY(syscall(464, fd, "", AT_EMPTY_PATH, "user.hospes", &get, sizeof get));
	get.size = 0;
	TRY(syscall(464, fd, "", AT_EMPTY_PATH, "user.hospes", &get, sizeof get));
	memset(buf, 0, sizeof buf);
	TRY(syscall(465, dir, "file", 0, buf, sizeof buf) >= 12);
	TRY(syscall(464, dir, "file", 0, "user.hospes", &get, 8));
	TRY(syscall(464, dir, "file", 0, "user.hospes", &get, 5000));
	TRY(syscall(464, dir, "file", 0, "user.hospes", (void *)8, 16));
	TRY(syscall(464, dir, "file", 0xf0000000, "user.hospes", &get, 16));
	TRY(syscall(464, 99, "file", 0, "user.hospes", &get, 16));
	TRY(syscall(466, dir, "file", 0, "user.hospes"));
	TRY(syscall(466, dir, "file", 0, "user.hospes"));
}

static long kcmp(int type, long a, long b) { return syscall(SYS_kcmp, getpid(), getpid(), type, a, b); }

// undo has a child compare itself with its parent as to adjustments of semaphores, before
// and after those have any.
static void undo(void)
{
	const int SYSVSEM = 6;
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf up = {0, 1, SEM_UNDO};
	for (int has = 0; has < 3; has++) { // nobody, the parent, both
		if (has == 1) semop(set, &up, 1);
		fflush(stdout);
		int p = fork();
		if (p == 0) {
			if (has == 2) semop(set, &up, 1);
			printf("adjustments %d: %d\n", has, syscall(SYS_kcmp, getpid(), getppid(), SYSVSEM, 0, 0) > 0);
			fflush(stdout);
			_exit(0);
		}
		waitpid(p, NULL, 0);
	}
	TRY(kcmp(SYSVSEM, 0, 0));
	semctl(set, 0, IPC_RMID);
}

static void compare(void)
{
	undo();
	int fd = open("file", O_RDONLY), same = dup(fd), other = open("file", O_RDONLY);
	TRY(kcmp(0, fd, same));
	TRY(kcmp(0, fd, other) > 0);
	TRY(kcmp(0, fd, 999));
	TRY(kcmp(1, 0, 0));
	TRY(kcmp(2, 0, 0));
	TRY(kcmp(99, 0, 0));
	int p[2], ep = epoll_create1(0);
	pipe(p);
	struct epoll_event ev = {EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	struct { uint32_t efd, tfd, toff; } slot = {ep, p[0], 0}, bad = {ep, p[1], 0};
	TRY(kcmp(7, p[0], (long)&slot));
	TRY(kcmp(7, p[1], (long)&slot) > 0);
	TRY(kcmp(7, p[0], (long)&bad));
	TRY(kcmp(7, p[0], 8));
}

static void various(void)
{
	char buf[256];
	int fd = open("file", O_RDONLY);
	TRY(syscall(SYS_quotactl, 0x80000700, "/nonexistent", 0, buf));
	TRY(syscall(SYS_quotactl, 0x12345600, "/", 0, buf));
	TRY(syscall(443, 999, 0x80000700, 0, buf));
	int secret = syscall(447, 0);
	if (secret < 0)
		printf("no secrets: %s\n", strerrorname_np(errno));
	else {
		ftruncate(secret, 4096);
		char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, secret, 0);
		if (m != MAP_FAILED) {
			strcpy(m, "secret");
			TRY(write(1, m, 0));
			printf("%s\n", m);
		}
	}
	TRY(syscall(447, 99));
	TRY(syscall(468, AT_FDCWD, "file", buf, 24, 0) == 0 || errno == EOPNOTSUPP || errno == ENOTTY || errno == ENOSYS);
	TRY(syscall(467, AT_FDCWD, "nonexistent", 0, buf, 32) < 0);
	TRY(syscall(SYS_process_madvise, 999, NULL, 0, MADV_COLD, 0));
	TRY(syscall(SYS_process_madvise, fd, NULL, 0, MADV_COLD, 0));
	int self = syscall(SYS_pidfd_open, getpid(), 0);
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct { void *p; size_t n; } iov[] = {{m, 4096}, {m + 4096, 4096}};
	TRY(syscall(SYS_process_madvise, self, iov, 2, MADV_COLD, 0));
	TRY(syscall(SYS_process_madvise, self, iov, 2, MADV_COLD, 1));
	TRY(syscall(SYS_process_madvise, self, iov, 2000, MADV_COLD, 0));
	TRY(syscall(SYS_process_madvise, self, iov, 2, 12345, 0));
	TRY(syscall(SYS_process_madvise, self, (void *)8, 2, MADV_COLD, 0));
	munmap(m + 4096, 4096);
	TRY(syscall(SYS_process_madvise, self, iov, 2, MADV_COLD, 0));
	TRY(syscall(SYS_process_madvise, self, iov + 1, 1, MADV_COLD, 0));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	keys();
	xattrs();
	compare();
	various();
	return 0;
}
