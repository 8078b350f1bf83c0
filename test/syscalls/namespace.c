// Namespaces: unshare, setns and clone with each kind, by processes of one thread and of two.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <net/if.h>
#include <unistd.h>

#define TRY(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void in(const char *what, void (*run)(void))
{
	int status;
	printf("-- %s\n", what);
	fflush(stdout);
	pid_t p = fork();
	if (!p) {
		run();
		fflush(stdout);
		_exit(7);
	}
	waitpid(p, &status, 0);
	if (status != 7 << 8)
		printf("ended with %x\n", status);
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);
	errno = 0;
	long r = write(fd, text, strlen(text));
	printf("%s: %d %s\n", strrchr(file, '/'), r == (long)strlen(text), errno ? strerrorname_np(errno) : "");
	close(fd);
}

static void user(void)
{
	char map[64];
	int uid = geteuid(), gid = getegid();
	TRY(unshare(CLONE_NEWUSER));
	printf("nobody: %d %d\n", geteuid() == 65534, getegid() == 65534);
	put("/proc/self/setgroups", "deny");
	sprintf(map, "0 %d 1", uid);
	put("/proc/self/uid_map", map);
	sprintf(map, "0 %d 1", gid);
	put("/proc/self/gid_map", map);
	TRY(geteuid());
	TRY(getegid());
	TRY(sethostname("inner", 5));
	TRY(unshare(CLONE_NEWUTS));
	TRY(sethostname("inner", 5));
	struct utsname u;
	uname(&u);
	printf("%s\n", u.nodename);
	TRY(unshare(CLONE_NEWNS));
	TRY(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	TRY(mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
	TRY(mkdir("/tmp/only-here", 0700));
	TRY(access("/tmp/only-here", F_OK));
	TRY(unshare(CLONE_NEWNET));
	struct ifreq lo = {.ifr_name = "lo"};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(ioctl(s, SIOCGIFFLAGS, &lo));
	printf("up: %d\n", !!(lo.ifr_flags & IFF_UP));
	lo.ifr_flags |= IFF_UP;
	TRY(ioctl(s, SIOCSIFFLAGS, &lo));
	TRY(unshare(CLONE_NEWIPC | CLONE_NEWCGROUP));
	fflush(stdout);
	pid_t p = fork();
	if (!p) {
		uname(&u);
		printf("child: %s %d %d\n", u.nodename, geteuid(), access("/tmp/only-here", F_OK));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void *thread(void *arg)
{
	struct utsname u;
	uname(&u);
	printf("thread: %s %d %d\n", u.nodename, geteuid(), access("/tmp/only-here", F_OK));
	return NULL;
}

// late makes threads after everything has been changed.
static void late(void)
{
	char map[64];
	int uid = geteuid();
	TRY(unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS | CLONE_FS | CLONE_FILES));
	sprintf(map, "0 %d 1", uid);
	put("/proc/self/uid_map", map);
	TRY(sethostname("late", 4));
	TRY(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	TRY(mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
	TRY(mkdir("/tmp/only-here", 0700));
	for (int i = 0; i < 3; i++) {
		pthread_t t;
		pthread_create(&t, NULL, thread, NULL);
		pthread_join(t, NULL);
	}
}

static void pid(void)
{
	TRY(unshare(CLONE_NEWUSER | CLONE_NEWPID));
	fflush(stdout);
	pid_t outer = fork();
	if (!outer) {
		printf("pid %d ppid %d tid %d\n", getpid(), getppid(), (int)syscall(SYS_gettid));
		fflush(stdout);
		for (int i = 0; i < 3; i++) {
			pid_t p = fork();
			if (!p) {
				printf("pid %d ppid %d\n", getpid() == syscall(SYS_gettid), getppid());
				fflush(stdout);
				pthread_t t;
				pthread_create(&t, NULL, thread, NULL);
				pthread_join(t, NULL);
				fflush(stdout);
				if (!fork())
					_exit(3);
				int status;
				printf("grandchild %d\n", wait(&status) > getpid());
				fflush(stdout);
				kill(1, SIGKILL); // no effect from within
				_exit(i);
			}
			int status;
			printf("waited: %d", wait(&status) == p);
			printf(" %d\n", WEXITSTATUS(status));
		}
		fflush(stdout);
		if (!vfork()) {
			execl("/proc/self/exe", "x", "exec", NULL);
			_exit(99);
		}
		wait(NULL);
		fflush(stdout);
		_exit(5);
	}
	int status;
	waitpid(outer, &status, 0);
	printf("outer: %x\n", status);
	fflush(stdout);
	outer = fork(); // the namespace's first process has gone
	if (!outer)
		_exit(0);
	printf("%d %s\n", outer < 0, strerrorname_np(errno));
	pthread_t t;
	printf("thread: %s\n", strerrorname_np(pthread_create(&t, NULL, thread, NULL)));
}

static int cloned(void *arg)
{
	struct utsname u;
	sethostname("cloned", 6);
	uname(&u);
	printf("pid %d ppid %d %s\n", getpid(), getppid(), u.nodename);
	fflush(stdout);
	return 4;
}

static void clones(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	pid_t p = clone(cloned, stack + sizeof stack, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | SIGCHLD, NULL);
	waitpid(p, &status, 0);
	printf("%d %x\n", p > 0, status);
	p = clone(cloned, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS | SIGCHLD, NULL);
	waitpid(p, &status, 0);
	printf("%d %x\n", p > 0, status);
	TRY(clone(cloned, stack + sizeof stack, CLONE_NEWUSER | CLONE_FS | SIGCHLD, NULL));
	TRY(clone(cloned, stack + sizeof stack, CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL));
	TRY(clone(cloned, stack + sizeof stack, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, NULL));
}

// same reports whether two files of /proc are the same namespace.
static int same(const char *a, const char *b)
{
	char x[100], y[100];
	x[readlink(a, x, 99)] = 0, y[readlink(b, y, 99)] = 0;
	return !strcmp(x, y);
}

static void join(void)
{
	char name[64], parent[64];
	int fds[2], back[2];
	char c;
	pipe(fds), pipe(back);
	fflush(stdout);
	pid_t p = fork();
	if (!p) {
		unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWNET);
		sethostname("joined", 6);
		write(fds[1], "x", 1);
		read(back[0], &c, 1);
		_exit(0);
	}
	read(fds[0], &c, 1);
	const char *kinds[] = {"user", "uts", "net", "mnt"};
	for (int i = 0; i < 4; i++) {
		sprintf(name, "/proc/%d/ns/%s", p, kinds[i]);
		sprintf(parent, "/proc/self/ns/%s", kinds[i]);
		int fd = open(name, O_RDONLY);
		printf("%s: %d", kinds[i], same(name, parent));
		// These requests take no argument; what is there does not matter.
		int owner = ioctl(fd, NS_GET_USERNS, name);
		printf(" owner %d, kind %x, its kind %x;", owner >= 0, ioctl(fd, NS_GET_NSTYPE, name), ioctl(owner, NS_GET_NSTYPE, name));
		close(owner);
		int r = setns(fd, i == 1 ? CLONE_NEWNET : 0);
		printf(" %d %s", r, r ? strerrorname_np(errno) : "");
		if (r)
			r = setns(fd, CLONE_NEWUTS);
		printf(" %d %d\n", r, same(name, parent));
		close(fd);
	}
	struct utsname u;
	uname(&u);
	printf("%s\n", u.nodename);
	TRY(setns(fds[0], 0));
	TRY(setns(999, 0));
	TRY(setns(-1, CLONE_NEWNET));
	write(back[1], "x", 1);
	waitpid(p, NULL, 0);
}

static void join_pidfd(void)
{
	int fds[2], back[2];
	char c;
	pipe(fds), pipe(back);
	fflush(stdout);
	pid_t p = fork();
	if (!p) {
		unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC);
		sethostname("pidfd", 5);
		write(fds[1], "x", 1);
		read(back[0], &c, 1);
		_exit(0);
	}
	read(fds[0], &c, 1);
	int fd = syscall(SYS_pidfd_open, p, 0);
	TRY(setns(fd, 0));
	TRY(setns(fd, CLONE_NEWUTS | CLONE_FS));
	TRY(setns(fd, CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID) < 0 && errno != EPERM);
	TRY(setns(fd, CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC) < 0 && errno != EINVAL);
	struct utsname u;
	uname(&u);
	printf("%s\n", u.nodename);
	write(back[1], "x", 1);
	waitpid(p, NULL, 0);
}

static int ready[2], leave[2];

static void *sleeper(void *arg)
{
	char c;
	write(ready[1], "x", 1);
	read(leave[0], &c, 1);
	return NULL;
}

static void threads(void)
{
	pthread_t t;
	char c;
	pipe(ready), pipe(leave);
	pthread_create(&t, NULL, sleeper, NULL);
	read(ready[0], &c, 1);
	TRY(unshare(CLONE_NEWUSER));
	TRY(unshare(CLONE_THREAD));
	TRY(unshare(CLONE_VM));
	TRY(unshare(CLONE_SIGHAND));
	TRY(unshare(CLONE_FS));
	TRY(unshare(CLONE_FILES));
	TRY(unshare(0));
	int fd = open("/proc/self/ns/user", O_RDONLY);
	TRY(setns(fd, 0));
	write(leave[1], "x", 1);
	pthread_join(t, NULL);
	fd = open("/proc/self/ns/user", O_RDONLY);
	TRY(setns(fd, 0)); // its own
}

static void single(void)
{
	TRY(unshare(CLONE_THREAD));
	TRY(unshare(CLONE_VM));
	TRY(unshare(CLONE_SIGHAND));
	TRY(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
	TRY(unshare(0));
	TRY(unshare(CLONE_VFORK));
	TRY(unshare(CLONE_PARENT));
	TRY(unshare(SIGCHLD));
	TRY(unshare(CLONE_NEWUSER | CLONE_NEWTIME));
	struct timespec before, after, call;
	for (int i = 0; i < 100; i++)
		clock_gettime(CLOCK_MONOTONIC, &before);
	put("/proc/self/timens_offsets", "monotonic 86400 0\n");
	fflush(stdout);
	if (!fork()) {
		clock_gettime(CLOCK_MONOTONIC, &after);
		long days = (after.tv_sec - before.tv_sec) / 86400;
		printf("a day later: %ld\n", days);
		int same = 0;
		for (int i = 0; i < 100; i++) {
			clock_gettime(CLOCK_MONOTONIC, &after);
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &call);
			same += (call.tv_sec - after.tv_sec) / 3600 == 0;
		}
		printf("the same by system calls: %d\n", same);
		struct timespec nap = {0, 1000000};
		TRY(nanosleep(&nap, NULL));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	pthread_t t;
	int r = pthread_create(&t, NULL, thread, NULL);
	if (r == 0)
		pthread_join(t, NULL);
	printf("thread: %s\n", strerrorname_np(r));
}

// storm does it again and again, with work for the runtime between.
static void storm(void)
{
	int bad = 0;
	for (int i = 0; i < 25; i++) {
		if (!fork()) {
			for (int k = 0; k < 6; k++)
				if (unshare(k == 0 ? CLONE_NEWUSER : CLONE_NEWUTS))
					_exit(1);
			pid_t p = fork();
			if (!p) {
				unshare(CLONE_NEWUSER);
				_exit(0);
			}
			int status;
			if (waitpid(p, &status, 0) != p || status)
				_exit(2);
			_exit(0);
		}
		int status;
		wait(&status);
		bad += status != 0;
	}
	printf("%d bad\n", bad);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		printf("exec: pid %d ppid %d\n", getpid() == syscall(SYS_gettid), getppid());
		fflush(stdout);
		if (!fork())
			_exit(0);
		printf("child %d\n", wait(NULL) > getpid());
		return 0;
	}
	in("single", single);
	in("user", user);
	in("late", late);
	in("pid", pid);
	in("clone", clones);
	in("join", join);
	in("join by pidfd", join_pidfd);
	in("threads", threads);
	in("storm", storm);
	return 0;
}
