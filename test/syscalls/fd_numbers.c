// The numbers of descriptors, and their limit: all are the program's.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int open_count(void) {
	int n = 0;
	for (int fd = 0; fd < 5000; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static int listed(void) {
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d);
	closedir(d);
	return n;
}

// A fork and a timed wait: hospes itself still works.
static void works(const char *when) {
	int p[2], status = -1;
	if (pipe(p)) {
		printf("%s: pipe: %s\n", when, strerrorname_np(errno));
		p[0] = p[1] = -1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		usleep(1000);
		_exit(write(p[1], "x", 1) == 1 || p[1] < 0 ? 7 : 8);
	}
	waitpid(pid, &status, 0);
	close(p[0]);
	close(p[1]);
	char *argv[] = {"true", NULL};
	printf("%s: child %d, listed as open %d\n", when, WEXITSTATUS(status), listed() == open_count());
}

static void each_number(void) {
	int bad = 0;
	for (int fd = 3; fd < 300; fd++) {
		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			printf("%d is open\n", fd);
		if (dup2(1, fd) != fd)
			printf("dup2 %d: %s\n", fd, strerrorname_np(errno));
		struct stat a, b;
		fstat(1, &a);
		bad += fstat(fd, &b) || a.st_ino != b.st_ino;
	}
	printf("dup2 bad %d, open %d\n", bad, open_count());
	works("all of 300");
	for (int fd = 3; fd < 300; fd++)
		bad += close(fd) != 0;
	printf("close bad %d, open %d\n", bad, open_count());
	for (int fd = 40; fd < 70; fd++) {
		int a = fcntl(1, F_DUPFD, fd), b = fcntl(1, F_DUPFD_CLOEXEC, fd);
		bad += a != fd || b != fd + 1 || fcntl(a, F_GETFD) != 0 || fcntl(b, F_GETFD) != FD_CLOEXEC;
		close(a), close(b);
	}
	printf("F_DUPFD bad %d\n", bad);
	int r = dup3(1, 4000, O_CLOEXEC);
	printf("dup3 far %d\n", r);
	works("far");
	close(4000);
}

static void in_order(void) {
	int bad = 0, expect = 3, n = 0;
	while (n++ < 40) {
		int p[2], s[2];
		bad += open("/dev/null", O_RDONLY) != expect++;
		pipe(p);
		bad += p[0] != expect++, bad += p[1] != expect++;
		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		bad += s[0] != expect++, bad += s[1] != expect++;
		bad += eventfd(0, 0) != expect++;
		bad += epoll_create1(0) != expect++;
		bad += timerfd_create(CLOCK_MONOTONIC, 0) != expect++;
		bad += dup(0) != expect++;
		bad += open("/proc/self/maps", O_RDONLY) != expect++;
		bad += open("/proc/self/status", O_RDONLY | O_CLOEXEC) != expect++;
		bad += socket(AF_UNIX, SOCK_DGRAM, 0) != expect++;
		if (bad) {
			printf("out of order at %d\n", expect);
			break;
		}
	}
	printf("in order: %d, open %d\n", bad, open_count());
	works("in order");
	closefrom(3);
	printf("closefrom: open %d\n", open_count());
}

static void passed(void) {
	int s[2], bad = 0, fds[60];
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	for (int i = 0; i < 60; i++)
		fds[i] = i % 3;
	char c = 0, control[CMSG_SPACE(sizeof fds)];
	memset(control, 0, sizeof control);
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	*h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(h), fds, sizeof fds);
	printf("sendmsg %zd\n", sendmsg(s[0], &m, 0));
	m.msg_controllen = sizeof control;
	printf("recvmsg %zd\n", recvmsg(s[1], &m, 0));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fds);
	for (int i = 0; i < 60; i++)
		bad += fds[i] != s[1] + 1 + i;
	printf("received bad %d, open %d\n", bad, open_count());
	closefrom(3);
}

static void limit(int soft, int hard) {
	struct rlimit old, l = {soft, hard};
	getrlimit(RLIMIT_NOFILE, &old);
	printf("limit %d: %d\n", soft, setrlimit(RLIMIT_NOFILE, &l));
	getrlimit(RLIMIT_NOFILE, &l);
	printf("limit %d %d\n", (int)l.rlim_cur, (int)l.rlim_max);
	int n = 0, fd, last = 0;
	struct stat st;
	while ((fd = open(n % 2 ? "/dev/null" : "/proc/self/cmdline", O_RDONLY)) >= 0)
		n++, last = fd;
	printf("opened %d, last %d, then %s\n", n, last, strerrorname_np(errno));
	printf("stat %d, access %d\n", stat("/etc/passwd", &st), access("/proc/self/exe", X_OK));
	int p[2];
	int r = pipe(p);
	printf("pipe %d %s\n", r, strerrorname_np(errno));
	r = dup(0);
	printf("dup %d %s\n", r, strerrorname_np(errno));
	r = fcntl(0, F_DUPFD, 10);
	printf("F_DUPFD %d %s\n", r, strerrorname_np(errno));
	r = dup2(0, soft);
	printf("dup2 to the limit %d %s\n", r, strerrorname_np(errno));
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(open_count() == soft ? 9 : 1);
	waitpid(pid, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
	close(last);
	printf("one more %d\n", open("/dev/null", O_RDONLY) == last);
	closefrom(3);
	works("limited");
	l = (struct rlimit){soft, old.rlim_max};
	printf("hard limit back: %d\n", setrlimit(RLIMIT_NOFILE, &l) == 0 || geteuid());
	setrlimit(RLIMIT_NOFILE, &old);
}

static void spawned(void) {
	for (int fd = 45; fd < 66; fd += 5) {
		posix_spawn_file_actions_t a;
		posix_spawn_file_actions_init(&a);
		posix_spawn_file_actions_adddup2(&a, 1, fd);
		char text[100];
		snprintf(text, sizeof text, "echo to %d >&%d", fd, fd > 9 ? 1 : fd);
		char *argv[] = {"sh", "-c", text, NULL};
		pid_t pid;
		int status, e = posix_spawn(&pid, "/bin/sh", &a, NULL, argv, environ);
		waitpid(pid, &status, 0);
		printf("spawn %d: %s %d\n", fd, e ? strerrorname_np(e) : "0", WEXITSTATUS(status));
		posix_spawn_file_actions_destroy(&a);
	}
	works("spawned");
}

static void closed(void) {
	printf("close_range %d\n", close_range(3, ~0U, 0));
	works("close_range");
	for (int fd = 3; fd < 200; fd++)
		if (close(fd) == 0 || errno != EBADF)
			printf("closed %d\n", fd);
	struct pollfd p[64];
	for (int i = 0; i < 64; i++)
		p[i] = (struct pollfd){.fd = i + 40, .events = POLLIN};
	printf("poll %d", poll(p, 64, 0));
	int invalid = 0;
	for (int i = 0; i < 64; i++)
		invalid += p[i].revents == POLLNVAL;
	printf(" invalid %d\n", invalid);
	char name[40];
	struct stat st;
	int found = 0;
	for (int fd = 3; fd < 200; fd++) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		found += lstat(name, &st) == 0 || errno != ENOENT;
		found += open(name, O_RDONLY | O_PATH) >= 0;
		snprintf(name, sizeof name, "/dev/fd/%d", fd);
		found += access(name, F_OK) == 0;
		snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", getpid(), fd);
		found += readlink(name, name, sizeof name) >= 0 || errno != ENOENT;
		snprintf(name, sizeof name, "/proc/self/task/%d/fd/%d", getpid(), fd);
		found += readlink(name, name, sizeof name) >= 0;
	}
	printf("found %d\n", found);
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	found = 0;
	for (int fd = 4; fd < 200; fd++) {
		snprintf(name, sizeof name, "%d", fd);
		found += fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	}
	printf("found in the directory %d\n", found);
	close(dir);
}

int main(void) {
	setvbuf(stdout, NULL, _IONBF, 0);
	closefrom(3);
	passed();
	spawned();
	closed();
	in_order();
	passed();
	each_number();
	limit(100, 200);
	limit(50, 50);
	limit(10, 10);
	limit(1000, 1000);
	works("end");
}
