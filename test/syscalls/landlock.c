// Landlock: rules, restriction of the process, its threads, children and programs.
// args: main
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

#define EXECUTE 1
#define WRITE_FILE 2
#define READ_FILE 4
#define READ_DIR 8

struct ruleset { uint64_t fs, net; };
struct beneath { uint64_t access; int32_t parent; } __attribute__((packed));

static int create(struct ruleset *r, size_t n, unsigned flags) { return syscall(444, r, n, flags); }
static int add(int fd, int type, void *attr, unsigned flags) { return syscall(445, fd, type, attr, flags); }
static int restrict_self(int fd, unsigned flags) { return syscall(446, fd, flags); }

static void look(const char *who)
{
	printf("%s: allowed %d", who, open("allowed/file", O_RDONLY) >= 0);
	errno = 0;
	printf(" other %d", open("other/file", O_RDONLY) >= 0);
	printf(" %s\n", strerrorname_np(errno));
	fflush(stdout);
}

static void *thread(void *arg)
{
	look(arg);
	return NULL;
}

static int go, ready;

static void *early(void *arg)
{
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		usleep(1000);
	look("thread of before");
	return NULL;
}

static void rules(void)
{
	struct ruleset r = {READ_FILE | READ_DIR};
	int fd = create(&r, sizeof r, 0);
	TRY(create(NULL, 0, 1) > 0);
	TRY(create(&r, 4, 0));
	TRY(create(&r, 1 << 20, 0));
	TRY(create(&r, sizeof r, 99));
	TRY(create((void *)8, 16, 0));
	struct ruleset none = {0};
	TRY(create(&none, sizeof none, 0));
	struct beneath b = {READ_FILE, open("allowed", O_PATH)};
	TRY(add(fd, 1, &b, 0));
	TRY(add(fd, 1, &b, 1));
	TRY(add(fd, 9, &b, 0));
	TRY(add(fd, 1, NULL, 0));
	TRY(add(99, 1, &b, 0));
	b.access = WRITE_FILE;
	TRY(add(fd, 1, &b, 0));
	b.access = 0;
	TRY(add(fd, 1, &b, 0));
	b.access = READ_FILE, b.parent = 99;
	TRY(add(fd, 1, &b, 0));
	TRY(restrict_self(99, 0));
	TRY(restrict_self(fd, 1 << 20));
}

static int sandbox(uint64_t handled)
{
	struct ruleset r = {handled};
	int fd = create(&r, sizeof r, 0);
	struct beneath b = {handled, open("allowed", O_PATH)};
	add(fd, 1, &b, 0);
	return fd;
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[1], "exec")) {
		look("exec");
		return 0;
	}
	if (create(NULL, 0, 1) < 0) {
		printf("no landlock: %s\n", strerrorname_np(errno));
		return 0;
	}
	mkdir("allowed", 0755), mkdir("other", 0755);
	close(open("allowed/file", O_CREAT | O_WRONLY, 0644));
	close(open("other/file", O_CREAT | O_WRONLY, 0644));
	char self[4096];
	self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
	link(self, "allowed/program") == 0 || symlink(self, "allowed/program");
	rules();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fflush(stdout);
	if (!fork()) {
		int fd = sandbox(EXECUTE | WRITE_FILE | READ_FILE | READ_DIR);
		// The program itself, wherever it is.
		struct beneath b = {READ_FILE | EXECUTE, open(self, O_PATH)};
		add(fd, 1, &b, 0);
		TRY(restrict_self(fd, 0));
		look("main");
		pthread_t t;
		pthread_create(&t, NULL, thread, "thread");
		pthread_join(t, NULL);
		if (!fork()) {
			look("fork");
			_exit(0);
		}
		wait(NULL);
		if (!vfork()) {
			execl(self, "x", "exec", NULL);
			_exit(1);
		}
		int status;
		wait(&status);
		printf("%x\n", status);
		TRY(execl("/bin/true", "true", NULL));
		TRY(restrict_self(sandbox(READ_FILE), 0));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	if (!fork()) {
		pthread_t t;
		pthread_create(&t, NULL, early, NULL);
		while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
			usleep(1000);
		TRY(restrict_self(sandbox(READ_FILE), 0));
		look("main of two");
		__atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
		pthread_join(t, NULL);
		_exit(0);
	}
	wait(NULL);
	look("parent");
	return 0;
}
